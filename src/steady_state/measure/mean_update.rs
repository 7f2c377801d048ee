//! What one mean update of online LMS does to the task loss, without a simulation.

use tch::{Kind, Tensor};

use crate::steady_state::learning::task::Task;

/// One mean update −γ d, d = R w − p, seen from the task loss: `[seed]`.
struct MeanUpdate {
    /// Product g·d with the gradient.
    along: Tensor,
    /// Curvature d·Hd.
    curvature: Tensor,
    /// Product |g| |d| of the lengths.
    norms: Tensor,
}

impl MeanUpdate {
    /// The update at some weights: `[seed, cell]`.
    fn new(task: &Task, weights: &Tensor) -> Self {
        let gradient = task.gradient(&weights.unsqueeze(1)).squeeze_dim(1);
        let mean = task.rule.matmul(&weights.unsqueeze(-1)).squeeze_dim(-1) - &task.rule_linear;
        let curved = task.hessian.matmul(&mean.unsqueeze(-1)).squeeze_dim(-1);
        let dot = |a: &Tensor, b: &Tensor| (a * b).sum_dim_intlist(-1, false, Kind::Double);
        Self {
            along: dot(&gradient, &mean),
            curvature: dot(&mean, &curved),
            norms: (dot(&gradient, &gradient) * dot(&mean, &mean)).sqrt(),
        }
    }
}

/// The mean update of the best learning step: `[seed]` each.
#[derive(Debug)]
pub struct BestMeanUpdate {
    /// Cosine between the mean update and the gradient.
    pub cosine: Tensor,
    /// The learning step γ = g·d / d·Hd that lowers the loss most.
    pub gamma: Tensor,
    /// Share of the loss that the update with this step takes away.
    pub drop: Tensor,
}

impl BestMeanUpdate {
    /// The best mean update at some weights: `[seed, cell]`.
    pub fn new(task: &Task, weights: &Tensor) -> Self {
        let MeanUpdate { along, curvature, norms } = MeanUpdate::new(task, weights);
        let gamma = &along / curvature;
        let drop = &along * &gamma * 0.5 / task.loss(weights);
        Self { cosine: along / norms, gamma, drop }
    }
}

/// Share of the loss that one mean update takes away: (γ g·d − ½ γ² d·Hd − ½ η² Tr H / N) / L.
///
/// # Shapes
/// - weights: `[seed, cell]`
/// - returns: `[seed]`
pub fn mean_update_gain(task: &Task, weights: &Tensor, gamma: f64, eta: f64) -> Tensor {
    let MeanUpdate { along, curvature, .. } = MeanUpdate::new(task, weights);
    let cells = weights.size()[1] as f64;
    let trace = task.hessian.diagonal(0, 1, 2).sum_dim_intlist(-1, false, Kind::Double);
    let gain =
        along * gamma - curvature * (0.5 * gamma * gamma) - trace * (0.5 * eta * eta / cells);
    gain / task.loss(weights)
}
