//! Which values of the flags fit together.

use super::config::EfficientCodingConfig;
use crate::efficient_coding::coding::constraint::{Constraint, Variant};
use crate::lab::{Config, Refusals, RunConfig};

impl Config for EfficientCodingConfig {
    fn resolve(&mut self, _run: &RunConfig, refusals: &mut Refusals) {
        self.check_counts(refusals);
        self.check_numbers(refusals);
        self.resolve_constraint(refusals);
        self.learner.validate(refusals);
    }
}

impl EfficientCodingConfig {
    fn check_counts(&self, refusals: &mut Refusals) {
        let (placing, measuring) = (&self.placing, &self.measuring);
        for (flag, good, value) in [
            ("kernel-size", self.kernel_size > 0, self.kernel_size.to_string()),
            ("neurons", self.neurons > 0, self.neurons.to_string()),
            ("batch-size", self.batch_size > 0, self.batch_size.to_string()),
            ("eval-patches", measuring.eval_patches > 0, measuring.eval_patches.to_string()),
            (
                "covariance-batches",
                measuring.covariance_batches > 0,
                measuring.covariance_batches.to_string(),
            ),
            ("jitter-interval", placing.jitter_interval > 0, placing.jitter_interval.to_string()),
            ("evaluate-every", measuring.evaluate_every > 0, measuring.evaluate_every.to_string()),
        ] {
            refusals.unless(good, || format!("--{flag} {value}: expected 1 or more"));
        }
        let colours = self.colours;
        refusals
            .unless([1, 3].contains(&colours), || format!("--colours {colours}: expected 1 or 3"));
        let (neurons, pixels) = (self.neurons, self.patch().inputs());
        refusals.unless(neurons <= pixels, || {
            format!(
                "--neurons {neurons}: more than the {pixels} inputs of a patch; take fewer, or a \
                 larger --kernel-size"
            )
        });
    }

    fn check_numbers(&self, refusals: &mut Refusals) {
        // libtorch refuses a factor that an f32 can't hold.
        let least = f64::from(f32::MAX).sqrt().recip();
        let placing = &self.placing;
        for (flag, value, low, what) in [
            ("input-noise", self.input_noise, 0.0, "a standard deviation from 0 to 1e6"),
            ("output-noise", self.output_noise, least, "a standard deviation above 0, to 1e6"),
            ("firing-rate", self.firing_rate, least, "a rate above 0, to 1e6"),
            ("rho", self.rho, 0.0, "a weight from 0 to 1e6"),
            ("rate-lr-multiplier", self.rate_lr_multiplier, least, "a factor above 0, to 1e6"),
            ("pi-proportional", self.pi_proportional, 0.0, "a share from 0 to 1e6"),
            ("pi-integral", self.pi_integral, 0.0, "a share from 0 to 1e6"),
            ("jitter-power", placing.jitter_power, 0.0, "a number from 0 to 1e6"),
            ("centring-weight", placing.centring_weight, 0.0, "a weight from 0 to 1e6"),
        ] {
            refusals.unless((low..=1e6).contains(&value), || {
                format!("--{flag} {value}: expected {what}")
            });
        }
        let smoothing = self.pi_smoothing;
        refusals.unless((0.0..1.0).contains(&smoothing), || {
            format!("--pi-smoothing {smoothing}: expected 0 to below 1")
        });
    }

    fn resolve_constraint(&mut self, refusals: &mut Refusals) {
        match (self.constraint, self.variant) {
            (Constraint::TwoLosses, None) => self.variant = Some(Variant::Alternate),
            (Constraint::TwoLosses, Some(_)) | (_, None) => {}
            (_, Some(_)) => refusals.add("--variant goes with --constraint two-losses only"),
        }
        let factor = self.rate_lr_multiplier;
        refusals.unless(factor == 1.0 || self.constraint.has_rate_loss(), || {
            format!(
                "--rate-lr-multiplier {factor}: this constraint has no optimizer for the rates; it \
                 goes with --constraint two-losses, project, total-derivative"
            )
        });
    }
}
