//! A stage of a sweep: all its runs from their first update to their last.

use tch::{Device, Kind, Tensor};

use super::axes::StepSizes;
use super::effects::TransitionPowers;
use super::expansion_mask::ExpansionMask;
use super::lms::{LmsSettings, Runs, advance};
use super::task::Task;
use crate::lab::tensor::rng;
use crate::lab::tensor::to_device::upload;
use crate::steady_state::plant::setup::{Segment, Setup};

/// Updates in a segment, which is one step of a sweep.
pub const SEGMENT_UPDATES: i64 = 50;
/// Updates of noise that are drawn from one random stream. They are whole groups of libtorch's 16
/// normal numbers, so that a network's noise does not depend on the size of the largest one.
const NOISE_UPDATES: i64 = 64;
/// A run has diverged where its loss is this many times that of the plant without a granule layer.
const DIVERGENCE_FACTOR: f64 = 100.0;

/// Some seeds that are computed together.
#[derive(Debug)]
pub struct SeedGroup {
    /// Index of the first seed.
    pub first: i64,
    /// Seeds.
    pub seeds: Vec<u64>,
    /// Plant, granule layers and references of these seeds.
    pub setup: Setup,
    /// Task loss of these seeds.
    pub task: Task,
}

/// A stage: what its runs learn with, and what came of them so far.
#[derive(Debug)]
pub struct Stage {
    /// Name in tags, tensors and random streams.
    pub name: &'static str,
    /// Updates, one a second.
    pub seconds: i64,
    /// Learning steps and noise.
    pub step_sizes: StepSizes,
    /// Whether any run has noise.
    pub noisy: bool,
    /// Task loss before learning and after each update, 0 from where a run has diverged:
    /// `[seed, q, repeat, rule, second + 1]`.
    pub losses: Tensor,
    /// Update after which a run had diverged, -1 for none: `[seed, q, repeat, rule]` i64.
    pub diverged: Tensor,
    /// Weights and states of the loop.
    pub runs: Runs,
    /// The powers for segments of the last length, shared by all groups.
    powers: Option<TransitionPowers>,
}

impl SeedGroup {
    /// Divides seeds into groups of `group_seeds`, and measures the task of each.
    pub fn divide(
        setup: &Setup,
        seeds: &[u64],
        group_seeds: i64,
        loss_seconds: i64,
        device: Device,
    ) -> Vec<Self> {
        let mut groups = Vec::new();
        let mut first = 0;
        for seeds in seeds.chunks(group_seeds as usize) {
            let count = seeds.len() as i64;
            let setup = Setup {
                map: setup.map.to_device(device),
                granule: setup.granule.narrow(first, count).to_device(device),
                dt: setup.dt,
            };
            let task = Task::measure(&setup, loss_seconds);
            groups.push(Self { first, seeds: seeds.to_vec(), setup, task });
            first += count;
        }
        groups
    }
}

impl Stage {
    /// A stage before its first update.
    ///
    /// # Shapes
    /// - shape: lengths of the axes seed, q, repeat, rule
    pub fn new(
        name: &'static str,
        seconds: i64,
        step_sizes: StepSizes,
        noisy: bool,
        shape: [i64; 4],
        cells: i64,
    ) -> Self {
        let device = step_sizes.gamma.device();
        let zeros = |last: i64| {
            let shape: Vec<i64> = [&shape[..], &[last]].concat();
            Tensor::zeros(shape, (Kind::Double, device))
        };
        Self {
            name,
            seconds,
            step_sizes,
            noisy,
            losses: zeros(seconds + 1),
            diverged: Tensor::full(shape, -1, (Kind::Int64, device)),
            runs: Runs { weights: zeros(cells), plant: zeros(6) },
            powers: None,
        }
    }

    /// Steps of the sweep that the stage takes.
    pub fn steps(&self) -> u64 {
        (self.seconds as u64).div_ceil(SEGMENT_UPDATES as u64)
    }

    /// Puts every run at its start.
    ///
    /// # Shapes
    /// - weights: `[seed, q, cell]`
    /// - diverged: networks that have no start, `[seed, q]` bool
    pub fn begin(&mut self, groups: &[SeedGroup], weights: &Tensor, diverged: &Tensor) {
        let start = weights.unsqueeze(2).unsqueeze(2).expand_as(&self.runs.weights);
        self.runs.weights.copy_(&start);
        let _ = self.runs.plant.zero_();
        let diverged = diverged.to_kind(Kind::Int64).unsqueeze(-1).unsqueeze(-1);
        self.diverged.copy_(&(diverged - 1).expand_as(&self.diverged));
        for group in groups {
            let count = group.seeds.len() as i64;
            let losses = group.task.loss(&weights.narrow(0, group.first, count));
            let mut first = self.losses.narrow(0, group.first, count).select(4, 0);
            first.copy_(&losses.unsqueeze(-1).unsqueeze(-1).expand_as(&first));
        }
    }

    /// Updates of the step that begins after update `first`.
    pub fn length(&self, first: i64) -> i64 {
        SEGMENT_UPDATES.min(self.seconds - first)
    }

    /// Takes all runs through the `blocks` updates that follow update `first`, within one segment.
    pub fn advance(&mut self, groups: &[SeedGroup], mask: &ExpansionMask, first: i64, blocks: i64) {
        let known = self.powers.take().filter(|powers| powers.blocks == blocks);
        let powers = known.unwrap_or_else(|| TransitionPowers::new(&groups[0].setup, blocks));
        for group in groups {
            let segment = group.setup.segment(first, blocks);
            self.advance_group(group, &powers, &segment, mask, first);
        }
        self.powers = Some(powers);
    }

    fn advance_group(
        &mut self,
        group: &SeedGroup,
        powers: &TransitionPowers,
        segment: &Segment,
        mask: &ExpansionMask,
        first: i64,
    ) {
        let count = group.seeds.len() as i64;
        let cut = |tensor: &Tensor| tensor.narrow(0, group.first, count);
        let alive = cut(&self.diverged).lt(0).to_kind(Kind::Double);
        let of_runs = |sizes: &Tensor| sizes.unsqueeze(1).unsqueeze(0) * &alive;
        let StepSizes { gamma, eta } = &self.step_sizes;
        let settings = LmsSettings { gamma: of_runs(gamma), eta: of_runs(eta), mask };
        let mut runs =
            Runs { weights: cut(&self.runs.weights).copy(), plant: cut(&self.runs.plant).copy() };
        let device = mask.values.device();
        let noise = self.noisy.then(|| self.draw_noise(group, first, segment.blocks, device));
        let losses = advance(segment, powers, &group.task, &settings, noise.as_ref(), &mut runs);
        let limit = (&group.task.constant * DIVERGENCE_FACTOR).view([-1, 1, 1, 1, 1]);
        // A loss that is not a number is not below the limit either.
        let good = losses.lt_tensor(&limit).logical_and(&alive.unsqueeze(-1).gt(0.0));
        let good = good.to_kind(Kind::Int64).cumprod(4, Kind::Int64);
        self.keep(group, first, &losses, &good, &runs);
    }

    /// Keeps what came of a group's runs in a segment, as far as they have not diverged.
    ///
    /// # Shapes
    /// - losses: `[seed, q, repeat, rule, U]`
    /// - good: 1 up to where a run has diverged, 0 from there on, as losses
    fn keep(&mut self, group: &SeedGroup, first: i64, losses: &Tensor, good: &Tensor, runs: &Runs) {
        let (count, blocks) = (group.seeds.len() as i64, losses.size()[4]);
        let cut = |tensor: &Tensor| tensor.narrow(0, group.first, count);
        let mut diverged = cut(&self.diverged);
        let survived = good.sum_dim_intlist(4, false, Kind::Int64);
        let fell = survived.lt(blocks).logical_and(&diverged.lt(0));
        diverged.copy_(&(survived + (first + 1)).where_self(&fell, &diverged));
        let good = good.to_kind(Kind::Bool);
        let kept = losses.where_self(&good, &losses.zeros_like());
        cut(&self.losses).narrow(4, first + 1, blocks).copy_(&kept);
        let whole = good.select(4, blocks - 1).unsqueeze(-1);
        let keep = |new: &Tensor| new.where_self(&whole, &new.zeros_like());
        cut(&self.runs.weights).copy_(&keep(&runs.weights));
        cut(&self.runs.plant).copy_(&keep(&runs.plant));
    }

    /// Normal numbers of a segment, drawn once for all learning steps: `[seed, repeat, U, cell]`.
    fn draw_noise(&self, group: &SeedGroup, first: i64, blocks: i64, device: Device) -> Tensor {
        let size = self.runs.weights.size();
        let (repeats, cells) = (size[2], size[4]);
        let page = (first / SEGMENT_UPDATES) as u64;
        let mut drawn = Vec::new();
        for seed in &group.seeds {
            for repeat in 0..repeats {
                rng::seed_torch(*seed, &format!("noise/{}/{repeat}", self.name), page);
                let numbers = Tensor::randn([cells, NOISE_UPDATES], (Kind::Double, Device::Cpu));
                drawn.push(numbers.narrow(1, first % SEGMENT_UPDATES, blocks).tr());
            }
        }
        let shape = [group.seeds.len() as i64, repeats, blocks, cells];
        upload(&Tensor::stack(&drawn, 0).view(shape), device)
    }
}
