//! The settings that every experiment shares, as command-line flags and as keys of `config.json`.

use std::path::PathBuf;

use anyhow::Result;
use clap::Args;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::lab::figure::Format;
use crate::lab::refusals::Refusals;
use crate::lab::store::record::Labels;
use crate::lab::tensor::device::Tf32;

/// The most threads that libtorch is asked for.
const MAX_THREADS: u16 = 1024;
/// The most replicates that are trained together.
const MAX_REPLICATES: u32 = 4096;

/// Settings of a run that are not the experiment's own; all of them are written to `config.json`.
#[derive(Debug, Clone, Args, Serialize, Deserialize)]
#[command(next_help_heading = "Run")]
pub struct RunConfig {
    /// Where to compute: auto (the first CUDA device where a step is large enough for it, else the
    /// CPU), cpu, cuda:N
    #[arg(long, default_value = "auto")]
    pub device: String,
    /// TensorFloat-32 in CUDA matrix products: faster, with 10 bits of mantissa
    #[arg(long, value_enum, default_value = "off")]
    pub tf32: Tf32,
    /// Threads of libtorch on the CPU; one is fastest for small models. Results are bit-equal only
    /// at equal thread counts
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=i64::from(MAX_THREADS)))]
    pub threads: u16,
    /// Seed of everything random in the run
    #[arg(long, default_value_t = 0)]
    pub seed: u64,
    /// Independent networks trained together, with seeds SEED, SEED+1, ...
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=i64::from(MAX_REPLICATES)))]
    pub replicates: u32,
    /// Training steps
    #[arg(long)]
    pub steps: Option<u64>,
    /// Passes through the training data
    #[arg(long, default_value_t = 1)]
    pub epochs: u64,
    /// Name of the run folder; by default `<preset>-s<seed>-<UTC time>`
    #[arg(long)]
    pub name: Option<String>,
    /// Folder of run folders
    #[arg(long, default_value = "runs")]
    pub runs: PathBuf,
    /// Folder of checkpoint folders
    #[arg(long, default_value = "checkpoints")]
    pub checkpoints: PathBuf,
    /// A data set's name, or the path of data of your own (docs/data.md)
    #[arg(long, default_value = "none")]
    pub data: String,
    /// Folder of data sets
    #[arg(long, default_value = "data")]
    pub data_dir: PathBuf,
    /// Steps between two log entries
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u64).range(1..))]
    pub log_every: u64,
    /// Steps between two checkpoints; by default at the first evaluation after every 60 s. A new
    /// best result and the end are always saved
    #[arg(long, value_parser = clap::value_parser!(u64).range(1..))]
    pub checkpoint_every: Option<u64>,
    /// Checkpoints to keep beside the best one
    #[arg(long, default_value_t = 2, value_parser = clap::value_parser!(u32).range(1..))]
    pub keep: u32,
    /// Formats of the figures, separated by commas: png, svg, pdf. TensorBoard has them as PNG;
    /// `lab figures` draws them again in another format or size
    #[arg(long, value_enum, value_delimiter = ',', default_value = "png")]
    pub figure_format: Vec<Format>,
    /// Stop after this many evaluations without a better result; 0 never stops early
    #[arg(long, default_value_t = 0)]
    pub patience: u64,
}

impl RunConfig {
    /// Checks the limits that the flags have, for values that came from a file.
    pub fn validate(&self, refusals: &mut Refusals) {
        let limits = [
            ("threads", u64::from(self.threads), 1, u64::from(MAX_THREADS)),
            ("replicates", u64::from(self.replicates), 1, u64::from(MAX_REPLICATES)),
            ("steps", self.steps.unwrap_or(1), 1, u64::MAX),
            ("epochs", self.epochs, 1, u64::MAX),
            ("log-every", self.log_every, 1, u64::MAX),
            ("checkpoint-every", self.checkpoint_every.unwrap_or(1), 1, u64::MAX),
            ("keep", u64::from(self.keep), 1, u64::MAX),
        ];
        for (flag, value, least, most) in limits {
            refusals.unless((least..=most).contains(&value), || match most {
                u64::MAX => format!("--{flag} {value}: expected {least} or more"),
                _ => format!("--{flag} {value}: expected {least} to {most}"),
            });
        }
        refusals.unless(!self.figure_format.is_empty(), || {
            "--figure-format: expected png, svg or pdf, or several separated by commas".into()
        });
        let folders = [
            ("runs", &self.runs),
            ("checkpoints", &self.checkpoints),
            ("data-dir", &self.data_dir),
        ];
        for (flag, folder) in folders {
            refusals.unless(!folder.as_os_str().is_empty(), || {
                format!("--{flag} \"\": expected a folder")
            });
        }
    }
}

/// Keys of [`RunConfig`] that a resumed run may change: none alters a number that is computed,
/// but for the length of the run and where its files are.
pub const RESUMABLE: [&str; 13] = [
    "device",
    "threads",
    "steps",
    "epochs",
    "name",
    "runs",
    "checkpoints",
    "data_dir",
    "log_every",
    "checkpoint_every",
    "keep",
    "figure_format",
    "patience",
];

/// Whether a key says nothing of what is computed: where files are, how often something is written.
/// The length of a run is no bookkeeping.
pub fn is_bookkeeping(key: &str) -> bool {
    RESUMABLE.contains(&key) && !["steps", "epochs"].contains(&key)
}

/// The settings that differ from the experiment's defaults, but for bookkeeping.
pub fn changed(defaults: &Map<String, Value>, config: &Map<String, Value>) -> Map<String, Value> {
    let differs =
        |key: &str, value: &Value| !is_bookkeeping(key) && defaults.get(key) != Some(value);
    let pairs = config.iter().filter(|(key, value)| differs(key, value));
    pairs.map(|(key, value)| (key.clone(), value.clone())).collect()
}

/// What to do, and how to talk about it; not part of a run's configuration.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Actions")]
pub struct Actions {
    /// A named set of values, each a figure of the experiment's page
    #[arg(long)]
    pub preset: Option<String>,
    /// A JSON file of keys and values as in config.json; flags count more
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Continue a run: its name, a part of it that only one run has, latest or its folder, or nothing
    /// with --name
    #[arg(long, value_name = "NAME|PATH", num_args = 0..=1, default_missing_value = "",
        conflicts_with_all = ["preset", "config", "init_from", "eval"])]
    pub resume: Option<String>,
    /// Start from the model of a checkpoint (a file, or a folder: its newest), or from a state dict in
    /// a .safetensors file
    #[arg(long, value_name = "CHECKPOINT")]
    pub init_from: Option<PathBuf>,
    /// Only evaluate a checkpoint (a file, or a folder: its best); writes nothing
    #[arg(long, value_name = "CHECKPOINT", conflicts_with_all = ["init_from", "preset", "config"])]
    pub eval: Option<PathBuf>,
    /// Only check many command lines (a JSON list of lists of words), and print as JSON what each
    /// stands for; writes nothing
    #[arg(long, value_name = "FILE", conflicts_with_all = ["init_from", "eval", "resume"])]
    pub check: Option<PathBuf>,
    /// Only print every setting that the command line stands for, as config.json would have them and
    /// --config takes them; writes nothing
    #[arg(long, conflicts_with_all = ["init_from", "eval", "resume", "check"])]
    pub print_config: bool,
    /// A remark on the run, for people; `lab note` changes it later
    #[arg(long, value_name = "TEXT", conflicts_with_all = ["eval", "check"])]
    pub note: Option<String>,
    /// Words to find the run by, separated by commas; `lab tag` changes them later
    #[arg(long, value_name = "TAG", value_delimiter = ',', conflicts_with_all = ["eval", "check"])]
    pub tag: Vec<String>,
    /// No progress and no reports; warnings and errors only
    #[arg(long)]
    pub quiet: bool,
    /// Print the summary as JSON on standard output, and everything else on standard error
    #[arg(long)]
    pub json: bool,
}

impl Actions {
    /// Adds what the command line says of a run to what is said of it already.
    ///
    /// # Errors
    /// Exit code 2 where a note is too long or a tag can't be one.
    pub fn label(&self, labels: &mut Labels) -> Result<()> {
        if let Some(note) = &self.note {
            labels.set_note(note)?;
        }
        labels.add_tags(&self.tag)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_differs_from_the_defaults() {
        let map = |value: Value| value.as_object().cloned().unwrap();
        let defaults = map(json!({"lr": 0.1, "seed": 0, "log_every": 100, "steps": null}));
        let config = map(json!({"lr": 0.2, "seed": 0, "log_every": 10, "steps": 5}));
        assert_eq!(changed(&defaults, &config), map(json!({"lr": 0.2, "steps": 5})));
    }
}
