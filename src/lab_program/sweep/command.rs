//! The command `lab sweep`: begins a sweep or goes on with one, here or on a cluster.

use std::process::ExitCode;

use anyhow::Result;

use super::args::{Launcher, SweepArgs};
use super::manifest::Sweep;
use super::pool::{Pool, Slot, VISIBLE};
use super::{plan, results, slurm};
use crate::lab::error::{Failure, exit_code};
use crate::lab::log::console::Console;
use crate::lab::store::folder;
use crate::lab::train::signals::StopSignal;
use crate::lab::train::summary::quoted;

/// Begins a sweep, or goes on with one.
///
/// # Errors
/// Exit code 2 where a point is refused, before anything is written; otherwise what made going on
/// impossible. A point that fails is no error: it is in the exit code.
pub fn sweep(own_args: &SweepArgs, passed: Vec<String>) -> Result<ExitCode> {
    let stop = StopSignal::install()?;
    let sweep = match &own_args.resume {
        Some(asked) => plan::resume_sweep(own_args, asked, &passed)?,
        None => plan::new_sweep(own_args, passed)?,
    };
    if own_args.dry_run {
        plan::say_points(&sweep);
        return Ok(ExitCode::SUCCESS);
    }
    if own_args.resume.is_none() {
        plan::begin(&sweep)?;
    }
    let _lock = folder::lock(&sweep.home())?;
    match own_args.launcher {
        Launcher::Local => run(&sweep, own_args, &stop),
        Launcher::Slurm => submit(&sweep, own_args),
    }
}

fn run(sweep: &Sweep, own_args: &SweepArgs, stop: &StopSignal) -> Result<ExitCode> {
    let console = Console::new(own_args.quiet, false);
    let mut pool = Pool::new(sweep, slots(sweep, own_args))?;
    let ended = pool.run(stop, own_args.quiet);
    if let Err(error) = &ended
        && let Some(Failure::Interrupted { .. }) = error.downcast_ref::<Failure>()
    {
        console.note(&format!("continue with: {} sweep --resume {}", program(), sweep.name));
        return Ok(exit_code(error));
    }
    ended?;
    let table = results::write(sweep)?;
    console.report(table.text().trim_end());
    if let Some(best) = results::best(sweep) {
        console.report(&format!("best         {best}"));
    }
    let home = sweep.home();
    console.report(&format!("sweep        {}", home.display()));
    console.report(&format!("figures      {}/figures", home.display()));
    let home = quoted(&home.display().to_string());
    console.report(&format!("TensorBoard  {} tensorboard {home}", program()));
    if pool.stopped > 0 {
        let (stopped, all) = (pool.stopped, sweep.points.len());
        let what = "worse than the median, stopped early";
        console.report(&format!("stopped      {stopped} of {all} points: {what}"));
    }
    let has_score = |point| sweep.run(point).is_some_and(|run| run.score().is_some());
    if sweep.stop.is_some() && !sweep.points.iter().any(has_score) {
        console.warn("--stop: no evaluation had a score, so that no point was compared");
    }
    for (name, reason) in &pool.failed {
        console.warn(&format!("{name}: {reason}"));
    }
    Ok(if pool.failed.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn submit(sweep: &Sweep, own_args: &SweepArgs) -> Result<ExitCode> {
    let console = Console::new(own_args.quiet, false);
    match slurm::submit(sweep, own_args.template.as_deref(), own_args.jobs)? {
        Some(job) => console.report(&format!("job          {job}, a task for each point")),
        None => console.report("every point is over, or in the queue"),
    }
    console.report(&format!("sweep        {}", sweep.home().display()));
    console.report(&format!("status       {} sweep status {}", program(), sweep.name));
    Ok(ExitCode::SUCCESS)
}

/// This program as it was called, for commands that can be typed as they stand.
fn program() -> String {
    let word = std::env::args_os().next();
    word.map_or("lab".into(), |word| quoted(&word.to_string_lossy()))
}

/// The names by which a process of its own can be given each of the GPUs that CUDA sees here, of which
/// there are `count`: those that `CUDA_VISIBLE_DEVICES` has for them, where it is set.
fn visible_gpus(visible: Option<&str>, count: usize) -> Vec<String> {
    match visible {
        Some(names) => names.split(',').take(count).map(|name| name.trim().to_string()).collect(),
        None => (0..count).map(|index| index.to_string()).collect(),
    }
}

/// Places to run in: so many for each GPU, or the cores shared out by threads.
fn slots(sweep: &Sweep, own_args: &SweepArgs) -> Vec<Slot> {
    let mut gpus = own_args.gpus.clone();
    if gpus.is_empty() && sweep.gpu && tch::Cuda::is_available() {
        let count = usize::try_from(tch::Cuda::device_count()).unwrap_or(0);
        gpus = visible_gpus(std::env::var(VISIBLE).ok().as_deref(), count);
    }
    if !gpus.is_empty() {
        let each = own_args.per_gpu;
        let places = (0..each).flat_map(|_| gpus.iter().map(|gpu| Slot { gpu: Some(gpu.clone()) }));
        let places: Vec<Slot> = places.collect();
        return places[..own_args.jobs.unwrap_or(places.len()).clamp(1, places.len())].to_vec();
    }
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let jobs = own_args.jobs.unwrap_or(cores / sweep.threads.max(1)).max(1);
    vec![Slot { gpu: None }; jobs]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gpus_have_the_names_that_the_environment_has_for_them() {
        assert_eq!(visible_gpus(None, 3), ["0", "1", "2"]);
        assert_eq!(visible_gpus(Some("5,GPU-8a1f"), 2), ["5", "GPU-8a1f"]);
        assert_eq!(visible_gpus(Some(" 3 , 1"), 2), ["3", "1"]);
        assert_eq!(visible_gpus(Some("MIG-4c, MIG-4d"), 1), ["MIG-4c"]);
        // CUDA sees none from the first on that there is not.
        assert_eq!(visible_gpus(Some("2,-1,3"), 1), ["2"]);
        assert!(visible_gpus(Some(""), 0).is_empty() && visible_gpus(None, 0).is_empty());
    }
}
