//! What a change of the weights within a segment does to later errors and to the loop's final state.

use tch::{Kind, Tensor};

use super::expansion_mask::ExpansionMask;
use super::task::Task;
use crate::steady_state::plant::setup::{Segment, Setup};

/// Powers of the block's transition F: how an error, and the state at the end of a segment, depend on
/// earlier changes of the loop's state.
#[derive(Debug)]
pub struct TransitionPowers {
    /// Blocks of the segments, U.
    pub(super) blocks: i64,
    /// What a state at the segment's beginning does to the error of block k, O F^k: `[U, 6]`.
    pub(super) output: Tensor,
    /// What a change after block j does to the error of block k, O F^{k−j−1} at `[k, j]` and 0
    /// where k ≤ j: `[U, U, 6]`.
    pub(super) past: Tensor,
    /// What a change after block j does to the final state, F^{U−1−j}: `[U, 6, 6]`.
    pub(super) to_end: Tensor,
    /// What a state at the beginning does to the final state, F^U: `[6, 6]`.
    pub(super) whole: Tensor,
}

impl TransitionPowers {
    /// The powers for segments of `blocks`.
    pub fn new(setup: &Setup, blocks: i64) -> Self {
        let transition = &setup.map.transition;
        let mut powers = vec![Tensor::eye(6, (Kind::Double, transition.device()))];
        for k in 0..blocks as usize {
            powers.push(powers[k].matmul(transition));
        }
        let row = |power: &Tensor| setup.map.output.unsqueeze(0).matmul(power).squeeze_dim(0);
        let rows: Vec<Tensor> = powers.iter().map(row).collect();
        let none = rows[0].zeros_like();
        let past = |k: i64| {
            let entry = |j: i64| if j < k { &rows[(k - j - 1) as usize] } else { &none };
            Tensor::stack(&(0..blocks).map(entry).collect::<Vec<_>>(), 0)
        };
        let length = blocks as usize;
        let backwards: Vec<&Tensor> = powers[..length].iter().rev().collect();
        Self {
            blocks,
            output: Tensor::stack(&rows[..length], 0),
            past: Tensor::stack(&(0..blocks).map(past).collect::<Vec<_>>(), 0),
            to_end: Tensor::stack(&backwards, 0),
            whole: powers[length].shallow_clone(),
        }
    }
}

/// What the noise of a segment does to weights, errors and the loop, for a noise of length η = 1.
pub(super) struct NoiseEffects {
    /// Sum of the noise up to block k, Σ_{j≤k} n_j: `[seed, q, repeat, U, cell]`.
    pub(super) sums: Tensor,
    /// What the noise before block k adds to ē_k: `[seed, q, repeat, 1, U]`.
    pub(super) errors: Tensor,
    /// What the noise adds to the final state of the loop: `[seed, q, repeat, 1, 6]`.
    pub(super) plant: Tensor,
}

/// What the LMS part of the updates in a segment does to errors, loop and loss.
pub(super) struct LmsResponses {
    /// Answers h_k of the cells of each expansion: `[seed, q, U, cell]`.
    pub(super) answers: Tensor,
    /// Effect of h_j on ē_k, 0 where k ≤ j: `[seed, q, k, j]`.
    pub(super) errors: Tensor,
    /// Effect of h_j on the final state of the loop: `[seed, q, U, 6]`.
    pub(super) plant: Tensor,
    /// Curvature h_i·H h_j of the loss: `[seed, q, i, j]`.
    pub(super) curvature: Tensor,
}

/// Effects of the LMS part of every update within a segment.
pub(super) fn lms_responses(
    segment: &Segment,
    powers: &TransitionPowers,
    task: &Task,
    expansions: &ExpansionMask,
) -> LmsResponses {
    let (seeds, blocks, cells) = segment.answers.size3().unwrap_or_default();
    let (mask, answers) = (&expansions.values, &segment.answers);
    let sizes = mask.size()[0];
    let direct = expansions.products(&segment.error.narrow(2, 0, cells), answers);
    // P_{j+1} h_j: [seed, U, 6, q].
    let after = segment.state.narrow(1, 1, blocks).narrow(3, 0, cells);
    let state = (after * answers.unsqueeze(2)).matmul(&mask.tr());
    // [j, k, 6] x [j, 6, seed q] -> [j, k, seed q]
    let by_update = state.permute([1, 2, 0, 3]).reshape([blocks, 6, seeds * sizes]);
    let past = powers.past.transpose(0, 1).matmul(&by_update);
    let past = past.permute([2, 1, 0]).view([seeds, sizes, blocks, blocks]);
    let plant = powers.to_end.matmul(&by_update).permute([2, 0, 1]);
    LmsResponses {
        errors: (direct - past).tril(-1),
        plant: plant.reshape([seeds, sizes, blocks, 6]),
        curvature: expansions.forms(answers, &task.hessian),
        answers: answers.unsqueeze(1) * mask.unsqueeze(1),
    }
}

/// Effects of the noise, which is drawn once for all learning steps.
///
/// # Shapes
/// - mask: `[q, cell]`
/// - drawn: `[seed, repeat, U, cell]`
pub(super) fn noise_effects(
    segment: &Segment,
    powers: &TransitionPowers,
    mask: &Tensor,
    drawn: &Tensor,
) -> NoiseEffects {
    let (seeds, blocks, cells) = segment.answers.size3().unwrap_or_default();
    let (sizes, repeats) = (mask.size()[0], drawn.size()[1]);
    let masked = drawn.unsqueeze(1) * mask.unsqueeze(1).unsqueeze(1);
    let length = masked.square().sum_dim_intlist(-1, true, Kind::Double).sqrt();
    let unit = masked / length;
    let sums = unit.cumsum(3, Kind::Double);
    let before = &sums - &unit;
    let error = segment.error.narrow(2, 0, cells).unsqueeze(1).unsqueeze(1);
    let direct = (before * error).sum_dim_intlist(-1, false, Kind::Double);
    let after = segment.state.narrow(1, 1, blocks).narrow(3, 0, cells);
    // P_{j+1} n_j: [seed, U, 6, q repeat] -> [U, 6, seed q repeat]
    let by_update = unit.permute([0, 3, 4, 1, 2]).reshape([seeds, blocks, cells, sizes * repeats]);
    let state = after.matmul(&by_update).permute([1, 2, 0, 3]).reshape([blocks * 6, -1]);
    let past = powers.past.view([blocks, blocks * 6]).matmul(&state);
    let past = past.tr().reshape([seeds, sizes, repeats, blocks]);
    let to_end = powers.to_end.transpose(0, 1).reshape([6, blocks * 6]);
    let plant = to_end.matmul(&state).tr().reshape([seeds, sizes, repeats, 1, 6]);
    NoiseEffects { sums, errors: (direct - past).unsqueeze(3), plant }
}
