//! Settings of `selector_continual`.

use anyhow::Result;
use clap::{Args, ValueEnum};
use serde::{Deserialize, Serialize};

use crate::lab::Preset;
use crate::lab::error::refuse;
use crate::lab::tensor::optim::OptimizerKind;
use crate::lab::tensor::optim::schedule::ScheduleKind;
use crate::selector::config::SelectorMnistConfig;

/// Tasks of a run.
pub const TASKS: i64 = 5;

/// What the tasks are made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Benchmark {
    /// The ten classes in five pairs: 0 and 1, 2 and 3, ...
    Split,
    /// All ten classes five times, the pixels in another order each time; the first in their own
    Permuted,
}

/// What a network has to tell apart, and what it is told (van de Ven and Tolias 2019).
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Scenario {
    /// All classes of all tasks, without being told the task
    Class,
    /// The classes within a task, with the same outputs for every task, without being told it
    Domain,
    /// The classes within a task that it is told: only that task's outputs count
    Task,
}

/// What is done against forgetting.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Method {
    /// Nothing
    Base,
    /// Elastic weight consolidation, a Fisher information and an anchor for every task
    Ewc,
    /// The same with one running Fisher information and the last task's anchor
    EwcOnline,
    /// Synaptic intelligence
    Si,
    /// As many images of earlier tasks as new ones in every step, from a small memory
    Replay,
    /// All tasks at once in every step: what could be reached at best
    Joint,
}

impl Method {
    /// Whether it pulls weights towards where they were.
    pub fn has_penalty(self) -> bool {
        matches!(self, Self::Ewc | Self::EwcOnline | Self::Si)
    }
}

/// How a quadratic penalty moves the weights.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PenaltyStep {
    /// Its gradient is added to the loss's; of plain SGD, unstable where rate x lambda x
    /// importance is over 2
    Gradient,
    /// Solved for after the optimizer's step, stable for any lambda
    Implicit,
}

/// Settings of continual learning.
#[derive(Debug, Clone, Args, Serialize, Deserialize)]
#[command(next_help_heading = "Continual learning")]
pub struct ContinualConfig {
    /// What the tasks are made of
    #[arg(long, value_enum, default_value = "split")]
    pub benchmark: Benchmark,
    /// What is to be told apart; by default class for split, domain for permuted
    #[arg(long, value_enum)]
    pub scenario: Option<Scenario>,
    /// What is done against forgetting
    #[arg(long, value_enum, default_value = "base")]
    pub method: Method,
    /// Strength of the penalty of ewc, ewc-online and si
    #[arg(long, default_value_t = 100.0)]
    pub lambda: f64,
    /// How the penalty moves the weights; by default implicit for sgd, momentum and nesterov, else
    /// gradient
    #[arg(long, value_enum)]
    pub penalty_step: Option<PenaltyStep>,
    /// Images of a task for its Fisher information
    #[arg(long, default_value_t = 500)]
    pub fisher_samples: i64,
    /// What is left of the running Fisher information at the next task, of ewc-online
    #[arg(long, default_value_t = 1.0)]
    pub online_decay: f64,
    /// What si adds to the squared way of a weight
    #[arg(long, default_value_t = 0.1)]
    pub si_damping: f64,
    /// Images that replay keeps of every task
    #[arg(long, default_value_t = 200)]
    pub memory: i64,
    /// Test images of each task for the accuracies within a task
    #[arg(long, default_value_t = 500)]
    pub probe_samples: i64,
    /// The network and its learning; of one computation neuron a multilayer perceptron
    #[command(flatten)]
    #[serde(flatten)]
    pub model: SelectorMnistConfig,
}

impl ContinualConfig {
    /// The scenario, which [`ContinualConfig::resolve`] has filled in.
    pub fn scenario(&self) -> Scenario {
        let default = match self.benchmark {
            Benchmark::Split => Scenario::Class,
            Benchmark::Permuted => Scenario::Domain,
        };
        self.scenario.unwrap_or(default)
    }

    /// How the penalty moves the weights, which [`ContinualConfig::resolve`] has filled in.
    pub fn penalty_step(&self) -> PenaltyStep {
        let default = match self.model.learner.optimizer.kind {
            OptimizerKind::Adam | OptimizerKind::Adamw => PenaltyStep::Gradient,
            _ => PenaltyStep::Implicit,
        };
        self.penalty_step.unwrap_or(default)
    }

    /// Fills in what depends on other values, and checks all of them.
    ///
    /// # Errors
    /// Exit code 2, with the flag and the value.
    pub fn resolve(&mut self) -> Result<()> {
        if self.benchmark == Benchmark::Permuted && self.scenario() != Scenario::Domain {
            return Err(refuse(
                "--scenario: the permuted tasks have the same ten classes, which is domain",
            ));
        }
        self.scenario = Some(self.scenario());
        self.penalty_step = Some(self.penalty_step());
        let counts = [
            ("fisher-samples", self.fisher_samples),
            ("memory", self.memory),
            ("probe-samples", self.probe_samples),
        ];
        if let Some((flag, count)) = counts.iter().find(|(_, count)| *count < 1) {
            return Err(refuse(format!("--{flag} {count}: expected 1 or more")));
        }
        let (lambda, damping) = (self.lambda, self.si_damping);
        if !(0.0..=f64::from(f32::MAX)).contains(&lambda) {
            return Err(refuse(format!("--lambda {lambda}: expected a number from 0 up, <3.4e38")));
        }
        if !(damping > 0.0 && damping.is_finite()) {
            return Err(refuse(format!("--si-damping {damping}: expected a positive number")));
        }
        if !(0.0..=1.0).contains(&self.online_decay) {
            let decay = self.online_decay;
            return Err(refuse(format!("--online-decay {decay}: expected a number from 0 to 1")));
        }
        if self.model.learner.schedule.kind == ScheduleKind::Plateau {
            return Err(refuse(
                "--schedule plateau: there is no held-out loss for it; use another schedule",
            ));
        }
        self.model.resolve()
    }
}

/// The notebook's two rows, and the comparison at equal parameters.
pub const PRESETS: &[Preset] = &[
    Preset {
        name: "notebook-base",
        reason: "the notebook's \"base model\" on split MNIST, one epoch a task, nothing done \
                 against forgetting",
        values: r#"{"num_computation": 1}"#,
    },
    Preset {
        name: "notebook-ewc",
        reason: "what fits the notebook's \"EWC base\" best: permuted MNIST under a penalty so \
                 strong that later tasks can't be learnt",
        values: r#"{"num_computation": 1, "benchmark": "permuted", "method": "ewc", "lambda": 1e4,
            "optimizer": "adam", "lr": 0.001}"#,
    },
    Preset {
        name: "permuted-mlp-64",
        reason: "permuted MNIST, a perceptron of the selector networks' width",
        values: r#"{"num_computation": 1, "benchmark": "permuted"}"#,
    },
    Preset {
        name: "permuted-mlp-400",
        reason: "permuted MNIST, the perceptron of the literature: 479 thousand parameters",
        values: r#"{"num_computation": 1, "benchmark": "permuted", "hidden": [400, 400]}"#,
    },
    Preset {
        name: "permuted-mlp-440",
        reason: "permuted MNIST, a perceptron of as many parameters as permuted-k5: 544 thousand",
        values: r#"{"num_computation": 1, "benchmark": "permuted", "hidden": [440, 440]}"#,
    },
    Preset {
        name: "permuted-k5",
        reason: "permuted MNIST, five computation neurons, softmax selector: 545 thousand parameters",
        values: r#"{"benchmark": "permuted", "num_computation": 5}"#,
    },
    Preset {
        name: "permuted-k2",
        reason: "permuted MNIST, two computation neurons, the sign that descends the loss",
        values: r#"{"benchmark": "permuted"}"#,
    },
    Preset {
        name: "permuted-as-printed",
        reason: "permuted MNIST, two computation neurons, the notebook's sign",
        values: r#"{"benchmark": "permuted", "ste_sign": "as-printed"}"#,
    },
];
