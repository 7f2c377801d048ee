//! Checks of the settings that the three experiments share.

use anyhow::Result;

use super::config::{SteadyStateConfig, signal_to_noise};
use super::learning::pretraining::PretrainMethod;
use super::plant::closed_loop::ClosedLoop;
use crate::lab::error::refuse;
use crate::lab::tensor::to_host;

impl SteadyStateConfig {
    /// Fills in what depends on the reference, and checks every value.
    ///
    /// # Errors
    /// Refuses the first value that is out of range, with its flag and exit code 2.
    pub fn resolve(&mut self) -> Result<()> {
        self.resolve_lists()?;
        for (flag, value, least) in [
            ("repeats", self.repeats, 1),
            ("train-seconds", self.train_seconds, 1),
            ("loss-seconds", self.loss_seconds, 1),
            ("pretrain-seconds", self.pretrain_seconds, 1),
            ("pretrain-mean", self.pretrain_mean, 1),
            ("steady-seconds", self.steady_seconds, 1),
            ("steady-window", self.steady_window, 1),
            ("batch-runs", self.batch_runs, 1),
        ] {
            if value < least || value > 10_000_000 {
                return Err(refuse(format!("--{flag} {value}: expected {least} to 10000000")));
            }
        }
        if self.steady_window > self.steady_seconds {
            return Err(refuse(format!(
                "--steady-window {}: expected at most --steady-seconds {}",
                self.steady_window, self.steady_seconds
            )));
        }
        let cutoff = *self.cutoff.get_or_insert(self.reference.default_cutoff());
        let fastest = if self.reference.in_hertz() { std::f64::consts::TAU } else { 1.0 } * cutoff;
        positive("cutoff", cutoff)?;
        positive("dt", self.dt)?;
        if fastest * self.dt > 0.5 {
            return Err(refuse(format!(
                "--cutoff {cutoff}: its period has fewer than 12 samples of --dt {}: use a smaller \
                 --dt or a lower cut-off",
                self.dt
            )));
        }
        let lookahead = self.lookahead.get_or_insert(self.reference.default_lookahead(cutoff));
        positive("lookahead", *lookahead)?;
        let usual = match self.pretrain {
            PretrainMethod::Lms => 0.05,
            PretrainMethod::GdClosedForm | PretrainMethod::GdIterated | PretrainMethod::Exact => {
                0.181
            }
        };
        positive("pretrain-gamma", *self.pretrain_gamma.get_or_insert(usual))?;
        if !(0.0..1.0).contains(&self.cut) {
            return Err(refuse(format!("--cut {}: expected 0 to 1", self.cut)));
        }
        self.resolve_timing()
    }

    fn resolve_lists(&mut self) -> Result<()> {
        if self.expansions.is_empty() || self.gammas.is_empty() || self.snr.is_empty() {
            return Err(refuse("--expansions, --gammas, --snr: each needs at least one value"));
        }
        if let Some(q) = self.expansions.iter().find(|q| !(1..=1000).contains(*q)) {
            return Err(refuse(format!("--expansions {q}: expected whole numbers from 1 to 1000")));
        }
        self.expansions.sort_unstable();
        self.expansions.dedup();
        self.gammas.iter().try_for_each(|gamma| positive("gammas", *gamma))?;
        self.gammas.sort_by(f64::total_cmp);
        self.gammas.dedup();
        let snr: Vec<f64> =
            self.snr.iter().map(|word| signal_to_noise(word)).collect::<Result<_>>()?;
        if snr.iter().enumerate().any(|(i, value)| snr[..i].contains(value)) {
            return Err(refuse(format!("--snr {}: each value once", self.snr.join(","))));
        }
        Ok(())
    }

    fn resolve_timing(&self) -> Result<()> {
        let (from, to) = (self.window_start, self.window_end);
        if !(0.0 <= to && to < from && from <= 1.0) {
            return Err(refuse(format!(
                "--window-start {from} and --window-end {to}: expected 1 >= start > end >= 0"
            )));
        }
        if !(0.0..1.0).contains(&self.delay) {
            return Err(refuse(format!("--delay {}: expected 0 or more, below 1", self.delay)));
        }
        let plant = ClosedLoop::new(&self.gains());
        let growth = to_host::scalar(&plant.growth_rate(&self.gains()))?;
        if growth >= 0.0 {
            return Err(refuse(format!(
                "--kp, --ki, --kd, --rc: the closed loop is not stable (eigenvalue {growth:.3})"
            )));
        }
        let (timing, dt) = (self.timing(), self.dt);
        for (flag, seconds) in
            [("dt", 1.0), ("window-start", from), ("window-end", to), ("delay", self.delay)]
        {
            if timing.whole_samples(seconds).is_none() {
                return Err(refuse(format!(
                    "--{flag} {seconds}: expected a whole number of steps of --dt {dt} s"
                )));
            }
        }
        Ok(())
    }
}

fn positive(flag: &str, value: f64) -> Result<()> {
    if value > 0.0 && value.is_finite() {
        return Ok(());
    }
    Err(refuse(format!("--{flag} {value}: expected a number above 0")))
}
