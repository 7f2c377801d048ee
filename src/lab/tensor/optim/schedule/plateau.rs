//! The rate that falls when the loss doesn't.

use super::ScheduleConfig;

/// `ReduceLROnPlateau` for a minimum, on an exponential moving average that starts at the first
/// value. Counters are f64, so that all is saved in one way.
#[derive(Clone, Debug)]
pub(super) struct Plateau {
    pub(super) lr: f64,
    pub(super) best: f64,
    pub(super) smoothed: f64,
    pub(super) observations: f64,
    pub(super) bad_observations: f64,
}

impl Plateau {
    /// PyTorch's: a fall smaller than this is not made.
    const SMALLEST_FALL: f64 = 1e-8;

    pub(super) fn new(base_lr: f64) -> Self {
        let best = f64::INFINITY;
        Self { lr: base_lr, best, smoothed: 0.0, observations: 0.0, bad_observations: 0.0 }
    }

    pub(super) fn observe(&mut self, loss: f64, config: &ScheduleConfig) {
        // A loss that is not finite is no improvement, and would stay in the average for good.
        if loss.is_finite() {
            let past = if self.observations == 0.0 { 0.0 } else { config.plateau_smoothing };
            self.smoothed = past * self.smoothed + (1.0 - past) * loss;
            self.observations += 1.0;
        }
        let improved = self.smoothed < self.best * (1.0 - config.plateau_threshold);
        if loss.is_finite() && improved {
            self.best = self.smoothed;
            self.bad_observations = 0.0;
        } else {
            self.bad_observations += 1.0;
        }
        if self.bad_observations > config.plateau_patience as f64 {
            self.bad_observations = 0.0;
            let lower = (self.lr * config.decay_factor).max(config.lr_min);
            if self.lr - lower > Self::SMALLEST_FALL {
                self.lr = lower;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Schedule, ScheduleConfig, ScheduleKind};

    const STEPS: [u64; 9] = [0, 1, 4, 5, 9, 10, 24, 25, 40];

    fn config(plateau_smoothing: f64) -> ScheduleConfig {
        ScheduleConfig {
            kind: ScheduleKind::Plateau,
            decay_factor: 0.3,
            lr_min: 0.004,
            plateau_patience: 4,
            plateau_threshold: 0.01,
            plateau_smoothing,
            ..Default::default()
        }
    }

    /// A value that falls, then wavers.
    fn observed(step: u64) -> f64 {
        if step < 8 { 1.0 / (1 + step) as f64 } else { 0.12 + 0.01 * (step % 3) as f64 }
    }

    // From scripts/reference/schedules.py:
    // ReduceLROnPlateau(o, factor=0.3, patience=4, threshold=0.01, min_lr=0.004)
    #[test]
    fn the_plateau_is_pytorchs() {
        for (smoothing, expected) in [
            (0.0, [0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.009, 0.004, 0.004]),
            (0.8, [0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.03]),
        ] {
            let mut schedule = Schedule::new(config(smoothing), 0.1, 1000);
            let mut rates = Vec::new();
            for step in 0..=40 {
                if STEPS.contains(&step) {
                    rates.push(schedule.lr(step));
                }
                schedule.observe(observed(step));
            }
            for ((step, found), wanted) in STEPS.iter().zip(rates).zip(expected) {
                let error = ((found - wanted) / wanted).abs();
                assert!(error < 1e-12, "{smoothing}, step {step}: {found}, not {wanted}");
            }
        }
    }

    #[test]
    fn a_loaded_plateau_continues_to_the_bit() {
        let config = config(0.3);
        let mut schedule = Schedule::new(config.clone(), 0.1, 1000);
        let bits = |schedule: &Schedule| {
            schedule.state().iter().map(|s| s.1.to_bits()).collect::<Vec<_>>()
        };
        for at in [0, 3, 12, 30] {
            let mut first = schedule.clone();
            (0..at).for_each(|step| first.observe(observed(step)));
            let saved = first.state();
            let mut second = Schedule::new(config.clone(), 0.1, 1000);
            second.load_state(|name| Ok(saved.iter().find(|s| s.0 == name).unwrap().1)).unwrap();
            for step in at..50 {
                first.observe(observed(step));
                second.observe(observed(step));
                assert_eq!(bits(&first), bits(&second), "saved at {at}, step {step}");
            }
        }
        schedule.observe(1.0);
        assert!(schedule.load_state(|_| anyhow::bail!("missing")).is_err());
        assert_eq!(schedule.state()[1], ("best", 1.0));
    }

    // ReduceLROnPlateau(o, eps=1e-8): a rate of 1e-8 would fall by 7e-9
    #[test]
    fn a_tiny_fall_is_not_made() {
        for (lr, after) in [(1e-8, 1e-8), (1e-7, 0.3 * 1e-7)] {
            let config = ScheduleConfig { lr_min: 0.0, ..config(0.0) };
            let mut schedule = Schedule::new(config, lr, 1000);
            (0..6).for_each(|_| schedule.observe(1.0));
            assert_eq!(schedule.lr(0), after);
        }
    }

    #[test]
    fn a_loss_that_is_not_finite_is_no_improvement_and_leaves_the_average() {
        let config = config(0.5);
        let mut schedule = Schedule::new(config, 0.1, 1000);
        (0..5).for_each(|_| schedule.observe(f64::NAN));
        assert!((schedule.lr(0) - 0.03).abs() < 1e-15);
        for loss in [2.0, f64::INFINITY, 1.0] {
            schedule.observe(loss);
        }
        assert_eq!(schedule.state()[1..3], [("best", 1.5), ("smoothed", 1.5)]);
    }
}
