//! Which values of the flags fit together.

use super::config::EfficientCodingConfig;
use crate::efficient_coding::coding::constraint::{Constraint, Variant};
use crate::efficient_coding::coding::shapes::{Centres, FREE};
use crate::efficient_coding::data::{DEAD_LEAVES, EnsembleOptions};
use crate::lab::{Config, Refusals, RunConfig};

/// The largest side of a patch, in pixels: the covariance of its inputs has as many entries as the
/// fourth power of it, and nine times as many in three colours.
const MAX_KERNEL: i64 = 128;
/// The most patches, or batches, that are asked for at once.
const MAX_PATCHES: i64 = 1_000_000;

impl Config for EfficientCodingConfig {
    fn resolve(&mut self, run: &RunConfig, refusals: &mut Refusals) {
        self.check_counts(refusals);
        self.check_steps(refusals);
        self.check_images(refusals);
        self.check_numbers(refusals);
        self.resolve_constraint(refusals);
        self.check_shape(refusals);
        self.check_replicates(run, refusals);
        self.learner.validate(refusals);
        let schedule = &self.learner.schedule;
        schedule.refuse_plateau("an evaluation measures information, and no loss", refusals);
    }
}

impl EfficientCodingConfig {
    fn check_counts(&self, refusals: &mut Refusals) {
        for (flag, value, most) in [
            ("kernel-size", self.kernel_size, MAX_KERNEL),
            ("batch-size", self.batch_size, MAX_PATCHES),
            ("eval-patches", self.measuring.eval_patches, MAX_PATCHES),
            ("covariance-batches", self.measuring.covariance_batches, MAX_PATCHES),
        ] {
            refusals.unless((1..=most).contains(&value), || {
                format!("--{flag} {value}: expected 1 to {most}")
            });
        }
        let (colours, neurons) = (self.colours, self.neurons);
        let known = [1, 3].contains(&colours);
        refusals.unless(known, || format!("--colours {colours}: expected 1 or 3"));
        refusals.unless(neurons > 0, || format!("--neurons {neurons}: expected 1 or more"));
        if known && (1..=MAX_KERNEL).contains(&self.kernel_size) {
            let pixels = self.patch().inputs();
            refusals.unless(neurons <= pixels, || {
                format!(
                    "--neurons {neurons}: more than the {pixels} inputs of a patch; take fewer, or \
                     a larger --kernel-size"
                )
            });
        }
    }

    fn check_steps(&self, refusals: &mut Refusals) {
        for (flag, value) in [
            ("jitter-interval", self.placing.jitter_interval),
            ("evaluate-every", self.measuring.evaluate_every),
        ] {
            refusals.unless(value > 0, || format!("--{flag} {value}: expected 1 or more"));
        }
    }

    /// The limits that the flags have, for a configuration file too.
    fn check_images(&self, refusals: &mut Refusals) {
        let data = &self.data;
        for (flag, value, range) in [
            ("image-size", data.image_size, EnsembleOptions::IMAGE_SIZES),
            ("leaf-images", Some(data.leaf_images), EnsembleOptions::LEAF_IMAGES),
            ("downsample", data.downsample.map(i64::from), EnsembleOptions::DOWNSAMPLES),
        ] {
            let Some(value) = value else { continue };
            refusals.unless(range.contains(&value), || {
                format!("--{flag} {value}: expected {} to {}", range.start(), range.end())
            });
        }
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
        for (flag, smoothing) in
            [("pi-smoothing", self.pi_smoothing), ("gain-smoothing", self.gain_smoothing)]
        {
            refusals.unless((0.0..1.0).contains(&smoothing), || {
                format!("--{flag} {smoothing}: expected 0 to below 1")
            });
        }
    }

    /// What goes with filters that have a shape only, and with centres that stand still.
    fn check_shape(&self, refusals: &mut Refusals) {
        let (mosaics, neurons) = (self.mosaics, self.neurons);
        let (free, learnt) = (self.shape == FREE, self.centres == Centres::Learnt);
        refusals.unless(!free || learnt, || {
            "--centres hexagonal: free filters have no centres; it goes with another --shape".into()
        });
        refusals.unless(!free || !self.shared_shape, || {
            "--shared-shape: free filters have no shape; it goes with another --shape".into()
        });
        refusals.unless(mosaics == 1 || (mosaics > 1 && !learnt), || {
            format!("--mosaics {mosaics}: expected 1, or more with --centres hexagonal")
        });
        refusals.unless(mosaics < 1 || neurons % mosaics == 0, || {
            format!("--mosaics {mosaics}: --neurons {neurons} is no multiple of it")
        });
        refusals.unless(learnt || self.placing.jitter_stop == 0, || {
            "--centres hexagonal: jitter would move what stands still; give --jitter-stop 0".into()
        });
    }

    /// What replicates can't share, and what is of one model.
    fn check_replicates(&self, run: &RunConfig, refusals: &mut Refusals) {
        let count = run.replicates;
        refusals.unless(count == 1 || run.data != DEAD_LEAVES, || {
            format!(
                "--replicates {count}: the images of dead-leaves are drawn from the seed, and \
                 replicates share their images; start a run for each --seed"
            )
        });
        refusals.unless(count == 1 || !self.measuring.legacy_logging, || {
            format!("--replicates {count}: --legacy-logging is of one model; leave one of them out")
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
        let smoothing = self.gain_smoothing;
        refusals.unless(smoothing == 0.0 || self.constraint.eliminates_gain(), || {
            format!("--gain-smoothing {smoothing}: it goes with --constraint exact only")
        });
        let (lr, most) = (self.learner.lr, f64::from(f32::MAX));
        refusals.unless(lr > most || lr * factor <= most, || {
            format!("--lr {lr} times --rate-lr-multiplier {factor}: expected a product <3.4e38")
        });
    }
}
