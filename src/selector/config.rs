//! Settings of `selector_mnist`, and of selector layers in every experiment.

use anyhow::Result;
use clap::{Args, ValueEnum};
use serde::{Deserialize, Serialize};

use super::layer::LayerShape;
use super::rules::{Compute, Inner, LayerOptions, Rule};
use crate::lab::LearnerConfig;
use crate::lab::error::refuse;

/// How a neuron picks one of its computation neurons.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SelectorKind {
    /// One logit s: A where sigmoid(s) < 0.5, else B; for two computation neurons
    Threshold,
    /// One logit for each computation neuron: the largest is taken
    Softmax,
    /// As softmax, of fewer numbers that are a linear map of the input, the same for all neurons
    LowRank,
    /// ceil(log2 K) half-spaces: the side of each is a bit of the computation neuron's number
    Tree,
    /// No selection neuron, for one computation neuron: a plain layer
    None,
}

/// Which way the straight-through gradient of the threshold selector goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SteSign {
    /// As the notebook's code has it: d mask / d sigmoid = +1, although the mask falls with the
    /// sigmoid, so that the selector climbs the loss
    AsPrinted,
    /// d mask / d sigmoid = -1: the selector descends the loss
    Consistent,
}

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
    /// Sign of the threshold selector's straight-through gradient
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

    /// Fills in the selector and checks every value, for neurons with this inner activation.
    ///
    /// # Errors
    /// Exit code 2, with the flag and the value.
    pub fn resolve(&mut self, inner: Inner) -> Result<()> {
        self.selector = Some(self.kind());
        let shape = self.shape(1, 1);
        shape.check()?;
        self.options(inner).check(&shape)
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

/// Settings of a network of selection and computation neurons on an image set.
#[derive(Debug, Clone, Args, Serialize, Deserialize)]
#[command(next_help_heading = "Model")]
pub struct SelectorMnistConfig {
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

impl SelectorMnistConfig {
    /// What every layer does beyond its shape: the notebook's neuron has a ReLU.
    pub fn options(&self) -> LayerOptions {
        self.selection.options(Inner::Relu)
    }

    /// Fills in the selector and checks every value.
    ///
    /// # Errors
    /// Exit code 2, with the flag and the value.
    pub fn resolve(&mut self) -> Result<()> {
        if self.selection.selector.is_none() && self.selection.num_computation == 2 {
            self.selection.selector = Some(SelectorKind::Threshold);
        }
        if self.hidden.is_empty() || self.hidden.iter().any(|neurons| *neurons < 1) {
            let text: Vec<String> = self.hidden.iter().map(i64::to_string).collect();
            let text = text.join(",");
            return Err(refuse(format!(
                "--hidden {text}: expected numbers of neurons, e.g. 64,64"
            )));
        }
        if self.batch_size < 1 {
            return Err(refuse(format!("--batch-size {}: expected 1 or more", self.batch_size)));
        }
        self.selection.resolve(Inner::Relu)?;
        self.learner.validate()
    }
}
