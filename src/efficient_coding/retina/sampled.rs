//! The information of a checkpoint's responses without linearising them, without training.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};
use serde_json::{Value, json};
use tch::{Device, Kind, no_grad_guard};

use super::analyse::{filters, replicates};
use super::config::EfficientCodingConfig;
use super::parameters::{GAIN, THRESHOLD};
use super::state::NAME;
use crate::efficient_coding::coding::gradient::BatchPass;
use crate::efficient_coding::coding::information::Information;
use crate::efficient_coding::coding::model::{ModelConstants, Neurons};
use crate::efficient_coding::coding::monte_carlo::{
    Block, BlockMean, InformationBounds, information_bounds,
};
use crate::efficient_coding::data::{self, PatchSource, Purpose};
use crate::lab::error::refuse;
use crate::lab::log::console::Console;
use crate::lab::store::checkpoint::{self, Checkpoint};
use crate::lab::tensor::{rng, to_host};
use crate::lab::{Action, ActionOption, ActionRequest};

/// Independent estimates that the standard error is from.
const BLOCKS: u64 = 16;
/// Held-out patches of each whose responses are drawn.
const OUTER: i64 = 256;
/// Held-out patches of the linearised information.
const LINEAR: i64 = 4096;
/// Samples of the sums, where none are asked for.
const SAMPLES: i64 = 16_384;
/// The numbers of samples that can be asked for.
const SAMPLES_RANGE: std::ops::RangeInclusive<i64> = 1..=1 << 20;
/// The most that the bounds may be apart, in bits, where nothing is asked for.
const TOLERANCE: f64 = 0.1;

/// `--information CHECKPOINT`.
pub(super) const INFORMATION: Action = Action {
    flag: "information",
    value_name: "CHECKPOINT",
    help: "Only estimate what the responses of a checkpoint tell of held-out patches, by sampling and \
           without linearising them, between two bounds: its manifest or tensors, or a folder: its best",
    options: &[
        ActionOption {
            flag: "samples",
            value_name: "N",
            help: "Samples of the sums that densities are computed from; by default 16384",
        },
        ActionOption {
            flag: "tolerance",
            value_name: "BITS",
            help: "The most that the bounds may be apart; by default 0.1",
        },
    ],
    takes: &["seed", "data_dir"],
    run: estimate_as_asked,
};

/// What is estimated, and how.
#[derive(Debug, Clone)]
pub struct SampledOptions {
    /// A checkpoint's manifest or tensors, or a folder: its best.
    pub checkpoint: PathBuf,
    /// The folder of data sets.
    pub data_dir: PathBuf,
    /// Seed of patches and noise.
    pub seed: u64,
    /// Samples of the sums that densities are computed from.
    pub samples: i64,
}

/// The information of a checkpoint's responses, in bits a patch.
#[derive(Debug, Clone, Copy)]
pub struct SampledInformation {
    /// Between what it is.
    pub bounds: InformationBounds,
    /// KL/2 of the model linearised around each patch, at the same gains.
    pub linearised: f64,
}

/// Does what `--information CHECKPOINT` asks for, and says what was found.
fn estimate_as_asked(request: &ActionRequest) -> Result<()> {
    let (samples, tolerance) = numbers(request)?;
    let data_dir = request.settings.get("data_dir").and_then(Value::as_str).unwrap_or("data");
    let options = SampledOptions {
        checkpoint: PathBuf::from(&request.value),
        data_dir: PathBuf::from(data_dir),
        seed: request.settings.get("seed").and_then(Value::as_u64).unwrap_or_default(),
        samples,
    };
    let found = sampled_information(&options)?;
    let InformationBounds { lower, upper } = found.bounds;
    let gap = upper.mean - lower.mean;
    if gap.is_nan() || gap > tolerance {
        bail!(
            "the estimate has not converged: between {:.3} and {:.3} bits with {samples} samples, more \
             than --tolerance {tolerance} apart; raise --samples, or take a model of less information",
            lower.mean,
            upper.mean
        )
    }
    let console = Console::new(request.quiet, false);
    if request.json {
        let bound =
            |bound: BlockMean| json!({"bits": bound.mean, "standard_error": bound.standard_error});
        let numbers = json!({
            "lower": bound(lower),
            "upper": bound(upper),
            "linearised": {"bits": found.linearised},
            "samples": samples,
            "patches": BLOCKS as i64 * OUTER,
        });
        console.print(&numbers.to_string());
        return Ok(());
    }
    console.report(&format!(
        "information  {:.3} ± {:.3} to {:.3} ± {:.3} bits a patch",
        lower.mean, lower.standard_error, upper.mean, upper.standard_error
    ));
    console.report(&format!("KL/2         {:.3} bits, linearised", found.linearised));
    Ok(())
}

/// `--samples` and `--tolerance`.
fn numbers(request: &ActionRequest) -> Result<(i64, f64)> {
    let samples = match request.options.get("samples") {
        None => SAMPLES,
        Some(typed) => match typed.parse() {
            Ok(samples) if SAMPLES_RANGE.contains(&samples) => samples,
            _ => return Err(refuse(format!("--samples {typed}: expected 1 to 1048576"))),
        },
    };
    let tolerance = match request.options.get("tolerance") {
        None => TOLERANCE,
        Some(typed) => match typed.parse::<f64>() {
            Ok(bits) if bits > 0.0 => bits,
            _ => return Err(refuse(format!("--tolerance {typed}: expected bits above 0"))),
        },
    };
    Ok((samples, tolerance))
}

/// Estimates the information of a checkpoint's responses at the model's own gains, on patches that it
/// has not learnt from.
///
/// # Errors
/// Exit code 2 for a checkpoint of several replicates; 1 for a checkpoint or data that are missing or
/// damaged, or of another experiment; where an estimate is not finite.
pub fn sampled_information(options: &SampledOptions) -> Result<SampledInformation> {
    let _guard = no_grad_guard();
    let SampledOptions { seed, samples, .. } = *options;
    let checkpoint = Checkpoint::read(&checkpoint::find(&options.checkpoint, true)?)?;
    let (found, name) = (&checkpoint.manifest.experiment, options.checkpoint.display());
    ensure!(found == NAME, "{name} is a checkpoint of {found}, not of {NAME}");
    let models = replicates(&checkpoint);
    if models > 1 {
        return Err(refuse(format!(
            "--information {name}: it has {models} replicates; take the checkpoint of a run without \
             --replicates"
        )));
    }
    let trained = &checkpoint.manifest.config;
    let config: EfficientCodingConfig = serde_json::from_value(Value::Object(trained.clone()))
        .with_context(|| format!("the configuration of {name}"))?;
    let source = open(&config, trained, &options.data_dir)?;
    let (constants, neurons) = model(&checkpoint, &config)?;
    let patches = |count: i64, t: u64| {
        let patches = source.patches(Purpose::HeldOut, count, seed, "information", t)?;
        anyhow::Ok(patches.to_kind(Kind::Double))
    };
    let blocks = (0..BLOCKS).map(|block| {
        let all = patches(OUTER + samples, block)?;
        let (images, others) = (all.narrow(0, 0, OUTER), all.narrow(0, OUTER, samples));
        anyhow::Ok(Block { images, others })
    });
    let bounds = information_bounds(&constants, &neurons, blocks, seed)?;
    let patches = patches(LINEAR, BLOCKS)?;
    rng::seed_torch(seed, "information-noise", BLOCKS);
    let noisy = &patches + patches.randn_like() * config.input_noise;
    let pass = BatchPass::new(&constants, &neurons, &noisy, false);
    let kl = Information::in_chunks(&pass.shared, &pass.slopes, config.batch_size).kl();
    Ok(SampledInformation { bounds, linearised: to_host::scalar(&kl.mean(Kind::Double))? / 2.0 })
}

/// The ensemble that a checkpoint's model was trained on.
fn open(
    config: &EfficientCodingConfig,
    trained: &serde_json::Map<String, Value>,
    data_dir: &Path,
) -> Result<Box<dyn PatchSource>> {
    let name = trained.get("data").and_then(Value::as_str).unwrap_or("gaussian");
    let seed = trained.get("seed").and_then(Value::as_u64).unwrap_or_default();
    data::open(name, data_dir, config.patch(), &config.ensemble(), seed)
}

/// The model of a checkpoint, in f64.
fn model(
    checkpoint: &Checkpoint,
    config: &EfficientCodingConfig,
) -> Result<(ModelConstants, Neurons)> {
    let get = |name: &str| {
        let found = checkpoint.tensors.get(name).map(|tensor| tensor.to_device(Device::Cpu));
        let found =
            found.with_context(|| format!("{} has no {name}", checkpoint.path.display()))?;
        anyhow::Ok(found.to_kind(Kind::Double))
    };
    let neurons = Neurons {
        filters: filters(checkpoint, config, 0)?.to_kind(Kind::Double),
        log_gain: get(GAIN)?.reshape([-1]),
        log_threshold: get(THRESHOLD)?.reshape([-1]),
    };
    Ok((config.constants(&get("state.covariance")?), neurons))
}
