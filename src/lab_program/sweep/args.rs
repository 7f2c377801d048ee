//! The flags of `lab sweep`, and which words of its command line are the experiment's.

use std::path::PathBuf;

use clap::Args;
use clap::builder::TypedValueParser;

/// Flags of `lab sweep` of its own.
#[derive(Debug, Clone, Args)]
pub struct SweepArgs {
    /// The experiment: the name of its binary
    pub experiment: Option<String>,
    /// A setting and its values: lr=1e-3,1e-2 or seed=0..9 (both included); values that have commas
    /// are separated by semicolons. May be repeated: every combination is a point
    #[arg(long, value_name = "KEY=VALUES")]
    pub grid: Vec<String>,
    /// Draw this many points at random from what --set has, each with every combination of the grid:
    /// random:50
    #[arg(long, value_name = "random:POINTS", requires = "set")]
    pub search: Option<String>,
    /// A setting that --search draws: lr=log:1e-4..1e-1 (its logarithm is uniform), dropout=lin:0..0.5,
    /// batch-size=int:16..128, or choices as --grid takes them. May be repeated
    #[arg(long, value_name = "KEY=VALUES", requires = "search")]
    pub set: Vec<String>,
    /// Seed of --search: the same one draws the same points
    #[arg(long, value_name = "SEED", requires = "search")]
    pub search_seed: Option<u64>,
    /// Stop a point whose best result is worse than the median of the others' at the same step, once
    /// a quarter of its steps are done: median, or median:grace=STEPS,others=POINTS
    #[arg(long, value_name = "RULE")]
    pub stop: Option<String>,
    /// Name of the sweep; by default `<experiment>-<UTC time>`
    #[arg(long)]
    pub name: Option<String>,
    /// Go on with a sweep: its name or folder
    #[arg(long, value_name = "NAME|PATH", num_args = 0..=1, default_missing_value = "")]
    pub resume: Option<String>,
    /// Points that run at a time; by default as many as there are cores for, or places on GPUs
    #[arg(long, value_parser = clap::value_parser!(u16).range(1..).map(usize::from))]
    pub jobs: Option<usize>,
    /// GPUs to use, separated by commas, as CUDA_VISIBLE_DEVICES takes them; by default those that it
    /// has, or all, unless the device is cpu
    #[arg(long, value_delimiter = ',')]
    pub gpus: Vec<String>,
    /// Points that share a GPU
    #[arg(long, default_value = "1", value_parser = clap::value_parser!(u16).range(1..).map(usize::from))]
    pub per_gpu: usize,
    /// Where the points run: on this machine, or as a job array of a Slurm cluster
    #[arg(long, value_enum, default_value = "local")]
    pub launcher: Launcher,
    /// The script to submit instead of scripts/sweep.sbatch
    #[arg(long, value_name = "FILE")]
    pub template: Option<PathBuf>,
    /// Train the seeds of a setting as one batch, in one run with --replicates
    #[arg(long)]
    pub together: bool,
    /// Check every point, say which there are, and start nothing
    #[arg(long)]
    pub dry_run: bool,
    /// Folder of run folders
    #[arg(long, default_value = "runs")]
    pub runs: PathBuf,
    /// Folder of checkpoint folders
    #[arg(long, default_value = "checkpoints")]
    pub checkpoints: PathBuf,
    /// No progress and no table; warnings and errors only
    #[arg(long)]
    pub quiet: bool,
}

/// Where the points of a sweep run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Launcher {
    /// As processes on this machine
    Local,
    /// As a job array
    Slurm,
}

/// Flags of `lab sweep` that take a value.
const WITH_VALUE: [&str; 13] = [
    "--grid",
    "--search",
    "--set",
    "--search-seed",
    "--stop",
    "--name",
    "--runs",
    "--checkpoints",
    "--jobs",
    "--gpus",
    "--per-gpu",
    "--launcher",
    "--template",
];

/// Flags of `lab sweep` that take none.
const ALONE: [&str; 5] = ["--quiet", "--together", "--dry-run", "--help", "-h"];

/// Flags that the sweep sets itself, or that make no sense in one: neither for all points nor on an
/// axis of the grid.
const RESERVED: [&str; 9] = [
    "--resume",
    "--eval",
    "--check",
    "--print-config",
    "--json",
    "--name",
    "--runs",
    "--checkpoints",
    "--quiet",
];

/// The first of some words for the experiment that is not for a sweep.
pub fn reserved<'a>(words: impl IntoIterator<Item = &'a String>) -> Option<&'a String> {
    let flag = |word: &str| word.split('=').next().unwrap_or_default().to_string();
    words.into_iter().find(|word| RESERVED.contains(&flag(word).as_str()))
}

/// Takes the experiment's flags out of the words after `lab sweep`: those that are left, and those
/// that were taken. The first word that is no flag is the experiment, and ours.
pub fn split(words: Vec<String>) -> (Vec<String>, Vec<String>) {
    let (mut own_args, mut passed) = (Vec::new(), Vec::new());
    let mut words = words.into_iter().peekable();
    // The experiment's name, or status or member.
    if let Some(first) = words.next_if(|word| !word.starts_with('-')) {
        own_args.push(first);
    }
    while let Some(word) = words.next() {
        let flag = word.split('=').next().unwrap_or_default().to_string();
        if flag == "--resume" {
            own_args.push(word);
            own_args.extend(words.next_if(|next| !next.starts_with('-')));
        } else if WITH_VALUE.contains(&flag.as_str()) {
            let whole = word.contains('=') && flag != word;
            own_args.push(word);
            if !whole {
                own_args.extend(words.next());
            }
        } else if ALONE.contains(&word.as_str()) {
            own_args.push(word);
        } else {
            passed.push(word);
        }
    }
    (own_args, passed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_experiments_flags_are_passed_on() {
        let line =
            "selector_mnist --data digits --grid lr=1,2 --epochs=3 --jobs=2 --quiet --hidden 4";
        let (own_args, passed) = split(line.split(' ').map(String::from).collect());
        assert_eq!(own_args.join(" "), "selector_mnist --grid lr=1,2 --jobs=2 --quiet");
        assert_eq!(passed.join(" "), "--data digits --epochs=3 --hidden 4");
        let (own_args, passed) =
            split(vec!["--resume".into(), "a".into(), "--jobs".into(), "1".into()]);
        assert_eq!(own_args, ["--resume", "a", "--jobs", "1"]);
        assert!(passed.is_empty());
    }
}
