//! Checks of the settings that the three experiments share.

use anyhow::Context;

use super::config::{SteadyStateConfig, signal_to_noise};
use super::learning::pretraining::PretrainMethod;
use super::plant::closed_loop::ClosedLoop;
use crate::lab::{Config, Refusals, RunConfig};

/// The largest number of seconds, updates or runs that a setting may ask for.
const LONGEST: i64 = 10_000_000;
/// The shortest time between samples, s: the maps of a second have as many entries as the square of
/// its samples.
const SHORTEST_STEP: f64 = 1e-4;

impl Config for SteadyStateConfig {
    fn resolve(&mut self, _run: &RunConfig, refusals: &mut Refusals) {
        self.resolve_lists(refusals);
        for (flag, value) in [
            ("repeats", self.repeats),
            ("train-seconds", self.train_seconds),
            ("loss-seconds", self.loss_seconds),
            ("pretrain-seconds", self.pretrain_seconds),
            ("pretrain-mean", self.pretrain_mean),
            ("steady-seconds", self.steady_seconds),
            ("steady-window", self.steady_window),
            ("batch-runs", self.batch_runs),
        ] {
            refusals.unless((1..=LONGEST).contains(&value), || {
                format!("--{flag} {value}: expected 1 to {LONGEST}")
            });
        }
        refusals.unless(self.steady_window <= self.steady_seconds, || {
            format!(
                "--steady-window {}: expected at most --steady-seconds {}",
                self.steady_window, self.steady_seconds
            )
        });
        self.resolve_reference(refusals);
        let usual = match self.pretrain {
            PretrainMethod::Lms => 0.05,
            PretrainMethod::GdClosedForm | PretrainMethod::GdIterated | PretrainMethod::Exact => {
                0.181
            }
        };
        positive("pretrain-gamma", *self.pretrain_gamma.get_or_insert(usual), refusals);
        let cut = self.cut;
        refusals.unless((0.0..1.0).contains(&cut), || {
            format!("--cut {cut}: expected 0 or more, below 1")
        });
        self.check_timing(refusals);
    }
}

impl SteadyStateConfig {
    fn resolve_lists(&mut self, refusals: &mut Refusals) {
        let empty = self.expansions.is_empty() || self.gammas.is_empty() || self.snr.is_empty();
        refusals.unless(!empty, || {
            "--expansions, --gammas, --snr: each needs at least one value".into()
        });
        if let Some(q) = self.expansions.iter().find(|q| !(1..=1000).contains(*q)) {
            refusals.add(format!("--expansions {q}: expected whole numbers from 1 to 1000"));
        }
        self.expansions.sort_unstable();
        self.expansions.dedup();
        self.gammas.iter().for_each(|gamma| positive("gammas", *gamma, refusals));
        self.gammas.sort_by(f64::total_cmp);
        self.gammas.dedup();
        let words = self.snr.iter();
        let snr: Vec<f64> = words.filter_map(|word| refusals.take(signal_to_noise(word))).collect();
        let repeated = snr.iter().enumerate().any(|(i, value)| snr[..i].contains(value));
        refusals.unless(!repeated, || format!("--snr {}: each value once", self.snr.join(",")));
    }

    fn resolve_reference(&mut self, refusals: &mut Refusals) {
        let cutoff = *self.cutoff.get_or_insert(self.reference.default_cutoff());
        let fastest = if self.reference.in_hertz() { std::f64::consts::TAU } else { 1.0 } * cutoff;
        positive("cutoff", cutoff, refusals);
        let limit = self.reference.cutoff_limit();
        refusals.unless(cutoff < limit, || {
            format!("--cutoff {cutoff}: expected less than {limit} for this --reference")
        });
        refusals.unless(fastest * self.dt <= 0.5, || {
            format!(
                "--cutoff {cutoff}: its period has fewer than 12 samples of --dt {}: use a smaller \
                 --dt or a lower cut-off",
                self.dt
            )
        });
        let lookahead = self.lookahead.get_or_insert(self.reference.default_lookahead(cutoff));
        refusals.unless(*lookahead > 0.0 && *lookahead <= LONGEST as f64, || {
            format!("--lookahead {lookahead}: expected a number above 0, up to {LONGEST}")
        });
    }

    fn check_timing(&self, refusals: &mut Refusals) {
        let (from, to, delay) = (self.window_start, self.window_end, self.delay);
        refusals.unless(0.0 <= to && to < from && from <= 1.0, || {
            format!("--window-start {from} and --window-end {to}: expected 1 >= start > end >= 0")
        });
        refusals.unless((0.0..1.0).contains(&delay), || {
            format!("--delay {delay}: expected 0 or more, below 1")
        });
        let flags = "--kp, --ki, --kd, --rc";
        let growth = ClosedLoop::new(&self.gains()).growth_rate(&self.gains());
        if let Some(growth) = refusals.take(growth.context(flags)) {
            refusals.unless(growth < 0.0, || {
                format!("{flags}: the closed loop is not stable (eigenvalue {growth:.3})")
            });
        }
        let (timing, dt) = (self.timing(), self.dt);
        if !(SHORTEST_STEP..=1.0).contains(&dt) {
            refusals.add(format!("--dt {dt}: expected {SHORTEST_STEP} to 1"));
            return;
        }
        refusals.unless(timing.whole_samples(1.0).is_some(), || {
            format!("--dt {dt}: expected a second to be a whole number of such steps")
        });
        let times = [("window-start", from), ("window-end", to), ("delay", delay)];
        for (flag, seconds) in times {
            refusals.unless(timing.whole_samples(seconds).is_some(), || {
                format!("--{flag} {seconds}: expected a whole number of steps of --dt {dt} s")
            });
        }
        refusals.unless(timing.whole_samples(from - to) != Some(0), || {
            format!(
                "--window-start {from} and --window-end {to}: expected a step of --dt {dt} s or \
                 more between them"
            )
        });
    }
}

fn positive(flag: &str, value: f64, refusals: &mut Refusals) {
    refusals.unless(value > 0.0 && value.is_finite(), || {
        format!("--{flag} {value}: expected a number above 0")
    });
}
