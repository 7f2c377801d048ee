//! Online LMS with the plant in the loop, a segment of updates at a time, exactly.
//!
//! Per block k: z⁺ = F z + M_k w + m_k, ē_k = O·z + v_k·w + s_k, w⁺ = w − γ ē_k h_k + η n_k. Within
//! a segment that begins with (z_0, w_0), a change d_j of the weights after block j reaches ē_k by
//! Q_k·d_j − O·F^{k−j−1} P_{j+1} d_j, where Q_k and P_k are the responses to constant weights. So all
//! ē_k follow from a lower-triangular system of size U, whose right side is two matrix products;
//! the losses follow from ē_k by prefix sums, since L(w + d) − L(w) = g·d + ½ d·Hd. Nothing is
//! approximated; what is saved is the pass over all the weights at every update.

use tch::{Kind, Tensor};

use super::effects::{LmsResponses, NoiseEffects, TransitionPowers, lms_responses, noise_effects};
use super::expansion_mask::ExpansionMask;
use super::task::Task;
use crate::steady_state::plant::setup::Segment;

/// Errors that are solved one by one before a matrix product takes them to the later ones.
const INNER: i64 = 10;

/// The runs of some seeds at the beginning of a segment. The axes are seed, q (expansion), repeat
/// (realisation of the noise) and rule (noise and learning step).
#[derive(Debug)]
pub struct Runs {
    /// Output weights, zero beyond the cells of the expansion: `[seed, q, repeat, rule, cell]`.
    pub weights: Tensor,
    /// State of plant and feedback: `[seed, q, repeat, rule, 6]`.
    pub plant: Tensor,
}

/// How the runs learn.
#[derive(Debug)]
pub struct LmsSettings<'a> {
    /// Learning step γ of each run, 0 for one that has stopped: `[seed, q, repeat, rule]`.
    pub gamma: Tensor,
    /// Length η of the noise at each update: `[seed, q, repeat, rule]`.
    pub eta: Tensor,
    /// The cells of every expansion.
    pub mask: &'a ExpansionMask,
}

/// Takes the runs through a segment, in place, and gives their losses after each update.
///
/// # Shapes
/// - noise: normal numbers, `[seed, repeat, U, cell]`; scaled to unit length over the cells of
///   every expansion
/// - returns: `[seed, q, repeat, rule, U]`
pub fn advance(
    segment: &Segment,
    powers: &TransitionPowers,
    task: &Task,
    settings: &LmsSettings,
    noise: Option<&Tensor>,
    runs: &mut Runs,
) -> Tensor {
    let shape = runs.weights.size();
    let [seeds, sizes, repeats, count, cells] = shape[..] else { unreachable!("five axes") };
    let blocks = segment.blocks;
    let responses = lms_responses(segment, powers, task, settings.mask);
    let noise = noise.map(|drawn| noise_effects(segment, powers, &settings.mask.values, drawn));

    let rows = runs.weights.view([seeds, -1, cells]);
    let plant = runs.plant.view([seeds, -1, 6]);
    let open = rows.matmul(&segment.error.narrow(2, 0, cells).transpose(1, 2))
        + plant.matmul(&powers.output.tr())
        + segment.error.select(2, cells).unsqueeze(1);
    let mut right = open.view([seeds, sizes, repeats, count, blocks]);
    let eta = settings.eta.unsqueeze(-1);
    if let Some(noise) = &noise {
        right += &eta * &noise.errors;
    }
    let gamma = settings.gamma.unsqueeze(-1).expand([seeds, sizes, repeats, count, blocks], false);
    let flat = [seeds * sizes, repeats * count, blocks];
    let steps = solve(
        &responses.errors.view([seeds * sizes, blocks, blocks]),
        &gamma.reshape(flat),
        &right.reshape(flat),
    );
    let steps = steps.view([seeds, sizes, repeats, count, blocks]);
    let losses = losses_along(task, &responses, noise.as_ref(), &eta, &steps, runs);

    let by_size = |tensor: &Tensor| tensor.reshape([seeds, sizes, repeats * count, -1]);
    let change = by_size(&steps).matmul(&responses.answers).view(&shape[..]);
    runs.weights -= change;
    let mut push = by_size(&steps).matmul(&responses.plant).view([seeds, sizes, repeats, count, 6]);
    if let Some(noise) = &noise {
        runs.weights += &eta * noise.sums.narrow(3, blocks - 1, 1);
        push -= &eta * &noise.plant;
    }
    let end = segment.state.select(1, blocks);
    let ended = runs.weights.view([seeds, -1, cells]);
    let settled = ended.matmul(&end.narrow(2, 0, cells).transpose(1, 2))
        + plant.matmul(&powers.whole.tr())
        + end.select(2, cells).unsqueeze(1);
    runs.plant = settled.view([seeds, sizes, repeats, count, 6]) + push;
    losses
}

/// Solves a_k = γ (right_k − Σ_{j<k} errors_kj a_j) for the steps a_k = γ ē_k, from k = 0 on.
///
/// # Shapes
/// - errors: `[batch, U, U]`
/// - gamma, right: `[batch, row, U]`
/// - returns: `[batch, row, U]`
fn solve(errors: &Tensor, gamma: &Tensor, right: &Tensor) -> Tensor {
    let blocks = right.size()[2];
    let steps = right * gamma;
    let mut start = 0;
    while start < blocks {
        let length = INNER.min(blocks - start);
        let mut part = steps.narrow(2, start, length);
        let rate = gamma.narrow(2, start, length);
        let within = errors.narrow(1, start, length);
        if start > 0 {
            let earlier = within.narrow(2, 0, start).transpose(1, 2);
            let _ = part.g_sub_(&(steps.narrow(2, 0, start).bmm(&earlier) * &rate));
        }
        for i in 0..length - 1 {
            let rest = length - i - 1;
            let later = within.narrow(1, i + 1, rest).select(2, start + i).unsqueeze(1);
            let effect = part.narrow(2, i, 1) * later * rate.narrow(2, i + 1, rest);
            let _ = part.narrow(2, i + 1, rest).g_sub_(&effect);
        }
        start += length;
    }
    steps
}

/// Losses after each update, `[seed, q, repeat, rule, U]`: the loss before, and what every step
/// adds to it. The runs are still those at the segment's beginning.
///
/// # Shapes
/// - eta: `[seed, q, repeat, rule, 1]`
/// - steps: γ ē_k, `[seed, q, repeat, rule, U]`
fn losses_along(
    task: &Task,
    responses: &LmsResponses,
    noise: Option<&NoiseEffects>,
    eta: &Tensor,
    steps: &Tensor,
    runs: &Runs,
) -> Tensor {
    let shape = runs.weights.size();
    let [seeds, sizes, repeats, count, cells] = shape[..] else { unreachable!("five axes") };
    let blocks = steps.size()[4];
    let rows = runs.weights.view([seeds, -1, cells]);
    let gradient = task.gradient(&rows);
    let half =
        ((&gradient - task.linear.unsqueeze(1)) * &rows).sum_dim_intlist(-1, true, Kind::Double)
            * 0.5;
    let begin = half + task.constant.view([-1, 1, 1]);
    let by_size = |tensor: &Tensor| tensor.reshape([seeds, sizes, repeats * count, -1]);
    let (answers, curvature) = (&responses.answers, &responses.curvature);
    let own = curvature.diagonal(0, 2, 3).unsqueeze(2) * 0.5;
    let a = by_size(steps);
    let slope = by_size(&gradient).matmul(&answers.transpose(2, 3));
    let earlier = a.matmul(&curvature.triu(1));
    let gain = &a * (earlier + &a * own - slope);
    let lms = begin.view([seeds, sizes, repeats * count, 1]) + gain.cumsum(3, Kind::Double);
    let lms = lms.view([seeds, sizes, repeats, count, blocks]);
    let Some(noise) = noise else { return lms };
    let sums = noise.sums.view([seeds, -1, cells]).matmul(&task.hessian).view_as(&noise.sums);
    let alone = (&sums * &noise.sums).sum_dim_intlist(-1, false, Kind::Double).unsqueeze(3);
    let cross = answers.unsqueeze(2).matmul(&sums.transpose(3, 4)).triu(0);
    let along = gradient.view(&shape[..]).matmul(&noise.sums.transpose(3, 4));
    lms + eta * (along - steps.matmul(&cross)) + eta.square() * 0.5 * alone
}
