//! The points of `two_loss_toy`, and how they are saved.

use anyhow::Result;
use tch::Tensor;

use super::config::ToyConfig;
use crate::efficient_coding::two_loss::problem::Problem;
use crate::lab::store::{Persist, StateReader, StateWriter};
use crate::lab::tensor::to_host;

/// One path for each method. The few numbers of a step are computed by the host, whatever the
/// device.
pub struct TwoLossToy {
    pub(super) config: ToyConfig,
    pub(super) problem: Problem,
    pub(super) steps: u64,
    /// x1, x2, λ of each method after the last step: `[method, 3]` f64.
    pub(super) points: Tensor,
    /// `points` before the last step, as the notebook prints them: `[method, 3]` f64.
    pub(super) before: Tensor,
}

impl TwoLossToy {
    /// Every method at the start, with a multiplier of 0.
    pub(super) fn new(config: ToyConfig, steps: u64) -> Self {
        let [x1, x2] = config.start();
        let rows: Vec<[f64; 3]> = config.methods.iter().map(|_| [x1, x2, 0.0]).collect();
        let points = Tensor::from_slice2(&rows);
        Self { problem: config.problem(), before: points.copy(), config, steps, points }
    }

    /// The rows of [`TwoLossToy::points`] or [`TwoLossToy::before`] as plain numbers: `[method]`.
    ///
    /// # Errors
    /// Where the device can't be read.
    pub(super) fn rows(tensor: &Tensor) -> Result<Vec<[f64; 3]>> {
        let values = to_host::values(tensor)?;
        Ok(values.chunks_exact(3).map(|row| [row[0], row[1], row[2]]).collect())
    }
}

impl Persist for TwoLossToy {
    fn save(&self, writer: &mut StateWriter) -> Result<()> {
        writer.model("points", &self.points);
        writer.model("before", &self.before);
        Ok(())
    }

    fn load(&mut self, reader: &mut StateReader) -> Result<()> {
        reader.model("points", &self.points)?;
        reader.model("before", &self.before)
    }
}
