//! The flags that the experiments of this family share.

use anyhow::Error;
use clap::{Args, ValueEnum};
use serde::{Deserialize, Serialize};

use super::layer::check::{InvalidLayer, MOST_CHOICES};
use super::layer::{Compute, Inner, LayerOptions, LayerShape, Rule, SelectorKind, SteSign};
use super::network::NetworkShape;
use crate::data;
use crate::lab::error::refuse;
use crate::lab::{LearnerConfig, Refusals, RunConfig, StepWork};

/// Why `--compute gather` is never a GPU's.
pub(super) const GATHERS: StepWork = StepWork::OnHost("--compute gather is the CPU's");
/// Classes of the image sets that are known by name.
const CLASSES: i64 = 10;

/// How the neurons of a model's layers select, and what they back-propagate.
#[derive(Debug, Clone, Args, Serialize, Deserialize)]
#[command(next_help_heading = "Model")]
pub struct SelectionConfig {
    /// Computation neurons of each neuron (K)
    #[arg(long, default_value_t = 2)]
    pub num_computation: i64,
    /// How a neuron picks one; by default softmax, and in a network of images threshold for two
    /// computation neurons
    #[arg(long, value_enum)]
    pub selector: Option<SelectorKind>,
    /// Numbers that the low-rank selector reduces a layer's input to
    #[arg(long, default_value_t = 16)]
    pub rank: i64,
    /// What is back-propagated
    #[arg(long, value_enum, default_value = "full-ste")]
    pub rule: Rule,
    /// How a layer goes through its computation neurons
    #[arg(long, value_enum, default_value = "auto")]
    pub compute: Compute,
    /// Sign of the selectors' straight-through gradient
    #[arg(long, value_enum, default_value = "consistent")]
    pub ste_sign: SteSign,
}

impl SelectionConfig {
    /// The selector: softmax where none is given and there is something to choose.
    pub fn kind(&self) -> SelectorKind {
        match (self.selector, self.num_computation) {
            (Some(kind), _) => kind,
            (None, 1) => SelectorKind::None,
            (None, _) => SelectorKind::Softmax,
        }
    }

    /// Fills in the selector and checks every value, for neurons with this inner activation: notes
    /// values that don't go together, with their flags.
    pub fn resolve(&mut self, inner: Inner, refusals: &mut Refusals) {
        self.selector = Some(self.kind());
        let shape = self.shape(1, 1);
        for checked in [shape.check(), self.options(inner).check(&shape)] {
            if let Err(invalid) = checked {
                refusals.add(in_flags(invalid));
            }
        }
    }

    /// The shape of a selector layer.
    pub fn shape(&self, inputs: i64, neurons: i64) -> LayerShape {
        LayerShape {
            inputs,
            neurons,
            choices: self.num_computation,
            selector: self.kind(),
            sign: self.ste_sign,
            rank: self.rank,
        }
    }

    /// What a layer does beyond its shape.
    pub fn options(&self, inner: Inner) -> LayerOptions {
        LayerOptions { rule: self.rule, inner, compute: self.compute }
    }
}

/// The error of making a model, refused with exit code 2 and the flags where it is an
/// [`InvalidLayer`]: which ways of computing a device has is known only then.
pub fn refuse_invalid(error: Error) -> Error {
    match error.downcast::<InvalidLayer>() {
        Ok(invalid) => refuse(in_flags(invalid)),
        Err(other) => other,
    }
}

/// What is wrong with a layer, in the words of its flags.
fn in_flags(invalid: InvalidLayer) -> String {
    match invalid {
        InvalidLayer::Choices(choices) => {
            format!("--num-computation {choices}: expected 1 to {MOST_CHOICES}")
        }
        InvalidLayer::SelectorFor { selector, expected, choices } => {
            let what = match expected {
                1 => "is for 1 computation neuron".to_string(),
                several => format!("chooses between {several} computation neurons"),
            };
            let selector = flag_value(selector);
            format!(
                "--selector {selector} {what}, and --num-computation is {choices}: use \
                 --num-computation {expected} or --selector softmax"
            )
        }
        InvalidLayer::TooFewFor { selector, fewest, choices } => format!(
            "--selector {} chooses between {fewest} computation neurons or more, and \
             --num-computation is {choices}: use --num-computation {fewest} or --selector softmax",
            flag_value(selector)
        ),
        InvalidLayer::SignWithoutSelector => {
            "--ste-sign as-printed is of a selector's gradient, and --selector none has none: use \
             --num-computation 2 or more, with another selector"
                .into()
        }
        InvalidLayer::Rank(rank) => format!("--rank {rank}: expected 1 or more"),
        InvalidLayer::GatherNeedsSelected(rule) => format!(
            "--compute gather computes only what is selected, and --rule {} needs every \
             computation neuron: use --compute streaming, or --rule selected-only",
            flag_value(rule)
        ),
        InvalidLayer::SignWithoutEstimator(rule) => format!(
            "--ste-sign as-printed is of the straight-through estimator, and --rule {} has \
             none: use --rule full-ste or hidden",
            flag_value(rule)
        ),
        InvalidLayer::GatherUnavailable => {
            "--compute gather is there on the CPU only, for f32 and f64: use --compute dense \
             or streaming"
                .into()
        }
    }
}

/// A value as its flag takes it.
pub(super) fn flag_value(value: impl ValueEnum) -> String {
    value.to_possible_value().map_or_else(String::new, |value| value.get_name().into())
}

/// A network of selection and computation neurons on an image set, and its learning.
#[derive(Debug, Clone, Args, Serialize, Deserialize)]
#[command(next_help_heading = "Model")]
pub struct NetworkConfig {
    /// Neurons of each hidden layer, e.g. 64,64
    #[arg(long, value_delimiter = ',', default_value = "64,64", value_name = "N,N,...")]
    pub hidden: Vec<i64>,
    /// How its neurons select
    #[command(flatten)]
    #[serde(flatten)]
    pub selection: SelectionConfig,
    /// Images in a batch
    #[arg(long, default_value_t = 64)]
    pub batch_size: i64,
    /// Gradient descent
    #[command(flatten)]
    #[serde(flatten)]
    pub learner: LearnerConfig,
}

impl NetworkConfig {
    /// What every layer does beyond its shape: the notebook's neuron has a ReLU.
    pub fn options(&self) -> LayerOptions {
        self.selection.options(Inner::Relu)
    }

    /// The sizes of the network for images of this many pixels.
    pub fn shape(&self, pixels: i64, classes: i64) -> NetworkShape {
        let mut before = pixels;
        let layer = |neurons: &i64| {
            let inputs = std::mem::replace(&mut before, *neurons);
            self.selection.shape(inputs, *neurons)
        };
        NetworkShape { inputs: pixels, hidden: self.hidden.iter().map(layer).collect(), classes }
    }

    /// What a step of training asks for.
    pub fn step_work(&self, run: &RunConfig) -> StepWork {
        if self.selection.compute.is_gather() {
            return GATHERS;
        }
        let shape = self.shape(data::pixels(&run.data), CLASSES);
        let all = shape.parameter_count().saturating_mul(i64::from(run.replicates));
        StepWork::training(all, self.batch_size, 16.0 + 12.0 * self.hidden.len() as f64)
    }

    /// Fills in the selector and checks every value: notes those out of their ranges, and those that
    /// don't go together, with their flags.
    pub fn resolve(&mut self, refusals: &mut Refusals) {
        if self.selection.selector.is_none() && self.selection.num_computation == 2 {
            self.selection.selector = Some(SelectorKind::Threshold);
        }
        let sizes = !self.hidden.is_empty() && self.hidden.iter().all(|neurons| *neurons > 0);
        refusals.unless(sizes, || {
            let text: Vec<String> = self.hidden.iter().map(i64::to_string).collect();
            format!("--hidden {}: expected numbers of neurons, e.g. 64,64", text.join(","))
        });
        let batch = self.batch_size;
        refusals.unless(batch > 0, || format!("--batch-size {batch}: expected 1 or more"));
        self.selection.resolve(Inner::Relu, refusals);
        self.learner.validate(refusals);
    }
}
