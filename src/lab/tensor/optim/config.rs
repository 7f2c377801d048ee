//! What an optimizer is asked for, on the command line and in `config.json`.

use serde::{Deserialize, Serialize};

use crate::lab::refusals::Refusals;

/// The update rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum OptimizerKind {
    /// `torch.optim.SGD` without momentum
    Sgd,
    /// `torch.optim.SGD` with momentum
    Momentum,
    /// `torch.optim.SGD` with Nesterov's momentum
    Nesterov,
    /// `torch.optim.Adam`: weight decay is added to the gradient (L2)
    Adam,
    /// `torch.optim.AdamW`: weight decay is decoupled from the gradient
    Adamw,
}

impl OptimizerKind {
    /// The flag's value, which tags and file names have too.
    pub fn name(self) -> &'static str {
        match self {
            Self::Sgd => "sgd",
            Self::Momentum => "momentum",
            Self::Nesterov => "nesterov",
            Self::Adam => "adam",
            Self::Adamw => "adamw",
        }
    }

    /// The rule's name in the titles of figures.
    pub fn title(self) -> &'static str {
        match self {
            Self::Sgd => "SGD",
            Self::Momentum => "SGD with momentum",
            Self::Nesterov => "SGD with Nesterov's momentum",
            Self::Adam => "Adam",
            Self::Adamw => "AdamW",
        }
    }

    /// Buffers of the parameters' size that the rule keeps from step to step.
    pub fn state_buffers(self) -> i64 {
        match self {
            Self::Sgd => 0,
            Self::Momentum | Self::Nesterov => 1,
            Self::Adam | Self::Adamw => 2,
        }
    }

    /// Whether each parameter has a step size of its own, from its past gradients.
    pub fn is_adaptive(self) -> bool {
        match self {
            Self::Sgd | Self::Momentum | Self::Nesterov => false,
            Self::Adam | Self::Adamw => true,
        }
    }

    /// Whether the rule is only defined for a momentum above 0 without dampening.
    fn needs_undamped_momentum(self) -> bool {
        match self {
            Self::Nesterov => true,
            Self::Sgd | Self::Momentum | Self::Adam | Self::Adamw => false,
        }
    }
}

/// An optimizer's hyperparameters besides the learning rate; those that a kind has no use for are
/// ignored. The defaults are PyTorch's, but for two: momentum is 0.9 (there 0), and weight decay is
/// 0 for AdamW as well (there 0.01).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, clap::Args)]
pub struct OptimizerConfig {
    /// Update rule
    #[arg(id = "optimizer", long, value_enum, value_name = "RULE", default_value = "sgd")]
    #[serde(rename = "optimizer")]
    pub kind: OptimizerKind,
    /// Momentum of `momentum` and `nesterov`, in [0, 1)
    #[arg(long, default_value_t = 0.9)]
    pub momentum: f64,
    /// Dampening of the momentum, of `momentum`
    #[arg(long, default_value_t = 0.0)]
    pub dampening: f64,
    /// Decay of Adam's mean of the gradient, in [0, 1)
    #[arg(long, default_value_t = 0.9)]
    pub beta1: f64,
    /// Decay of Adam's mean of the squared gradient, in [0, 1)
    #[arg(long, default_value_t = 0.999)]
    pub beta2: f64,
    /// What Adam adds to the root of the mean squared gradient
    #[arg(long, default_value = "1e-8")]
    pub eps: f64,
    /// Weight decay, a multiple of the parameters
    #[arg(long, default_value_t = 0.0)]
    pub weight_decay: f64,
}

impl Default for OptimizerConfig {
    fn default() -> Self {
        Self {
            kind: OptimizerKind::Sgd,
            momentum: 0.9,
            dampening: 0.0,
            beta1: 0.9,
            beta2: 0.999,
            eps: 1e-8,
            weight_decay: 0.0,
        }
    }
}

impl OptimizerConfig {
    /// Checks every value, also of fields that the kind ignores.
    pub fn validate(&self, refusals: &mut Refusals) {
        for (flag, value) in
            [("momentum", self.momentum), ("beta1", self.beta1), ("beta2", self.beta2)]
        {
            if !(0.0..1.0).contains(&value) {
                refusals.add(format!("--{flag} is {value}: give a number from 0 to below 1"));
            }
        }
        if !(0.0..=1.0).contains(&self.dampening) {
            refusals.add(format!("--dampening is {}: give a number from 0 to 1", self.dampening));
        }
        let damped = self.momentum == 0.0 || self.dampening != 0.0;
        if self.kind.needs_undamped_momentum() && damped {
            refusals.add(format!(
                "--optimizer {} needs --momentum above 0 and --dampening 0, and they are {} and {}",
                self.kind.name(),
                self.momentum,
                self.dampening,
            ));
        }
        for (flag, value) in [("eps", self.eps), ("weight-decay", self.weight_decay)] {
            // libtorch refuses a factor that an f32 can't hold.
            if !(0.0..=f64::from(f32::MAX)).contains(&value) {
                refusals.add(format!("--{flag} is {value}: give a finite number from 0 up"));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::ValueEnum;

    #[test]
    fn names_are_the_words_of_the_flag_and_of_the_file() {
        for kind in OptimizerKind::value_variants() {
            assert_eq!(kind.to_possible_value().unwrap().get_name(), kind.name());
            assert_eq!(serde_json::json!(kind), kind.name());
        }
    }

    #[test]
    fn each_bad_value_has_its_line() {
        let config = OptimizerConfig {
            kind: OptimizerKind::Nesterov,
            momentum: 1.0,
            dampening: -0.5,
            beta1: f64::NAN,
            beta2: 1.5,
            eps: -1e-8,
            weight_decay: f64::INFINITY,
        };
        let mut refusals = Refusals::default();
        config.validate(&mut refusals);
        let message = refusals.finish().unwrap_err().to_string();
        let starts: Vec<_> =
            message.split("; ").map(|line| line.split(' ').next().unwrap()).collect();
        let expected = "--momentum --beta1 --beta2 --dampening --optimizer --eps --weight-decay";
        assert_eq!(starts.join(" "), expected);
        let mut refusals = Refusals::default();
        OptimizerConfig::default().validate(&mut refusals);
        assert!(refusals.is_empty());
    }

    #[test]
    fn the_command_line_has_the_defaults_and_a_file_keeps_them() {
        #[derive(clap::Parser)]
        struct Program {
            #[command(flatten)]
            optimizer: OptimizerConfig,
        }
        let line = <Program as clap::Parser>::parse_from(["program"]).optimizer;
        assert_eq!(line, OptimizerConfig::default());
        let file = serde_json::to_string(&line).unwrap();
        assert_eq!(serde_json::from_str::<OptimizerConfig>(&file).unwrap(), line);
        let line = <Program as clap::Parser>::parse_from(["program", "--optimizer", "adamw"]);
        let json = serde_json::to_value(&line.optimizer).unwrap();
        assert_eq!(json["optimizer"], "adamw");
    }
}
