//! The losses of a run's networks, which are all of its state.

use anyhow::Result;
use serde_json::Value;
use tch::Tensor;

use super::config::DepthWidthConfig;
use super::descent::{Course, Examples, Point, PointResult};
use crate::lab::store::{Persist, StateReader, StateWriter};
use crate::lab::tensor::to_host;

/// The name of the losses in a checkpoint.
const LOSSES: &str = "state.losses";

/// The early descent of many networks.
pub struct DepthWidth {
    pub(super) config: DepthWidthConfig,
    pub(super) examples: Examples,
    pub(super) points: Vec<Point>,
    pub(super) replicates: i64,
    /// The name of the data set.
    pub(super) data: String,
    /// Losses in nats of every network before and after each step: `[replicate, point, step + 1]`
    /// f64, NaN for the networks that have not descended yet.
    pub(super) losses: Tensor,
    pub(super) seed: u64,
    pub(super) source: Value,
}

impl DepthWidth {
    /// The losses as a checkpoint has them: `[point, step + 1]`, with the axis of replicates in
    /// front where there are several.
    fn saved_losses(&self) -> Tensor {
        match self.replicates {
            1 => self.losses.select(0, 0),
            _ => self.losses.shallow_clone(),
        }
    }

    /// Every point with its courses, one for each seed.
    ///
    /// # Errors
    /// Where losses can't be read from the device.
    pub fn results(&self) -> Result<Vec<PointResult>> {
        let flat = to_host::values(&self.losses.transpose(0, 1))?;
        let length = self.config.descent_steps as usize + 1;
        let courses = flat.chunks(length).map(|losses| Course { losses: losses.to_vec() });
        let courses: Vec<Course> = courses.collect();
        let groups = courses.chunks(self.replicates as usize).map(<[Course]>::to_vec);
        let result = |(point, courses)| PointResult { point, courses };
        Ok(self.points.iter().copied().zip(groups).map(result).collect())
    }
}

impl Persist for DepthWidth {
    fn save(&self, writer: &mut StateWriter) -> Result<()> {
        writer.auxiliary(LOSSES, &self.saved_losses());
        Ok(())
    }

    fn load(&mut self, reader: &mut StateReader) -> Result<()> {
        reader.auxiliary(LOSSES, &self.saved_losses())
    }
}
