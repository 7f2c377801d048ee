//! Judges each seed's initial weights: does the plant first move with the reference or against it?

use anyhow::Result;
use tch::Tensor;

use crate::lab::tensor::to_host;
use crate::steady_state::learning::descent::Descent;
use crate::steady_state::learning::sweep::Sweep;
use crate::steady_state::plant::granule::CELLS;

/// Seconds over which [`Initialisation::alignment`] is averaged.
pub const FIRST_SECONDS: i64 = 5;

/// The initial weights of one seed's smallest network, and what pre-training made of them.
#[derive(Debug, Clone)]
pub struct Initialisation {
    /// Index of the seed.
    pub seed: usize,
    /// Mean of y r over the first seconds, y the plant's output and r the reference: above 0 where the
    /// plant moves with the reference.
    pub alignment: f64,
    /// Task loss before pre-training.
    pub begin: f64,
    /// Task loss after pre-training.
    pub end: f64,
    /// Task loss after one step of noiseless gradient descent for every second of pre-training.
    pub predicted: f64,
}

/// Measures the initialisations whose pre-training has not diverged.
///
/// # Errors
/// As [`Task::modes`]; fails if the device's tensors can't be copied to the host.
///
/// [`Task::modes`]: crate::steady_state::learning::task::Task::modes
pub fn measure_initialisations(sweep: &Sweep) -> Result<Vec<Initialisation>> {
    let (mut alignment, mut predicted) = (Vec::new(), Vec::new());
    let (stage, gamma) = (&sweep.pretraining.stage, sweep.pretraining.gammas[0]);
    let cells = sweep.axes.expansions[0] * CELLS;
    for group in &sweep.groups {
        alignment.extend(to_host::values(&group.setup.initial_alignment(FIRST_SECONDS))?);
        let start = group.setup.granule.initial.narrow(1, 0, cells);
        let count = Tensor::from_slice(&[stage.seconds as f64]).to_device(start.device());
        let descent = Descent::new(&group.task.leading(cells), &start, gamma)?;
        predicted.extend(to_host::values(&descent.losses(&count))?);
    }
    let losses = stage.losses.select(1, 0);
    let begin = to_host::values(&losses.select(3, 0))?;
    let end = to_host::values(&losses.select(3, stage.seconds))?;
    let diverged = to_host::values(&stage.diverged.select(1, 0))?;
    let kept = (0..alignment.len()).filter(|seed| diverged[*seed] < 0.0);
    let initialisation = |seed: usize| Initialisation {
        seed,
        alignment: alignment[seed],
        begin: begin[seed],
        end: end[seed],
        predicted: predicted[seed],
    };
    Ok(kept.map(initialisation).collect())
}
