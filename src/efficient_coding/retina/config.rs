//! The flags of `efficient_coding`.

use clap::{Args, ValueEnum};
use serde::{Deserialize, Serialize};
use tch::Tensor;

use crate::efficient_coding::coding::constraint::{Constraint, Variant};
use crate::efficient_coding::coding::controller::ControllerSettings;
use crate::efficient_coding::coding::model::ModelConstants;
use crate::efficient_coding::coding::response::Nonlinearity;
use crate::efficient_coding::coding::rule::ConstraintRule;
use crate::efficient_coding::coding::shapes::{Centres, ShapeOptions};
use crate::efficient_coding::data::{EnsembleOptions, PatchShape};
use crate::lab::LearnerConfig;

/// What lies over a patch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Mask {
    /// A disc with a soft edge; outside it a pixel is dimmed to 1e-4
    Circle,
    /// Nothing
    None,
}

/// Settings of noisy neurons that tell of images within a budget of spikes.
#[derive(Debug, Clone, Args, Serialize, Deserialize)]
#[command(next_help_heading = "Model")]
pub struct EfficientCodingConfig {
    /// Side of a patch in pixels (k)
    #[arg(long, default_value_t = 18)]
    pub kernel_size: i64,
    /// Colour channels: 1 or 3
    #[arg(long, default_value_t = 1)]
    pub colours: i64,
    /// What lies over a patch
    #[arg(long, value_enum, default_value = "circle")]
    pub mask: Mask,
    /// Neurons (J)
    #[arg(long, default_value_t = 100)]
    pub neurons: i64,
    /// Filters: free, or a shape of a few parameters
    #[arg(long, default_value = "free")]
    pub shape: String,
    /// Filters with a shape: where their centres are
    #[arg(long, value_enum, default_value = "learnt")]
    #[serde(default)]
    pub centres: Centres,
    /// --centres hexagonal: mosaics of the same centres, one upon another
    #[arg(long, default_value_t = 1)]
    #[serde(default = "one_mosaic")]
    pub mosaics: i64,
    /// Filters with a shape: all neurons have the parameters of one, and a sign each
    #[arg(long)]
    #[serde(default)]
    pub shared_shape: bool,
    /// How the rate follows from the filter's output
    #[arg(long, value_enum, default_value = "softplus")]
    pub nonlinearity: Nonlinearity,
    /// Standard deviation of the noise of each pixel (sigma_in)
    #[arg(long, default_value_t = 0.4, allow_negative_numbers = true)]
    pub input_noise: f64,
    /// Standard deviation of the noise of each response (sigma_out)
    #[arg(long, default_value_t = 3.0, allow_negative_numbers = true)]
    pub output_noise: f64,
    /// Mean rate that each neuron may have; for linear neurons the mean square
    #[arg(long, default_value_t = 1.0, allow_negative_numbers = true)]
    pub firing_rate: f64,
    /// How it is held there
    #[arg(long, value_enum, default_value = "lagrange")]
    pub constraint: Constraint,
    /// Which two-losses; alternate if not given
    #[arg(long, value_enum)]
    pub variant: Option<Variant>,
    /// two-losses and its cures: learning rate of gains and thresholds over that of the filters
    #[arg(long, default_value_t = 1.0)]
    pub rate_lr_multiplier: f64,
    /// lagrange: weight of the penalty h^2 / 2
    #[arg(long, default_value_t = 1.0)]
    pub rho: f64,
    /// pi: share of the excess in the multiplier
    #[arg(long, default_value_t = 1.0)]
    pub pi_proportional: f64,
    /// pi: share of the excess that the multiplier keeps of each step
    #[arg(long, default_value_t = 0.1)]
    pub pi_integral: f64,
    /// pi: weight of the past in the running mean of the excess that it is proportional to
    #[arg(long, default_value_t = 0.9)]
    pub pi_smoothing: f64,
    /// exact: weight of the past in the running mean of the activities that the model's own gains
    /// follow; 0 for those of the last batch alone
    #[arg(long, default_value_t = 0.0)]
    #[serde(default)]
    pub gain_smoothing: f64,
    /// Patches in a batch
    #[arg(long, default_value_t = 128)]
    pub batch_size: i64,
    /// Shaking and centring of filters
    #[command(flatten)]
    #[serde(flatten)]
    pub placing: PlacingConfig,
    /// What is measured
    #[command(flatten)]
    #[serde(flatten)]
    pub measuring: MeasuringConfig,
    /// Patches
    #[command(flatten)]
    #[serde(flatten)]
    pub data: DataConfig,
    /// Gradient descent
    #[command(flatten)]
    #[serde(flatten)]
    pub learner: LearnerConfig,
}

/// What runs have that were saved before there were mosaics.
fn one_mosaic() -> i64 {
    1
}

/// What moves filters besides the gradient.
#[derive(Debug, Clone, Args, Serialize, Deserialize)]
#[command(next_help_heading = "Placing")]
pub struct PlacingConfig {
    /// First step of jitter
    #[arg(long, default_value_t = 0)]
    pub jitter_start: u64,
    /// Step at which jitter is over; 0 for none
    #[arg(long, default_value_t = 0)]
    pub jitter_stop: u64,
    /// Steps between two jitters
    #[arg(long, default_value_t = 5000)]
    pub jitter_interval: u64,
    /// Free filters become w |w|^power; the centres of other shapes drift by as many pixels
    #[arg(long, default_value_t = 0.25)]
    pub jitter_power: f64,
    /// First step of centring
    #[arg(long, default_value_t = 0)]
    pub centring_start: u64,
    /// Step at which centring is over; 0 for none
    #[arg(long, default_value_t = 0)]
    pub centring_stop: u64,
    /// Weight of the filters' spatial variance, in pixels^2, in the loss
    #[arg(long, default_value_t = 0.02)]
    pub centring_weight: f64,
}

impl PlacingConfig {
    /// Whether small filters are a part of the loss at a step.
    pub fn centres_at(&self, step: u64) -> bool {
        (self.centring_start..self.centring_stop).contains(&step)
    }
}

/// Settings of the ensembles.
#[derive(Debug, Clone, Args, Serialize, Deserialize)]
#[command(next_help_heading = "Data")]
pub struct DataConfig {
    /// Side of synthetic images, in pixels; by default 64 for gaussian and contrast, which are
    /// periodic, and 256 for dead-leaves
    #[arg(long, value_parser = clap::value_parser!(i64).range(EnsembleOptions::IMAGE_SIZES))]
    pub image_size: Option<i64>,
    /// Exponent a of the power spectrum 1/f^a of gaussian and contrast images
    #[arg(long, default_value_t = 2.0)]
    pub slope: f64,
    /// Standard deviation of the logarithm of contrast, from patch to patch, of contrast
    #[arg(long, default_value_t = 0.5)]
    pub contrast_spread: f64,
    /// Images of dead-leaves
    #[arg(long, default_value_t = 16,
        value_parser = clap::value_parser!(i64).range(EnsembleOptions::LEAF_IMAGES))]
    pub leaf_images: i64,
    /// Pixels of a picture that become one, along each side; by default 3 for photos, else 1
    #[arg(long, value_parser = clap::value_parser!(u32).range(EnsembleOptions::DOWNSAMPLES))]
    pub downsample: Option<u32>,
}

impl DataConfig {
    fn options(&self) -> EnsembleOptions {
        EnsembleOptions {
            image_size: self.image_size,
            slope: self.slope,
            contrast_spread: self.contrast_spread,
            leaf_images: self.leaf_images,
            downsample: self.downsample,
        }
    }
}

/// What is measured of a frozen model, and how the original logged it.
#[derive(Debug, Clone, Args, Serialize, Deserialize)]
#[command(next_help_heading = "Measuring")]
pub struct MeasuringConfig {
    /// Steps between two evaluations; there is one after step 1 too
    #[arg(long, default_value_t = 1000, value_parser = clap::value_parser!(u64).range(1..))]
    pub evaluate_every: u64,
    /// Steps between evaluations that come with images and histograms; 0 for none at all, which
    /// makes many small runs faster
    #[arg(long, default_value_t = 1000)]
    pub image_every: u64,
    /// Patches that an evaluation is on, the same every time
    #[arg(long, default_value_t = 4096)]
    pub eval_patches: i64,
    /// Batches of the frozen model that the covariances are averaged over
    #[arg(long, default_value_t = 100)]
    pub covariance_batches: i64,
    /// Log as the original did, with its three faults: histogram/r over neurons instead of over
    /// the batch, covariances of moving filters as images that wrap around, terms/MI with the
    /// entropy of the input added
    #[arg(long)]
    pub legacy_logging: bool,
}

impl EfficientCodingConfig {
    /// The window that patches are seen through.
    pub fn patch(&self) -> PatchShape {
        let (kernel, colours) = (self.kernel_size, self.colours);
        let masked = match self.mask {
            Mask::Circle => true,
            Mask::None => false,
        };
        PatchShape { kernel, colours, masked }
    }

    /// What the filters of a shape share.
    pub fn shape_options(&self) -> ShapeOptions {
        ShapeOptions { centres: self.centres, mosaics: self.mosaics, shared: self.shared_shape }
    }

    /// What the patches are made with.
    pub fn ensemble(&self) -> EnsembleOptions {
        self.data.options()
    }

    /// The constraint with what it descends along.
    pub fn rule(&self) -> ConstraintRule {
        ConstraintRule { constraint: self.constraint, variant: self.variant, rho: self.rho }
    }

    /// The formula that gains or multipliers follow.
    pub fn controller(&self) -> ControllerSettings {
        ControllerSettings {
            constraint: self.constraint,
            proportional: self.pi_proportional,
            integral: self.pi_integral,
            smoothing: self.pi_smoothing,
            gain_smoothing: self.gain_smoothing,
            target: self.firing_rate,
        }
    }

    /// What stays as it is while the neurons learn.
    ///
    /// - covariance: C_x, `[input, input]`
    pub fn constants(&self, covariance: &Tensor) -> ModelConstants {
        ModelConstants::new(
            covariance,
            self.input_noise,
            self.output_noise,
            self.nonlinearity,
            self.firing_rate,
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_of_the_flags_are_those_of_the_ensembles() {
        #[derive(Debug, clap::Parser)]
        struct Flags {
            #[command(flatten)]
            data: DataConfig,
        }
        let parsed: Flags = clap::Parser::parse_from(["flags"]);
        assert_eq!(parsed.data.options(), EnsembleOptions::default());
    }
}
