//! Settings of `efficient_coding`.

use anyhow::Result;
use clap::{Args, ValueEnum};
use serde::{Deserialize, Serialize};

use super::data::{DataConfig, PatchShape};
use super::response::Nonlinearity;
use crate::lab::LearnerConfig;
use crate::lab::error::refuse;

/// How the mean rate of every neuron is held at its target.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Constraint {
    /// A multiplier for each neuron that climbs while everything else descends, and a penalty:
    /// the notebook's reference
    Lagrange,
    /// Gain = 1 / running mean of (rate - target): the notebook's first attempt, whose rate settles
    /// above the target
    GammaV1,
    /// Gain = 1 / running mean of the rate: its second, whose rate settles at a root
    GammaV2,
    /// No constraint: gains grow without end
    None,
    /// Filters descend -KL/2 and gains and thresholds the squared excess of the rates, each with
    /// an optimizer of its own (--variant)
    TwoLosses,
    /// two-losses, with each filter's gradient projected off that of its rate
    Project,
    /// two-losses, with each filter's gradient taken along the rates that gains would keep
    TotalDerivative,
    /// The gain that meets the target on the very batch; filters and thresholds descend the total
    /// derivative
    Exact,
    /// A multiplier that follows the excess by proportion and integral
    Pi,
}

/// Which of the notebook's programs two-losses is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Variant {
    /// Rates at even steps, filters at odd ones
    Alternate,
    /// Both at every step, and the rates' gradient is left in the filters' too
    Leak,
    /// Both at every step, each with its own gradient
    Clean,
}

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
        PatchShape { kernel, colours, masked: self.mask == Mask::Circle }
    }

    /// Whether gains and thresholds have an optimizer of their own.
    pub fn has_rate_learner(&self) -> bool {
        use Constraint::{Project, TotalDerivative, TwoLosses};
        matches!(self.constraint, TwoLosses | Project | TotalDerivative)
    }

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
        if self.rate_lr_multiplier != 1.0 && !self.has_rate_learner() {
            return Err(refuse(format!(
                "--rate-lr-multiplier {}: this constraint has no optimizer for the rates; it goes \
                 with --constraint two-losses, project, total-derivative",
                self.rate_lr_multiplier
            )));
        }
        Ok(())
    }
}
