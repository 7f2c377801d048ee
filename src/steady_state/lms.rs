//! Online LMS with the plant in the loop, a stretch of updates at a time, exactly.
//!
//! Per block k: z⁺ = F z + M_k w + m_k, ē_k = O·z + v_k·w + s_k, w⁺ = w − γ ē_k h_k + η n_k. Within
//! a stretch that begins with (z_0, w_0), a change d_j of the weights after block j reaches ē_k by
//! Q_k·d_j − O·F^{k−j−1} P_{j+1} d_j, where Q_k and P_k are the responses to constant weights. So all
//! ē_k follow from a lower-triangular system of size U, whose right side is two matrix products;
//! the losses follow from ē_k by prefix sums, since L(w + d) − L(w) = g·d + ½ d·Hd. Nothing is
//! approximated; what is saved is the pass over all the weights at every update.

use tch::{Device, Kind, Tensor};

use super::task::Task;
use super::world::{Stretch, World};

/// Errors that are solved one by one before a matrix product takes them to the later ones.
const INNER: i64 = 10;

/// The runs of some seeds at the beginning of a stretch. Axes: seed, q (expansion), repeat
/// (realisation of the noise), rule (learning step and noise).
#[derive(Debug)]
pub struct Runs {
    /// [seed, q, repeat, rule, cell]; zero beyond the cells of the expansion.
    pub weights: Tensor,
    /// State of the loop: [seed, q, repeat, rule, 6].
    pub plant: Tensor,
}

/// How the runs learn.
#[derive(Debug)]
pub struct Rules {
    /// γ of each run: [seed, q, repeat, rule]; 0 for one that has stopped.
    pub gamma: Tensor,
    /// Length η of the noise at each update: as γ.
    pub eta: Tensor,
    /// 1 for the cells of an expansion: [q, cell].
    pub mask: Tensor,
}

/// How an error depends on earlier changes of the loop's state within a stretch.
#[derive(Debug)]
pub struct Memory {
    /// O F^k: [U, 6].
    output: Tensor,
    /// O F^{k−j−1} at [k, j], 0 where k ≤ j: [U, U, 6].
    past: Tensor,
    /// F^{U−1−j}: [U, 6, 6].
    to_end: Tensor,
    /// F^U: [6, 6].
    whole: Tensor,
}

impl Memory {
    /// The memory of stretches of `blocks`.
    pub fn new(world: &World, blocks: i64) -> Self {
        let transition = &world.map.transition;
        let mut powers = vec![Tensor::eye(6, (Kind::Double, transition.device()))];
        for k in 0..blocks as usize {
            powers.push(powers[k].matmul(transition));
        }
        let row = |power: &Tensor| world.map.output.unsqueeze(0).matmul(power).squeeze_dim(0);
        let rows: Vec<Tensor> = powers.iter().map(row).collect();
        let none = rows[0].zeros_like();
        let past = |k: i64| {
            let entry = |j: i64| if j < k { &rows[(k - j - 1) as usize] } else { &none };
            Tensor::stack(&(0..blocks).map(entry).collect::<Vec<_>>(), 0)
        };
        let length = blocks as usize;
        let backwards: Vec<&Tensor> = powers[..length].iter().rev().collect();
        Self {
            output: Tensor::stack(&rows[..length], 0),
            past: Tensor::stack(&(0..blocks).map(past).collect::<Vec<_>>(), 0),
            to_end: Tensor::stack(&backwards, 0),
            whole: powers[length].shallow_clone(),
        }
    }
}

/// The noise of a stretch: what does not depend on the learning step.
struct Noise {
    /// Σ_{j≤k} n_j: [seed, q, repeat, U, cell].
    sums: Tensor,
    /// What the noise before block k adds to ē_k, for η = 1: [seed, q, repeat, 1, U].
    errors: Tensor,
    /// What it adds to the final state of the loop: [seed, q, repeat, 1, 6].
    plant: Tensor,
}

/// Responses of a stretch to the LMS part of the updates.
struct Responses {
    /// h_k of each expansion: [seed, q, U, cell].
    answers: Tensor,
    /// Effect of h_j on ē_k, 0 where k ≤ j: [seed, q, k, j].
    errors: Tensor,
    /// Effect of h_j on the final state of the loop: [seed, q, U, 6].
    plant: Tensor,
}

/// Takes the runs through a stretch, in place, and gives their losses after each update:
/// [seed, q, repeat, rule, U].
///
/// - noise: vectors of unit length over the cells of every expansion come from these: [seed,
///   repeat, U, cell]
pub fn advance(
    stretch: &Stretch,
    memory: &Memory,
    task: &Task,
    rules: &Rules,
    noise: Option<&Tensor>,
    runs: &mut Runs,
) -> Tensor {
    let shape = runs.weights.size();
    let [seeds, sizes, repeats, count, cells] = shape[..] else { unreachable!("five axes") };
    let blocks = stretch.blocks;
    let responses = respond(stretch, memory, &rules.mask);
    let noise = noise.map(|drawn| add_up(stretch, memory, &rules.mask, drawn));

    let rows = runs.weights.view([seeds, -1, cells]);
    let plant = runs.plant.view([seeds, -1, 6]);
    let open = rows.matmul(&stretch.error.narrow(2, 0, cells).transpose(1, 2))
        + plant.matmul(&memory.output.tr())
        + stretch.error.select(2, cells).unsqueeze(1);
    let mut right = open.view([seeds, sizes, repeats, count, blocks]);
    let eta = rules.eta.unsqueeze(-1);
    if let Some(noise) = &noise {
        right += &eta * &noise.errors;
    }
    let gamma = rules.gamma.unsqueeze(-1).expand([seeds, sizes, repeats, count, blocks], false);
    let flat = [seeds * sizes, repeats * count, blocks];
    let steps = solve(
        &responses.errors.view([seeds * sizes, blocks, blocks]),
        &gamma.reshape(flat),
        &right.reshape(flat),
    );
    let steps = steps.view([seeds, sizes, repeats, count, blocks]);
    let losses = follow(task, &responses, noise.as_ref(), &eta, &steps, runs);

    let by_size = |tensor: &Tensor| tensor.reshape([seeds, sizes, repeats * count, -1]);
    let change = by_size(&steps).matmul(&responses.answers).view(&shape[..]);
    runs.weights -= change;
    let mut push = by_size(&steps).matmul(&responses.plant).view([seeds, sizes, repeats, count, 6]);
    if let Some(noise) = &noise {
        runs.weights += &eta * noise.sums.narrow(3, blocks - 1, 1);
        push -= &eta * &noise.plant;
    }
    let end = stretch.state.select(1, blocks);
    let ended = runs.weights.view([seeds, -1, cells]);
    let settled = ended.matmul(&end.narrow(2, 0, cells).transpose(1, 2))
        + plant.matmul(&memory.whole.tr())
        + end.select(2, cells).unsqueeze(1);
    runs.plant = settled.view([seeds, sizes, repeats, count, 6]) + push;
    losses
}

/// Effects of the LMS part of every update within a stretch.
fn respond(stretch: &Stretch, memory: &Memory, mask: &Tensor) -> Responses {
    let (seeds, blocks, cells) = stretch.answers.size3().unwrap_or_default();
    let sizes = mask.size()[0];
    let answers = stretch.answers.unsqueeze(1) * mask.unsqueeze(1);
    let direct = answers.matmul(&stretch.error.narrow(2, 0, cells).transpose(1, 2).unsqueeze(1));
    // P_{j+1} h_j: [seed, U, 6, q].
    let after = stretch.state.narrow(1, 1, blocks).narrow(3, 0, cells);
    let state = after.matmul(&answers.permute([0, 2, 3, 1]));
    // [j, k, 6] x [j, 6, seed q] -> [j, k, seed q]
    let by_update = state.permute([1, 2, 0, 3]).reshape([blocks, 6, seeds * sizes]);
    let past = memory.past.transpose(0, 1).matmul(&by_update);
    let past = past.permute([2, 1, 0]).view([seeds, sizes, blocks, blocks]);
    let plant = memory.to_end.matmul(&by_update).permute([2, 0, 1]);
    Responses {
        errors: (direct.transpose(2, 3) - past).tril(-1),
        plant: plant.reshape([seeds, sizes, blocks, 6]),
        answers,
    }
}

/// Effects of the noise, which is the same for every learning step.
///
/// - drawn: [seed, repeat, U, cell]
fn add_up(stretch: &Stretch, memory: &Memory, mask: &Tensor, drawn: &Tensor) -> Noise {
    let (seeds, blocks, cells) = stretch.answers.size3().unwrap_or_default();
    let (sizes, repeats) = (mask.size()[0], drawn.size()[1]);
    let masked = drawn.unsqueeze(1) * mask.unsqueeze(1).unsqueeze(1);
    let length = masked.square().sum_dim_intlist(-1, true, Kind::Double).sqrt();
    let unit = masked / length;
    let sums = unit.cumsum(3, Kind::Double);
    let before = &sums - &unit;
    let error = stretch.error.narrow(2, 0, cells).unsqueeze(1).unsqueeze(1);
    let direct = (before * error).sum_dim_intlist(-1, false, Kind::Double);
    let after = stretch.state.narrow(1, 1, blocks).narrow(3, 0, cells);
    // P_{j+1} n_j: [seed, U, 6, q repeat] -> [U, 6, seed q repeat]
    let by_update = unit.permute([0, 3, 4, 1, 2]).reshape([seeds, blocks, cells, sizes * repeats]);
    let state = after.matmul(&by_update).permute([1, 2, 0, 3]).reshape([blocks * 6, -1]);
    let past = memory.past.view([blocks, blocks * 6]).matmul(&state);
    let past = past.tr().reshape([seeds, sizes, repeats, blocks]);
    let to_end = memory.to_end.transpose(0, 1).reshape([6, blocks * 6]);
    let plant = to_end.matmul(&state).tr().reshape([seeds, sizes, repeats, 1, 6]);
    Noise { sums, errors: (direct - past).unsqueeze(3), plant }
}

/// Solves a_k = γ (right_k − Σ_{j<k} errors_kj a_j) for the steps a_k = γ ē_k, from k = 0 on.
///
/// - errors: [batch, U, U]; gamma, right: [batch, row, U]
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

/// Losses after each update: the loss before, and what every step adds to it.
fn follow(
    task: &Task,
    responses: &Responses,
    noise: Option<&Noise>,
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
    let hessian = task.hessian.unsqueeze(1);
    let answers = &responses.answers;
    let curvature = answers.matmul(&hessian).matmul(&answers.transpose(2, 3));
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

/// 1 for the cells of each expansion, 0 beyond: [q, cell].
pub fn masks(expansions: &[i64], cells_per: i64, device: Device) -> Tensor {
    let largest = expansions.iter().copied().max().unwrap_or(0) * cells_per;
    let index = Tensor::arange(largest, (Kind::Int64, device));
    let sizes: Vec<i64> = expansions.iter().map(|q| q * cells_per).collect();
    let sizes = Tensor::from_slice(&sizes).to_device(device);
    index.unsqueeze(0).lt_tensor(&sizes.unsqueeze(1)).to_kind(Kind::Double)
}
