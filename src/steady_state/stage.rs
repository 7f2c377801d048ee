//! A stage of a sweep: all its runs from their first update to their last.

use tch::{Device, Kind, Tensor};

use super::effects::Memory;
use super::grid::Grid;
use super::lms::{Rules, Runs, advance};
use super::nested::Nested;
use super::task::Task;
use super::world::World;
use crate::lab::tensor::rng;

/// Updates in a stretch: one step of the experiment.
pub const UPDATES: i64 = 50;
/// Updates of which the noise is drawn at once; whole groups of libtorch's 16 normal numbers, so
/// that a network's noise does not depend on the largest one's size.
const DRAWN: i64 = 64;
/// A run has diverged where its loss is this many times that of the plant without a granule layer.
const LIMIT: f64 = 100.0;

/// Some seeds that are computed together.
#[derive(Debug)]
pub struct Group {
    /// Index of the first seed.
    pub first: i64,
    /// Seeds.
    pub seeds: Vec<u64>,
    /// What they live in.
    pub world: World,
    /// Their task.
    pub task: Task,
}

/// A stage: what its runs learn with, and what came of them so far.
#[derive(Debug)]
pub struct Stage {
    /// Name in tags, tensors and random streams.
    pub name: &'static str,
    /// Updates, one a second.
    pub seconds: i64,
    /// γ: [q, rule].
    pub gamma: Tensor,
    /// η: [q, rule].
    pub eta: Tensor,
    /// Whether any run has noise.
    pub noisy: bool,
    /// Task loss before learning and after each update, 0 from where a run has diverged: [seed, q,
    /// repeat, rule, second + 1].
    pub losses: Tensor,
    /// The update after which a run had diverged, or -1: [seed, q, repeat, rule] i64.
    pub diverged: Tensor,
    /// Weights and loops.
    pub runs: Runs,
    /// The memory of stretches of a length, the same for all groups.
    memory: Option<(i64, Memory)>,
}

impl Stage {
    /// A stage before its first update.
    pub fn new(
        name: &'static str,
        seconds: i64,
        (gamma, eta): (Tensor, Tensor),
        noisy: bool,
        shape: [i64; 4],
        cells: i64,
    ) -> Self {
        let device = gamma.device();
        let zeros = |last: i64| {
            let shape: Vec<i64> = [&shape[..], &[last]].concat();
            Tensor::zeros(shape, (Kind::Double, device))
        };
        Self {
            name,
            seconds,
            gamma,
            eta,
            noisy,
            losses: zeros(seconds + 1),
            diverged: Tensor::full(shape, -1, (Kind::Int64, device)),
            runs: Runs { weights: zeros(cells), plant: zeros(6) },
            memory: None,
        }
    }

    /// Steps of the experiment that the stage takes.
    pub fn steps(&self) -> u64 {
        (self.seconds as u64).div_ceil(UPDATES as u64)
    }

    /// Puts every run at its start.
    ///
    /// - weights: [seed, q, cell]; lost: [seed, q] bool, networks that have no start
    pub fn begin(&mut self, groups: &[Group], weights: &Tensor, lost: &Tensor) {
        let start = weights.unsqueeze(2).unsqueeze(2).expand_as(&self.runs.weights);
        self.runs.weights.copy_(&start);
        let _ = self.runs.plant.zero_();
        let lost = lost.to_kind(Kind::Int64).unsqueeze(-1).unsqueeze(-1);
        self.diverged.copy_(&(lost - 1).expand_as(&self.diverged));
        for group in groups {
            let count = group.seeds.len() as i64;
            let losses = group.task.loss(&weights.narrow(0, group.first, count));
            let mut first = self.losses.narrow(0, group.first, count).select(4, 0);
            first.copy_(&losses.unsqueeze(-1).unsqueeze(-1).expand_as(&first));
        }
    }

    /// Updates of the step that begins after update `first`.
    pub fn length(&self, first: i64) -> i64 {
        UPDATES.min(self.seconds - first)
    }

    /// Takes all runs through the `blocks` updates that follow update `first`, within one step.
    pub fn advance(&mut self, groups: &[Group], nested: &Nested, first: i64, blocks: i64) {
        let known = self.memory.take().filter(|(length, _)| *length == blocks);
        let memory = known.map(|(_, memory)| memory);
        let memory = memory.unwrap_or_else(|| Memory::new(&groups[0].world, blocks));
        for group in groups {
            let stretch = group.world.stretch(first, blocks);
            self.advance_group(group, &memory, &stretch, nested, first);
        }
        self.memory = Some((blocks, memory));
    }

    fn advance_group(
        &mut self,
        group: &Group,
        memory: &Memory,
        stretch: &super::world::Stretch,
        nested: &Nested,
        first: i64,
    ) {
        let count = group.seeds.len() as i64;
        let cut = |tensor: &Tensor| tensor.narrow(0, group.first, count);
        let mut diverged = cut(&self.diverged);
        let alive = diverged.lt(0).to_kind(Kind::Double);
        let rate = |rule: &Tensor| rule.unsqueeze(1).unsqueeze(0) * &alive;
        let rules = Rules { gamma: rate(&self.gamma), eta: rate(&self.eta), nested };
        let mut runs =
            Runs { weights: cut(&self.runs.weights).copy(), plant: cut(&self.runs.plant).copy() };
        let noise =
            self.noisy.then(|| self.draw(group, first, stretch.blocks, nested.mask.device()));
        let losses = advance(stretch, memory, &group.task, &rules, noise.as_ref(), &mut runs);
        let limit = (&group.task.constant * LIMIT).view([-1, 1, 1, 1, 1]);
        // A loss that is not a number is not below the limit either.
        let good = losses.lt_tensor(&limit).logical_and(&alive.unsqueeze(-1).gt(0.0));
        let good = good.to_kind(Kind::Int64).cumprod(4, Kind::Int64);
        let survived = good.sum_dim_intlist(4, false, Kind::Int64);
        let fell = survived.lt(stretch.blocks).logical_and(&diverged.lt(0));
        diverged.copy_(&(survived + (first + 1)).where_self(&fell, &diverged));
        let good = good.to_kind(Kind::Bool);
        let kept = losses.where_self(&good, &losses.zeros_like());
        cut(&self.losses).narrow(4, first + 1, stretch.blocks).copy_(&kept);
        let whole = good.select(4, stretch.blocks - 1).unsqueeze(-1);
        let keep = |new: &Tensor| new.where_self(&whole, &new.zeros_like());
        cut(&self.runs.weights).copy_(&keep(&runs.weights));
        cut(&self.runs.plant).copy_(&keep(&runs.plant));
    }

    /// Normal numbers of a stretch, the same for every learning step: [seed, repeat, U, cell].
    fn draw(&self, group: &Group, first: i64, blocks: i64, device: Device) -> Tensor {
        let size = self.runs.weights.size();
        let (repeats, cells) = (size[2], size[4]);
        let page = (first / UPDATES) as u64;
        let mut drawn = Vec::new();
        for seed in &group.seeds {
            for repeat in 0..repeats {
                rng::seed_torch(*seed, &format!("noise/{}/{repeat}", self.name), page);
                let numbers = Tensor::randn([cells, DRAWN], (Kind::Double, Device::Cpu));
                drawn.push(numbers.narrow(1, first % UPDATES, blocks).tr());
            }
        }
        let shape = [group.seeds.len() as i64, repeats, blocks, cells];
        Tensor::stack(&drawn, 0).view(shape).to_device(device)
    }
}

/// The groups of a sweep: as many seeds as have no more than `batch_runs` runs.
pub fn group(
    world: &World,
    grid: &Grid,
    loss_seconds: i64,
    batch_runs: i64,
    device: Device,
) -> Vec<Group> {
    let [seeds, sizes, repeats, rules] = grid.shape();
    let size = (batch_runs / (sizes * repeats * rules)).clamp(1, seeds);
    let mut groups = Vec::new();
    for first in (0..seeds).step_by(size as usize) {
        let count = size.min(seeds - first);
        let world = World {
            map: world.map.to_device(device),
            granule: world.granule.narrow(first, count).to_device(device),
            dt: world.dt,
        };
        let seeds = grid.seeds[first as usize..(first + count) as usize].to_vec();
        let task = Task::measure(&world, loss_seconds);
        groups.push(Group { first, seeds, world, task });
    }
    groups
}
