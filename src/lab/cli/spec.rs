//! What an experiment is called, what it logs, and what its command line takes: data alone.

use std::collections::BTreeMap;

use anyhow::Result;
use serde_json::{Map, Value};

use crate::lab::store::record::Package;

/// A named set of values that reproduces one figure or table: only what differs from the
/// defaults, with the reason.
#[derive(Debug, Clone, Copy)]
pub struct Preset {
    /// What `--preset` takes.
    pub name: &'static str,
    /// What it reproduces, and why its values differ.
    pub reason: &'static str,
    /// Keys and values as a JSON object.
    pub values: &'static str,
}

/// A shared flag that an experiment does not take: `--help` does not offer it, and typing it is an
/// error with the reason.
#[derive(Debug, Clone, Copy)]
pub struct Absent {
    /// The flag's key, such as `replicates` or `data_dir`.
    pub key: &'static str,
    /// Why it means nothing here, and what to use instead.
    pub reason: &'static str,
}

/// Something that an experiment does besides training, asked for by a flag with a value, such as
/// `--analyse CHECKPOINT`.
#[derive(Debug, Clone, Copy)]
pub struct Action {
    /// The flag, without its dashes.
    pub flag: &'static str,
    /// What its value is, in capitals.
    pub value_name: &'static str,
    /// One line for `--help`.
    pub help: &'static str,
    /// Flags with a value that only go with this one.
    pub options: &'static [ActionOption],
    /// Keys of other settings that it takes.
    pub takes: &'static [&'static str],
    /// Does it.
    pub run: fn(&ActionRequest) -> Result<()>,
}

/// A flag that only goes with an [`Action`].
#[derive(Debug, Clone, Copy)]
pub struct ActionOption {
    /// The flag, without its dashes.
    pub flag: &'static str,
    /// What its value is, in capitals.
    pub value_name: &'static str,
    /// One line for `--help`.
    pub help: &'static str,
}

/// What was asked of an [`Action`].
#[derive(Debug, Clone, Default)]
pub struct ActionRequest {
    /// The value of its flag.
    pub value: String,
    /// The values of its options that were typed, by their flags.
    pub options: BTreeMap<&'static str, String>,
    /// The settings that it takes, each typed or the default.
    pub settings: Map<String, Value>,
    /// Whether `--quiet` was typed.
    pub quiet: bool,
    /// Whether `--json` was typed.
    pub json: bool,
}

/// The specification of an experiment.
///
/// ```
/// # use neuron_lab::lab::cli::spec::Spec;
/// const SPEC: Spec = Spec {
///     name: "teacher",
///     about: "A linear neuron learns from a noisy teacher",
///     metrics: &["eval/error"],
///     tags: &[("eval/error", "distance to the teacher's weights")],
///     ..Spec::EMPTY
/// };
/// ```
#[derive(Debug, Clone, Copy)]
pub struct Spec {
    /// The name of the binary, of the folder in `runs/`, and of the page under `docs/`.
    pub name: &'static str,
    /// One line for `--help`.
    pub about: &'static str,
    /// The package that the experiment is of, for `--version` and for the record of its runs:
    /// [`package!`](crate::package), written in that package.
    pub package: Package,
    /// Defaults that differ from those of the flags' declarations, as a JSON object.
    pub defaults: &'static str,
    /// Named sets of values.
    pub presets: &'static [Preset],
    /// Tags of the metrics that runs are compared by.
    pub metrics: &'static [&'static str],
    /// Every tag with one line that explains it; `*` stands for any part of a tag.
    pub tags: &'static [(&'static str, &'static str)],
    /// Tag of the metric that the progress bar shows as the loss, if any.
    pub loss: Option<&'static str>,
    /// The flags on whose values it depends how much memory a run takes, for the line that says that
    /// there is not enough.
    pub sizes: &'static [&'static str],
    /// The shared flags that mean nothing here.
    pub absent: &'static [Absent],
    /// What can be done besides training, evaluating and checking.
    pub actions: &'static [Action],
}

impl Spec {
    /// A specification without a name, from which others take what they leave out.
    pub const EMPTY: Self = Self {
        name: "",
        about: "",
        package: Package::LAB,
        defaults: "{}",
        presets: &[],
        metrics: &[],
        tags: &[],
        loss: None,
        sizes: &[],
        absent: &[],
        actions: &[],
    };

    /// The defaults that differ, by key.
    ///
    /// # Errors
    /// Where they are no JSON object.
    pub fn defaults(&self) -> Result<Map<String, Value>> {
        Ok(serde_json::from_str(self.defaults)?)
    }
}
