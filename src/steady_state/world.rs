//! What the networks of some seeds live in, cut into stretches of updates.

use tch::{Kind, Tensor};

use super::block::BlockMap;
use super::granule::Granule;

/// Plant, feedback and granule layers of some seeds.
#[derive(Debug)]
pub struct World {
    /// The map of a block.
    pub map: BlockMap,
    /// The granule layers and their references.
    pub granule: Granule,
    /// Seconds between samples.
    pub dt: f64,
}

/// The exact maps of U blocks in a row for each seed. Column N of an axis of N + 1 is what does
/// not depend on the weights.
#[derive(Debug)]
pub struct Stretch {
    /// Blocks, U.
    pub blocks: i64,
    /// State of the loop at the beginning of block k, from zero at the stretch's own beginning and
    /// with constant weights: [seed, U + 1, 6, N + 1].
    pub state: Tensor,
    /// Mean error in the window of block k, as above: [seed, U, N + 1].
    pub error: Tensor,
    /// Answers of the cells that the update after block k takes: [seed, U, N].
    pub answers: Tensor,
    /// Samples of h, then of r, with the block's end: [seed, U, n + 1, N + 1].
    samples: Tensor,
}

impl World {
    /// The maps of the blocks `first` to `first + blocks`.
    pub fn stretch(&self, first: i64, blocks: i64) -> Stretch {
        let (n, map) = (self.map.samples, &self.map);
        let device = map.transition.device();
        let index =
            Tensor::arange_start(first * n, (first + blocks) * n + 1, (Kind::Double, device));
        let (reference, answers) = self.granule.signals(&(index * self.dt));
        let updates = answers.slice(1, n - map.delay, None, n).narrow(1, 0, blocks).contiguous();
        let all = Tensor::cat(&[answers, reference.unsqueeze(-1)], 2);
        // [seed, U, N + 1, n + 1] -> [seed, U, n + 1, N + 1]: blocks share their end samples.
        let samples = all.unfold(1, n + 1, n).transpose(2, 3);
        let columns = samples.size()[3] - 1;
        let ends = Tensor::cat(
            &[
                map.command.matmul(&samples.narrow(3, 0, columns)),
                map.reference.matmul(&samples.narrow(3, columns, 1)),
            ],
            3,
        );
        let (state, error) = self.accumulate(&ends);
        Stretch { blocks, state, error, answers: updates, samples }
    }

    /// From maps of blocks of their own to maps from the stretch's beginning.
    ///
    /// - ends: [seed, U, 7, N + 1]
    fn accumulate(&self, ends: &Tensor) -> (Tensor, Tensor) {
        let blocks = ends.size()[1];
        let own = ends.narrow(2, 0, 6);
        let mut state = own.select(1, 0).zeros_like();
        let mut states = vec![state.shallow_clone()];
        for k in 0..blocks {
            state = self.map.transition.matmul(&state) + own.select(1, k);
            states.push(state.shallow_clone());
        }
        let states = Tensor::stack(&states, 1);
        let carried = self.map.output.unsqueeze(0).matmul(&states.narrow(1, 0, blocks));
        (states, ends.select(2, 6) + carried.squeeze_dim(2))
    }

    /// The error y − r at every sample but the last of each block, with constant weights from the
    /// stretch's beginning: [seed, U n, N + 1]. `carried`: the state there, [seed, 6, N + 1].
    pub fn trace(&self, stretch: &Stretch, carried: &Tensor) -> Tensor {
        let (map, n, columns) = (&self.map, self.map.samples, carried.size()[2] - 1);
        let mut starts = Vec::new();
        let mut moved = carried.shallow_clone();
        for k in 0..stretch.blocks {
            starts.push(&moved + stretch.state.select(1, k));
            moved = map.transition.matmul(&moved);
        }
        let samples = &stretch.samples;
        let driven = Tensor::cat(
            &[
                map.trace_command.narrow(0, 0, n).matmul(&samples.narrow(3, 0, columns)),
                map.trace_reference.narrow(0, 0, n).matmul(&samples.narrow(3, columns, 1)),
            ],
            3,
        );
        let free = map.trace_state.narrow(0, 0, n).matmul(&Tensor::stack(&starts, 1));
        (driven + free).flatten(1, 2)
    }

    /// Mean of y r over the first `seconds` before learning: above 0 where the plant at first goes
    /// the reference's way: [seed].
    pub fn early(&self, seconds: i64) -> Tensor {
        let stretch = self.stretch(0, seconds);
        let trace = self.trace(&stretch, &stretch.state.select(1, 0));
        let cells = trace.size()[2] - 1;
        let initial = self.granule.initial.unsqueeze(-1);
        let error = trace.narrow(2, 0, cells).matmul(&initial).squeeze_dim(-1);
        let error = error + trace.select(2, cells);
        let samples = Tensor::arange(trace.size()[1], (Kind::Double, trace.device()));
        let reference = self.granule.signals(&(samples * self.dt)).0;
        ((error + &reference) * reference).mean_dim(1, false, Kind::Double)
    }

    /// The state after a stretch with constant weights: [seed, 6, N + 1].
    pub fn carry(&self, stretch: &Stretch, carried: &Tensor) -> Tensor {
        let mut moved = carried.shallow_clone();
        for _ in 0..stretch.blocks {
            moved = self.map.transition.matmul(&moved);
        }
        moved + stretch.state.select(1, stretch.blocks)
    }
}
