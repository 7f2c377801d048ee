//! Settings of `selector_continual`.

use clap::{Args, ValueEnum};
use serde::{Deserialize, Serialize};

use crate::lab::{Config, Refusals, RunConfig};
use crate::selector::config::{NetworkConfig, flag_value};
use crate::selector::layer::SelectorKind;
use crate::selector::task_sequence::batches::BatchSource;
use crate::selector::task_sequence::penalty::{Importance, PenaltyOptions, PenaltyStep, Protect};
use crate::selector::task_sequence::tasks::{Benchmark, Scenario};

/// What is done against forgetting.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Method {
    /// Nothing
    Base,
    /// Elastic weight consolidation, a Fisher information and an anchor for every task
    Ewc,
    /// Elastic weight consolidation, one running Fisher information and the last task's anchor
    EwcOnline,
    /// Synaptic intelligence
    Si,
    /// As many images of earlier tasks as new ones in every step, from a small memory
    Replay,
    /// All tasks at once in every step: what could be reached at best
    Joint,
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
    /// Which parameters ewc, ewc-online and si protect
    #[arg(long, value_enum, default_value = "all")]
    pub protect: Protect,
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
    pub network: NetworkConfig,
}

impl ContinualConfig {
    /// The scenario, which [`Config::resolve`] has filled in.
    pub fn scenario(&self) -> Scenario {
        let default = match self.benchmark {
            Benchmark::Split => Scenario::Class,
            Benchmark::Permuted => Scenario::Domain,
        };
        self.scenario.unwrap_or(default)
    }

    /// How the penalty moves the weights, which [`Config::resolve`] has filled in.
    pub fn penalty_step(&self) -> PenaltyStep {
        let default = if self.network.learner.optimizer.kind.is_adaptive() {
            PenaltyStep::Gradient
        } else {
            PenaltyStep::Implicit
        };
        self.penalty_step.unwrap_or(default)
    }

    /// The penalty of the method, where it pulls weights towards where they were.
    pub fn penalty(&self) -> Option<PenaltyOptions> {
        let importance = match self.method {
            Method::Base | Method::Replay | Method::Joint => return None,
            Method::Ewc => Importance::Fisher,
            Method::EwcOnline => Importance::RunningFisher { decay: self.online_decay },
            Method::Si => Importance::PathIntegral { damping: self.si_damping },
        };
        let (lambda, step, protect) = (self.lambda, self.penalty_step(), self.protect);
        Some(PenaltyOptions { importance, lambda, step, protect })
    }

    /// Where the method takes the images of a step from.
    pub fn batch_source(&self) -> BatchSource {
        match self.method {
            Method::Base | Method::Ewc | Method::EwcOnline | Method::Si => BatchSource::Task,
            Method::Replay => BatchSource::Replay { memory: self.memory },
            Method::Joint => BatchSource::Joint,
        }
    }
}

impl Config for ContinualConfig {
    fn resolve(&mut self, _run: &RunConfig, refusals: &mut Refusals) {
        let fits = match (self.benchmark, self.scenario()) {
            (Benchmark::Permuted, Scenario::Class | Scenario::Task) => false,
            (Benchmark::Permuted, Scenario::Domain) | (Benchmark::Split, _) => true,
        };
        let scenario = self.scenario();
        refusals.unless(fits, || {
            format!(
                "--scenario {}: the permuted tasks have the same ten classes: use --scenario domain",
                flag_value(scenario)
            )
        });
        self.scenario = Some(scenario);
        self.penalty_step = Some(self.penalty_step());
        let counts = [
            ("fisher-samples", self.fisher_samples),
            ("memory", self.memory),
            ("probe-samples", self.probe_samples),
        ];
        for (flag, count) in counts {
            refusals.unless(count > 0, || format!("--{flag} {count}: expected 1 or more"));
        }
        let (lambda, damping, decay) = (self.lambda, self.si_damping, self.online_decay);
        refusals.unless((0.0..=f64::from(f32::MAX)).contains(&lambda), || {
            format!("--lambda {lambda}: expected a number from 0 up, <3.4e38")
        });
        refusals.unless(damping > 0.0 && damping.is_finite(), || {
            format!("--si-damping {damping}: expected a positive number")
        });
        refusals.unless((0.0..=1.0).contains(&decay), || {
            format!("--online-decay {decay}: expected a number from 0 to 1")
        });
        let schedule = &self.network.learner.schedule;
        schedule.refuse_plateau("there is no held-out loss for it", refusals);
        self.network.resolve(refusals);
        let selection = &self.network.selection;
        let learns = selection.kind() != SelectorKind::None && selection.rule.trains_selector();
        refusals.unless(learns || self.protect != Protect::Selectors, || {
            "--protect selectors: there are none that learn: use --num-computation 2 or more and \
             another --rule than frozen, or --protect all"
                .into()
        });
    }
}
