//! Which of several runs are live, and when the others ended.

use tch::{Device, Kind, Tensor};

/// The runs of a batch that are still live. Those that are not stay in the batch and are left out
/// of every mean. Nothing here is read by the host.
#[derive(Debug)]
pub struct LiveRuns {
    /// `[run]` bool
    pub alive: Tensor,
    /// When each run ended, NaN for those that are live: `[run]` f64.
    pub ended_at: Tensor,
}

impl LiveRuns {
    /// So many live runs.
    pub fn new(runs: i64, device: Device) -> Self {
        Self {
            alive: Tensor::ones([runs], (Kind::Bool, device)),
            ended_at: Tensor::full([runs], f64::NAN, (Kind::Double, device)),
        }
    }

    /// Ends the runs for which `condition` is false; [`LiveRuns::record_ends`] then says when.
    ///
    /// # Shapes
    /// - condition: `[run]` bool
    pub fn require(&mut self, condition: &Tensor) {
        let _ = self.alive.logical_and_(condition);
    }

    /// Records `now` for the runs that ended since the last time.
    pub fn record_ends(&mut self, now: f64) {
        let known = self.ended_at.isnan().logical_not().logical_or(&self.alive);
        let now = Tensor::full_like(&self.ended_at, now);
        self.ended_at.copy_(&self.ended_at.where_self(&known, &now));
    }

    /// The sum over live runs: `[]` f64.
    ///
    /// # Shapes
    /// - values: `[run]`
    pub fn sum(&self, values: &Tensor) -> Tensor {
        // Not a product with 0: 0 x NaN is NaN.
        values.masked_fill(&self.alive.logical_not(), 0.0).sum(Kind::Double)
    }

    /// How many runs are live: `[]` f64.
    pub fn count(&self) -> Tensor {
        self.alive.sum(Kind::Double)
    }
}
