//! The fixed set-up of some seeds: plant, feedback, granule layers and references, cut into segments
//! of updates.

use tch::{Kind, Tensor};

use super::block::BlockMap;
use super::granule::{Granule, Signals};

/// Everything of some seeds that does not learn.
#[derive(Debug)]
pub struct Setup {
    /// The map of a block of plant and feedback.
    pub map: BlockMap,
    /// The granule layers and their references.
    pub granule: Granule,
    /// Seconds between samples.
    pub dt: f64,
}

/// The exact maps of U blocks in a row for each seed. Column N of an axis of N + 1 is what does
/// not depend on the weights.
#[derive(Debug)]
pub struct Segment {
    /// Blocks, U.
    pub blocks: i64,
    /// State of the loop at the beginning of block k, with constant weights, where it was zero at
    /// the segment's beginning: `[seed, U + 1, 6, N + 1]`.
    pub state: Tensor,
    /// Mean error in the window of block k, from the same beginning: `[seed, U, N + 1]`.
    pub error: Tensor,
    /// Answers of the cells that the update after block k takes: `[seed, U, N]`.
    pub answers: Tensor,
    /// Samples of h and of r; each block has its end too: `[seed, n + 1, U, N]` and
    /// `[seed, n + 1, U, 1]`.
    samples: [Tensor; 2],
}

impl Setup {
    /// The maps of the blocks `first` to `first + blocks`.
    pub fn segment(&self, first: i64, blocks: i64) -> Segment {
        let (n, map) = (self.map.samples, &self.map);
        let options = (Kind::Double, map.transition.device());
        // Sample by sample and then block by block, with each block's end: all blocks of a seed
        // are the columns of one matrix product.
        let within = Tensor::arange(n + 1, options).unsqueeze(1);
        let starts = Tensor::arange_start(first, first + blocks, options) * n;
        let Signals { reference, answers } =
            self.granule.signals(&((within + starts) * self.dt).view([-1]));
        let (seeds, cells) = (answers.size()[0], answers.size()[2]);
        let answers = answers.view([seeds, n + 1, blocks, cells]);
        let reference = reference.reshape([seeds, n + 1, blocks, 1]);
        let ends = Tensor::cat(
            &[apply_map(&map.command, &answers), apply_map(&map.reference, &reference)],
            3,
        );
        let (state, error) = self.accumulate(&ends);
        let updates = answers.select(1, n - map.delay).contiguous();
        Segment { blocks, state, error, answers: updates, samples: [answers, reference] }
    }

    /// From the maps of single blocks to maps from the segment's beginning: state and error as in
    /// [`Segment`].
    ///
    /// # Shapes
    /// - ends: `[seed, 7, U, N + 1]`
    fn accumulate(&self, ends: &Tensor) -> (Tensor, Tensor) {
        let [seeds, _, blocks, columns] = ends.size()[..] else { unreachable!("four axes") };
        // [seed, 7, U, N + 1] -> [7, U, seed (N + 1)]
        let ends = ends.permute([1, 2, 0, 3]).reshape([7, blocks, -1]);
        let own = ends.narrow(0, 0, 6);
        let mut state = own.select(1, 0).zeros_like();
        let mut states = vec![state.shallow_clone()];
        for k in 0..blocks {
            state = self.map.transition.matmul(&state) + own.select(1, k);
            states.push(state.shallow_clone());
        }
        let states = Tensor::stack(&states, 0).view([blocks + 1, 6, seeds, columns]);
        let states = states.permute([2, 0, 1, 3]).contiguous();
        let carried = self.map.output.view([1, 6]).matmul(&states.narrow(1, 0, blocks));
        let error = ends.get(6).view([blocks, seeds, columns]).transpose(0, 1);
        (states, error + carried.squeeze_dim(2))
    }

    /// The error y − r at every sample but the last of each block, with constant weights from the
    /// segment's beginning.
    ///
    /// # Shapes
    /// - carried: state of the loop at the segment's beginning, `[seed, 6, N + 1]`
    /// - returns: `[seed, U n, N + 1]`
    pub fn trace(&self, segment: &Segment, carried: &Tensor) -> Tensor {
        let (map, n) = (&self.map, self.map.samples);
        let mut starts = Vec::new();
        let mut moved = carried.shallow_clone();
        for k in 0..segment.blocks {
            starts.push(&moved + segment.state.select(1, k));
            moved = map.transition.matmul(&moved);
        }
        let [answers, reference] = &segment.samples;
        let driven = Tensor::cat(
            &[
                apply_map(&map.trace_command.narrow(0, 0, n), answers),
                apply_map(&map.trace_reference.narrow(0, 0, n), reference),
            ],
            3,
        );
        let free = map.trace_state.narrow(0, 0, n).matmul(&Tensor::stack(&starts, 1));
        (driven.transpose(1, 2) + free).flatten(1, 2)
    }

    /// Mean of y r over the first `seconds` before learning: `[seed]`. It is above 0 where the
    /// plant at first goes the reference's way.
    pub fn initial_alignment(&self, seconds: i64) -> Tensor {
        let segment = self.segment(0, seconds);
        let trace = self.trace(&segment, &segment.state.select(1, 0));
        let cells = trace.size()[2] - 1;
        let initial = self.granule.initial.unsqueeze(-1);
        let error = trace.narrow(2, 0, cells).matmul(&initial).squeeze_dim(-1);
        let error = error + trace.select(2, cells);
        let samples = Tensor::arange(trace.size()[1], (Kind::Double, trace.device()));
        let reference = self.granule.signals(&(samples * self.dt)).reference;
        ((error + &reference) * reference).mean_dim(1, false, Kind::Double)
    }

    /// The state of the loop after a segment with constant weights.
    ///
    /// # Shapes
    /// - carried: state of the loop at the segment's beginning, `[seed, 6, N + 1]`
    /// - returns: `[seed, 6, N + 1]`
    pub fn carry(&self, segment: &Segment, carried: &Tensor) -> Tensor {
        let mut moved = carried.shallow_clone();
        for _ in 0..segment.blocks {
            moved = self.map.transition.matmul(&moved);
        }
        moved + segment.state.select(1, segment.blocks)
    }
}

/// Applies a map of a block's samples to all blocks at once.
///
/// # Shapes
/// - map: `[row, n + 1]`
/// - samples: `[seed, n + 1, U, column]`
/// - returns: `[seed, row, U, column]`
fn apply_map(map: &Tensor, samples: &Tensor) -> Tensor {
    let [seeds, length, blocks, columns] = samples.size()[..] else { unreachable!("four axes") };
    let rows = map.size()[0];
    let flat = samples.view([seeds, length, blocks * columns]);
    let all = map.unsqueeze(0).expand([seeds, rows, length], false).bmm(&flat);
    all.view([seeds, rows, blocks, columns])
}
