//! What came of every network: its minimum, its pre-training, and its best mean update.

use anyhow::Result;
use tch::Tensor;

use super::mean_update::BestMeanUpdate;
use crate::lab::tensor::to_host;
use crate::steady_state::learning::sweep::Sweep;
use crate::steady_state::learning::task::Task;
use crate::steady_state::plant::granule::CELLS;

/// What came of one network.
#[derive(Debug, Clone)]
pub struct NetworkResult {
    /// Index of the seed.
    pub seed: usize,
    /// Index of the expansion.
    pub size: usize,
    /// Loss before learning.
    pub begin: f64,
    /// Loss of w*; NaN where the pre-training has diverged.
    pub pretrained: f64,
    /// Least loss, by the pseudo-inverse with the cut.
    pub minimum: f64,
    /// Eigenvalues of H in ascending order.
    pub eigenvalues: Vec<f64>,
    /// Cosine between the gradient and the mean update before learning.
    pub cosine: f64,
    /// Learning step at which one mean update before learning lowers the loss most.
    pub best_gamma: f64,
    /// Share of the loss that this update takes away.
    pub best_drop: f64,
}

/// Measures every network, in the order of seeds, then expansions.
///
/// # Errors
/// As [`Task::modes`]; fails if the device's tensors can't be copied to the host.
pub fn measure_networks(sweep: &Sweep, cut: f64) -> Result<Vec<NetworkResult>> {
    let diverged = to_host::values(&sweep.pretraining.stage.diverged)?;
    let sizes = sweep.axes.expansions.len();
    let mut networks = Vec::new();
    for group in &sweep.groups {
        let count = group.seeds.len();
        let optimum = sweep.pretraining.optimum.narrow(0, group.first, count as i64);
        let mut columns = Vec::new();
        for (size, q) in sweep.axes.expansions.iter().enumerate() {
            let cells = q * CELLS;
            let initial = group.setup.granule.initial.narrow(1, 0, cells);
            let optimum = optimum.select(1, size as i64).narrow(1, 0, cells);
            columns.push(SizeResults::new(&group.task.leading(cells), &initial, &optimum, cut)?);
        }
        for local in 0..count {
            let seed = group.first as usize + local;
            for (size, results) in columns.iter().enumerate() {
                let known = diverged[seed * sizes + size] < 0.0;
                networks.push(results.network(seed, size, local, count, known));
            }
        }
    }
    Ok(networks)
}

/// What came of the networks of one size of a group: `[seed]` each.
struct SizeResults {
    begin: Vec<f64>,
    pretrained: Vec<f64>,
    minimum: Vec<f64>,
    cosine: Vec<f64>,
    best_gamma: Vec<f64>,
    best_drop: Vec<f64>,
    /// Eigenvalues of H in ascending order: `[seed, cell]`, flat.
    eigenvalues: Vec<f64>,
}

impl SizeResults {
    /// Measures networks.
    ///
    /// # Shapes
    /// - initial, optimum: weights before learning and w*, `[seed, cell]`
    fn new(task: &Task, initial: &Tensor, optimum: &Tensor, cut: f64) -> Result<Self> {
        let minimum = task.minimum(initial, cut)?;
        let best = BestMeanUpdate::new(task, initial);
        Ok(Self {
            begin: to_host::values(&task.loss(initial))?,
            pretrained: to_host::values(&task.loss(optimum))?,
            minimum: to_host::values(&task.loss(&minimum.weights))?,
            cosine: to_host::values(&best.cosine)?,
            best_gamma: to_host::values(&best.gamma)?,
            best_drop: to_host::values(&best.drop)?,
            eigenvalues: to_host::values(&minimum.eigenvalues)?,
        })
    }

    /// The result of the seed `local` of the `count` in the group. Where w* is not `known`, its loss
    /// is NaN.
    fn network(
        &self,
        seed: usize,
        size: usize,
        local: usize,
        count: usize,
        known: bool,
    ) -> NetworkResult {
        let cells = self.eigenvalues.len() / count;
        NetworkResult {
            seed,
            size,
            begin: self.begin[local],
            pretrained: if known { self.pretrained[local] } else { f64::NAN },
            minimum: self.minimum[local],
            cosine: self.cosine[local],
            best_gamma: self.best_gamma[local],
            best_drop: self.best_drop[local],
            eigenvalues: self.eigenvalues[local * cells..][..cells].to_vec(),
        }
    }
}
