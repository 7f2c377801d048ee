//! Reads many runs at a time.

use std::path::PathBuf;

use super::layout::Candidate;
use super::run::Run;

/// What was found.
#[derive(Debug, Default)]
pub struct Scan {
    /// The runs, by sweep, experiment and name.
    pub runs: Vec<Run>,
    /// Folders that are no runs.
    pub foreign: Vec<PathBuf>,
}

/// Reads the candidates, on all cores.
pub fn read(candidates: &[Candidate]) -> Scan {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let share = candidates.len().div_ceil(cores).max(1);
    let one = |Candidate { path, sweep, .. }: &Candidate| {
        Run::read(path, sweep.as_deref()).ok_or(path.clone())
    };
    let parts: Vec<Vec<Result<Run, PathBuf>>> = std::thread::scope(|scope| {
        let work = |part: &[Candidate]| part.iter().map(one).collect::<Vec<_>>();
        let threads: Vec<_> =
            candidates.chunks(share).map(|part| scope.spawn(move || work(part))).collect();
        threads.into_iter().map(|thread| thread.join().unwrap_or_default()).collect()
    });
    let mut scan = Scan::default();
    for found in parts.into_iter().flatten() {
        match found {
            Ok(run) => scan.runs.push(run),
            Err(path) => scan.foreign.push(path),
        }
    }
    scan
}
