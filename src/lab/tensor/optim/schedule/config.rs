//! What a schedule is asked for, on the command line and in `config.json`.

use serde::{Deserialize, Serialize};

use crate::lab::refusals::Refusals;

/// How the learning rate goes after the warm-up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum ScheduleKind {
    /// Stays as it is
    Constant,
    /// Falls by a factor every so many steps (`StepLR`)
    Step,
    /// Falls by the same share at each step (`ExponentialLR`)
    Exponential,
    /// Falls along half a cosine (`CosineAnnealingLR`), then stays
    Cosine,
    /// Falls by a factor when a smoothed loss falls no further (`ReduceLROnPlateau`)
    Plateau,
}

impl ScheduleKind {
    /// Whether the end of the run sets the rates, so that a run of another length has others from
    /// its first step on.
    ///
    /// - decay_steps: the steps of the decay, where they are given
    pub fn ends_with_the_run(self, decay_steps: Option<u64>) -> bool {
        match self {
            Self::Cosine => decay_steps.is_none(),
            Self::Constant | Self::Step | Self::Exponential | Self::Plateau => false,
        }
    }

    /// Whether the steps of the decay have no default.
    fn needs_decay_steps(self) -> bool {
        match self {
            Self::Step | Self::Exponential => true,
            Self::Constant | Self::Cosine | Self::Plateau => false,
        }
    }
}

/// A schedule's settings; those that a kind has no use for are ignored.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, clap::Args)]
pub struct ScheduleConfig {
    /// Learning rate over the steps
    #[arg(id = "schedule", long, value_enum, value_name = "KIND", default_value = "constant")]
    #[serde(rename = "schedule")]
    pub kind: ScheduleKind,
    /// Steps of linear warm-up before the schedule, which begins after them; 0 for none
    #[arg(long, default_value_t = 0)]
    pub warmup_steps: u64,
    /// Share of the learning rate at which the warm-up starts, above 0, up to 1
    #[arg(long, default_value_t = 1.0 / 3.0)]
    pub warmup_start: f64,
    /// step: steps from one fall to the next. exponential: steps for a fall by --decay-factor.
    /// cosine: steps down to --lr-min, by default all that the run has after the warm-up
    #[arg(long)]
    pub decay_steps: Option<u64>,
    /// step, exponential, plateau: factor of a fall, between 0 and 1
    #[arg(long, default_value_t = 0.1)]
    pub decay_factor: f64,
    /// cosine, plateau: the lowest learning rate
    #[arg(long, default_value_t = 0.0)]
    pub lr_min: f64,
    /// plateau: observations without improvement that are let pass
    #[arg(long, default_value_t = 10)]
    pub plateau_patience: u64,
    /// plateau: relative improvement that counts as one, for a loss above 0
    #[arg(long, default_value_t = 1e-4)]
    pub plateau_threshold: f64,
    /// plateau: weight of the past in the exponential moving average of the loss, from 0 (none)
    /// to below 1
    #[arg(long, default_value_t = 0.9)]
    pub plateau_smoothing: f64,
}

impl Default for ScheduleConfig {
    fn default() -> Self {
        Self {
            kind: ScheduleKind::Constant,
            warmup_steps: 0,
            warmup_start: 1.0 / 3.0,
            decay_steps: None,
            decay_factor: 0.1,
            lr_min: 0.0,
            plateau_patience: 10,
            plateau_threshold: 1e-4,
            plateau_smoothing: 0.9,
        }
    }
}

impl ScheduleConfig {
    /// For an experiment that tells the schedule no loss: refuses the one that waits for losses.
    ///
    /// - reason: why there is none
    pub fn refuse_plateau(&self, reason: &str, refusals: &mut Refusals) {
        match self.kind {
            ScheduleKind::Plateau => {
                refusals.add(format!("--schedule plateau: {reason}; use another schedule"));
            }
            ScheduleKind::Constant
            | ScheduleKind::Step
            | ScheduleKind::Exponential
            | ScheduleKind::Cosine => {}
        }
    }

    /// Checks every value, also of fields that the kind ignores.
    pub fn validate(&self, refusals: &mut Refusals) {
        if !(self.warmup_start > 0.0 && self.warmup_start <= 1.0) {
            refusals.add(format!(
                "--warmup-start is {}: give a share of the learning rate, above 0, up to 1",
                self.warmup_start
            ));
        }
        match self.decay_steps {
            Some(0) => refusals.add("--decay-steps is 0: give a number from 1 up".to_string()),
            None if self.kind.needs_decay_steps() => refusals.add(
                "--schedule step and exponential need --decay-steps, the steps that a fall by \
                 --decay-factor takes"
                    .to_string(),
            ),
            Some(_) | None => {}
        }
        if !(self.decay_factor > 0.0 && self.decay_factor < 1.0) {
            refusals.add(format!(
                "--decay-factor is {}: give a number between 0 and 1",
                self.decay_factor
            ));
        }
        for (flag, value) in
            [("lr-min", self.lr_min), ("plateau-threshold", self.plateau_threshold)]
        {
            if !(value >= 0.0 && value.is_finite()) {
                refusals.add(format!("--{flag} is {value}: give a finite number from 0 up"));
            }
        }
        if !(0.0..1.0).contains(&self.plateau_smoothing) {
            refusals.add(format!(
                "--plateau-smoothing is {}: give a number from 0 to below 1",
                self.plateau_smoothing
            ));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::ValueEnum;

    #[test]
    fn each_bad_value_has_its_line() {
        let config = ScheduleConfig {
            kind: ScheduleKind::Step,
            warmup_start: 0.0,
            decay_factor: 1.0,
            lr_min: -1.0,
            plateau_threshold: f64::NAN,
            plateau_smoothing: 1.0,
            ..Default::default()
        };
        let mut refusals = Refusals::default();
        config.validate(&mut refusals);
        let message = refusals.finish().unwrap_err().to_string();
        let flags: Vec<_> =
            message.split("; ").map(|line| line.split(' ').next().unwrap()).collect();
        assert_eq!(
            flags,
            [
                "--warmup-start",
                "--schedule",
                "--decay-factor",
                "--lr-min",
                "--plateau-threshold",
                "--plateau-smoothing"
            ]
        );
        let mut refusals = Refusals::default();
        ScheduleConfig::default().validate(&mut refusals);
        assert!(refusals.is_empty());
        let given =
            ScheduleConfig { kind: ScheduleKind::Step, decay_steps: Some(5), ..Default::default() };
        let mut refusals = Refusals::default();
        given.validate(&mut refusals);
        assert!(refusals.is_empty());
    }

    #[test]
    fn only_a_cosine_without_steps_of_its_own_ends_with_the_run() {
        for kind in ScheduleKind::value_variants() {
            assert_eq!(kind.ends_with_the_run(None), *kind == ScheduleKind::Cosine, "{kind:?}");
            assert!(!kind.ends_with_the_run(Some(5)), "{kind:?}");
        }
    }

    #[test]
    fn the_command_line_has_the_defaults_and_a_file_keeps_them() {
        #[derive(clap::Parser)]
        struct Program {
            #[command(flatten)]
            schedule: ScheduleConfig,
        }
        let line = <Program as clap::Parser>::parse_from(["program"]).schedule;
        assert_eq!(line, ScheduleConfig::default());
        let file = serde_json::to_string(&line).unwrap();
        assert_eq!(serde_json::from_str::<ScheduleConfig>(&file).unwrap(), line);
        let line = <Program as clap::Parser>::parse_from(["program", "--schedule", "plateau"]);
        let json = serde_json::to_value(&line.schedule).unwrap();
        assert_eq!(json["schedule"], "plateau");
    }
}
