//! Learning rates over the steps, in the definitions of `torch.optim.lr_scheduler`.

mod config;
mod plateau;

pub use config::{ScheduleConfig, ScheduleKind};

use anyhow::Result;
use plateau::Plateau;
use std::f64::consts::PI;

/// A learning rate for every step. But for [`ScheduleKind::Plateau`] it has no state: the rate is
/// a function of the step.
#[derive(Clone, Debug)]
pub struct Schedule {
    config: ScheduleConfig,
    base_lr: f64,
    decay_steps: f64,
    plateau: Option<Plateau>,
}

impl Schedule {
    /// A schedule from `base_lr` for a run of `total_steps`, which only the cosine without
    /// `decay_steps` looks at. `config` is taken as valid.
    pub fn new(config: ScheduleConfig, base_lr: f64, total_steps: u64) -> Self {
        let rest = total_steps.saturating_sub(config.warmup_steps).max(1);
        let decay_steps = config.decay_steps.unwrap_or(rest) as f64;
        let plateau = match config.kind {
            ScheduleKind::Plateau => Some(Plateau::new(base_lr)),
            ScheduleKind::Constant
            | ScheduleKind::Step
            | ScheduleKind::Exponential
            | ScheduleKind::Cosine => None,
        };
        Self { config, base_lr, decay_steps, plateau }
    }

    /// The learning rate of step `step`, counted from 0.
    ///
    /// During the warm-up of W steps from a share s, `LinearLR`: the rate times
    /// s + (1 - s) step / W. Then, with t = step - W, decay factor f and decay steps n:
    /// `StepLR` f^floor(t / n); `ExponentialLR` f^(t / n), PyTorch's being n = 1;
    /// `CosineAnnealingLR` min + (base - min) (1 + cos(pi t / n)) / 2 up to t = n, and min beyond,
    /// where PyTorch's would rise again.
    pub fn lr(&self, step: u64) -> f64 {
        let top = self.plateau.as_ref().map_or(self.base_lr, |plateau| plateau.lr);
        let warmup_steps = self.config.warmup_steps;
        if step < warmup_steps {
            let start = self.config.warmup_start;
            return top * (start + (1.0 - start) * step as f64 / warmup_steps as f64);
        }
        let progress = (step - warmup_steps) as f64 / self.decay_steps;
        match self.config.kind {
            ScheduleKind::Constant | ScheduleKind::Plateau => top,
            ScheduleKind::Step => top * self.config.decay_factor.powf(progress.floor()),
            ScheduleKind::Exponential => top * self.config.decay_factor.powf(progress),
            ScheduleKind::Cosine => {
                let min = self.config.lr_min;
                min + (top - min) * (1.0 + (PI * progress.min(1.0)).cos()) / 2.0
            }
        }
    }

    /// Tells the plateau schedule a loss (lower is better), such as that of each evaluation; no other
    /// schedule depends on losses.
    pub fn observe(&mut self, loss: f64) {
        if let Some(plateau) = &mut self.plateau {
            plateau.observe(loss, &self.config);
        }
    }

    /// What has to be saved, by name: nothing, or the plateau's counters. `best` is infinite before
    /// the first observation.
    pub fn state(&self) -> Vec<(&'static str, f64)> {
        let Some(p) = &self.plateau else { return Vec::new() };
        vec![
            ("lr", p.lr),
            ("best", p.best),
            ("smoothed", p.smoothed),
            ("observations", p.observations),
            ("bad_observations", p.bad_observations),
        ]
    }

    /// Takes a state as [`Schedule::state`] gave it; `get` finds a number by its name.
    ///
    /// # Errors
    /// What `get` returns. Nothing is changed then.
    pub fn load_state(&mut self, get: impl Fn(&str) -> Result<f64>) -> Result<()> {
        if let Some(plateau) = &mut self.plateau {
            *plateau = Plateau {
                lr: get("lr")?,
                best: get("best")?,
                smoothed: get("smoothed")?,
                observations: get("observations")?,
                bad_observations: get("bad_observations")?,
            };
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::ScheduleKind::{Constant, Cosine, Exponential, Plateau, Step};
    use super::*;

    const STEPS: [u64; 9] = [0, 1, 4, 5, 9, 10, 24, 25, 40];

    fn config(kind: ScheduleKind) -> ScheduleConfig {
        let config = ScheduleConfig { kind, ..Default::default() };
        match kind {
            Step => ScheduleConfig { decay_steps: Some(7), decay_factor: 0.5, ..config },
            Exponential => ScheduleConfig { decay_steps: Some(1), decay_factor: 0.9, ..config },
            Cosine => ScheduleConfig { decay_steps: Some(40), lr_min: 0.01, ..config },
            Constant | Plateau => config,
        }
    }

    fn assert_rates(what: &str, found: impl Iterator<Item = f64>, expected: [f64; 9]) {
        for ((step, found), wanted) in STEPS.iter().zip(found).zip(expected) {
            let error = ((found - wanted) / wanted).abs();
            assert!(error < 1e-12, "{what} at step {step}: {found}, not {wanted}");
        }
    }

    // Numbers from scripts/reference/schedules.py: from a rate of 0.1,
    // StepLR(o, step_size=7, gamma=0.5), ExponentialLR(o, gamma=0.9) and
    // CosineAnnealingLR(o, T_max=40, eta_min=0.01); with a warm-up,
    // SequentialLR(o, [LinearLR(o, start_factor=1/3, total_iters=5), make(o)], milestones=[5])
    #[test]
    fn rates_are_pytorchs() {
        let cases = [
            (
                Constant,
                [0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1],
                [
                    0.03333333333333333,
                    0.04666666666666667,
                    0.08666666666666668,
                    0.1,
                    0.1,
                    0.1,
                    0.1,
                    0.1,
                    0.1,
                ],
            ),
            (
                Step,
                [0.1, 0.1, 0.1, 0.1, 0.05, 0.05, 0.0125, 0.0125, 0.003125],
                [
                    0.03333333333333333,
                    0.04666666666666667,
                    0.08666666666666668,
                    0.1,
                    0.1,
                    0.1,
                    0.025,
                    0.025,
                    0.003125,
                ],
            ),
            (
                Exponential,
                [
                    0.1,
                    0.09000000000000001,
                    0.06561000000000002,
                    0.05904900000000002,
                    0.03874204890000002,
                    0.03486784401000002,
                    0.007976644307687259,
                    0.007178979876918534,
                    0.0014780882941434613,
                ],
                [
                    0.03333333333333333,
                    0.04666666666666667,
                    0.08666666666666668,
                    0.1,
                    0.06561000000000002,
                    0.05904900000000002,
                    0.013508517176729932,
                    0.01215766545905694,
                    0.002503155504993245,
                ],
            ),
            (
                Cosine,
                [
                    0.1,
                    0.09986128001799077,
                    0.09779754323328192,
                    0.0965745789630079,
                    0.08921826845200141,
                    0.08681980515339464,
                    0.04109423525312736,
                    0.037779245543570955,
                    0.01,
                ],
                [
                    0.03333333333333333,
                    0.04666666666666667,
                    0.08666666666666668,
                    0.1,
                    0.09779754323328192,
                    0.0965745789630079,
                    0.05853065930775302,
                    0.05499999999999999,
                    0.013425421036992095,
                ],
            ),
        ];
        for (kind, plain, warm) in cases {
            let schedule = Schedule::new(config(kind), 0.1, 1000);
            assert_rates(&format!("{kind:?}"), STEPS.map(|s| schedule.lr(s)).into_iter(), plain);
            let config = ScheduleConfig { warmup_steps: 5, ..config(kind) };
            let schedule = Schedule::new(config, 0.1, 1000);
            assert_rates(
                &format!("warm {kind:?}"),
                STEPS.map(|s| schedule.lr(s)).into_iter(),
                warm,
            );
        }
    }

    #[test]
    fn a_cosine_takes_the_run_and_stays_at_its_end() {
        let config =
            ScheduleConfig { kind: Cosine, warmup_steps: 10, lr_min: 0.01, ..Default::default() };
        let schedule = Schedule::new(config, 0.1, 110);
        assert!((schedule.lr(10) - 0.1).abs() < 1e-15);
        assert!((schedule.lr(60) - 0.055).abs() < 1e-15);
        assert_eq!(schedule.lr(110), 0.01);
        assert_eq!(schedule.lr(1000), 0.01);
    }
}
