//! Which values of the flags fit together.

use anyhow::Result;

use super::config::EfficientCodingConfig;
use crate::efficient_coding::coding::constraint::{Constraint, Variant};
use crate::lab::error::refuse;

impl EfficientCodingConfig {
    /// Fills in the variant and checks every value.
    ///
    /// # Errors
    /// Exit code 2, with the flag and the value.
    pub fn resolve(&mut self) -> Result<()> {
        self.check_counts()?;
        self.check_noise()?;
        self.check_constraint()?;
        self.learner.validate()
    }

    fn check_counts(&self) -> Result<()> {
        for (flag, value) in [
            ("kernel-size", self.kernel_size),
            ("neurons", self.neurons),
            ("batch-size", self.batch_size),
            ("eval-patches", self.measuring.eval_patches),
            ("covariance-batches", self.measuring.covariance_batches),
        ] {
            if value < 1 {
                return Err(refuse(format!("--{flag} {value}: expected 1 or more")));
            }
        }
        for (flag, value) in [
            ("jitter-interval", self.placing.jitter_interval),
            ("evaluate-every", self.measuring.evaluate_every),
        ] {
            if value < 1 {
                return Err(refuse(format!("--{flag} {value}: expected 1 or more")));
            }
        }
        if ![1, 3].contains(&self.colours) {
            return Err(refuse(format!("--colours {}: expected 1 or 3", self.colours)));
        }
        let (neurons, pixels) = (self.neurons, self.patch().inputs());
        if neurons > pixels {
            return Err(refuse(format!(
                "--neurons {neurons}: more than the {pixels} inputs of a patch; take fewer, or a \
                 larger --kernel-size"
            )));
        }
        Ok(())
    }

    fn check_noise(&self) -> Result<()> {
        // libtorch refuses a factor that an f32 can't hold.
        let least = f64::from(f32::MAX).sqrt().recip();
        let bounded = |flag: &str, value: f64, low: f64, what: &str| {
            let good = (low..=1e6).contains(&value);
            let message = || refuse(format!("--{flag} {value}: expected {what}"));
            if good { Ok(()) } else { Err(message()) }
        };
        bounded("input-noise", self.input_noise, 0.0, "a standard deviation from 0 to 1e6")?;
        bounded("output-noise", self.output_noise, least, "a standard deviation above 0, to 1e6")?;
        bounded("firing-rate", self.firing_rate, least, "a rate above 0, to 1e6")?;
        bounded("rho", self.rho, 0.0, "a weight from 0 to 1e6")?;
        bounded("rate-lr-multiplier", self.rate_lr_multiplier, least, "a factor above 0, to 1e6")?;
        bounded("pi-proportional", self.pi_proportional, 0.0, "a share from 0 to 1e6")?;
        bounded("pi-integral", self.pi_integral, 0.0, "a share from 0 to 1e6")?;
        bounded("jitter-power", self.placing.jitter_power, 0.0, "a number from 0 to 1e6")?;
        bounded("centring-weight", self.placing.centring_weight, 0.0, "a weight from 0 to 1e6")?;
        if !(0.0..1.0).contains(&self.pi_smoothing) {
            let message = format!("--pi-smoothing {}: expected 0 to below 1", self.pi_smoothing);
            return Err(refuse(message));
        }
        Ok(())
    }

    fn check_constraint(&mut self) -> Result<()> {
        match (self.constraint, self.variant) {
            (Constraint::TwoLosses, None) => self.variant = Some(Variant::Alternate),
            (Constraint::TwoLosses, Some(_)) | (_, None) => {}
            (_, Some(_)) => return Err(refuse("--variant goes with --constraint two-losses only")),
        }
        if self.rate_lr_multiplier != 1.0 && !self.constraint.has_rate_loss() {
            return Err(refuse(format!(
                "--rate-lr-multiplier {}: this constraint has no optimizer for the rates; it goes \
                 with --constraint two-losses, project, total-derivative",
                self.rate_lr_multiplier
            )));
        }
        Ok(())
    }
}
