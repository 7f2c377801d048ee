//! Cholesky factor, inverse and sums of A = I + G M G / sigma_out^2 for one sample a lane.
//!
//! All three stages are dot products of rows, four rows by four at a time:
//!
//! ```text
//! L[i][j]    = (A[i][j] - L[i][..j] . L[j][..j]) / L[j][j]        A = L L^T
//! Y[j][i]    = -(L[i][j..i] . Y[j][j..i]) / L[i][i]               Y = (L^-1)^T
//! A^-1[i][j] = Y[i][i..] . Y[j][i..]                              for j <= i
//! ```

use pulp::{Simd, bytemuck};

use super::batch::Batch;
use super::tile::{TILE, Tile, rows, subtract_dots};

/// Pivots whose logarithm is taken of their product: none is above 1, nor, as an f32, so small that
/// this many of them underflow in f64.
const PIVOTS: usize = 8;

/// Slopes over sigma_out below this are taken for 0. A covariance with them differs from that without by
/// less than it is rounded by; and products of them would be denormal numbers, with which the processor
/// takes up to a hundred times as long.
const SILENT: f32 = 1e-8;

/// Memory for as many samples as a register has lanes, used again for the next ones.
pub(super) struct Work<S: Simd> {
    simd: S,
    neurons: usize,
    /// Neurons, filled up to whole tiles.
    padded: usize,
    /// M, filled up with zeros: `[padded, padded]`.
    matrix: Vec<f32>,
    /// Slopes over sigma_out: `[padded]`.
    slopes: Vec<S::f32s>,
    /// L, lower triangle of tiles: row i begins at `lower(i)`.
    factor: Vec<S::f32s>,
    /// 1 / `L[i][i]`: `[padded]`.
    pivots: Vec<S::f32s>,
    /// Y, upper triangle of tiles: row j from its tile's first column on, from `upper(j)` on.
    inverse: Vec<S::f32s>,
    /// Sum over the samples so far of G C^-1 G, as L is held.
    spread: Vec<S::f32s>,
}

impl<S: Simd> Work<S> {
    /// Allocates for the samples of a batch.
    #[inline(always)]
    pub(super) fn new(simd: S, batch: &Batch) -> Self {
        let neurons = batch.neurons;
        let padded = neurons.next_multiple_of(TILE);
        let zero = simd.splat_f32s(0.0);
        let mut work = Self {
            simd,
            neurons,
            padded,
            matrix: vec![0.0; padded * padded],
            slopes: vec![zero; padded],
            factor: Vec::new(),
            pivots: vec![zero; padded],
            inverse: Vec::new(),
            spread: Vec::new(),
        };
        let given = batch.matrix.chunks_exact(neurons);
        for (row, given) in work.matrix.chunks_exact_mut(padded).zip(given) {
            row[..neurons].copy_from_slice(given);
        }
        work.factor = vec![zero; work.lower(padded)];
        work.spread = vec![zero; work.lower(padded)];
        work.inverse = vec![zero; work.upper(padded)];
        work
    }

    /// Where row i of the lower triangle begins: rows before it are whole tiles wide.
    #[inline(always)]
    fn lower(&self, row: usize) -> usize {
        let tile = row / TILE;
        TILE * TILE * tile * (tile + 1) / 2 + (row % TILE) * TILE * (tile + 1)
    }

    /// Where row j of the upper triangle begins, with the column of its tile.
    #[inline(always)]
    fn upper(&self, row: usize) -> usize {
        let (tile, tiles) = (row / TILE, self.padded / TILE);
        let before = TILE * TILE * (tile * tiles - tile * tile.saturating_sub(1) / 2);
        before + (row % TILE) * TILE * (tiles - tile)
    }

    /// Takes the slopes of `samples` samples; lanes without a sample have 0, and so have slopes that are
    /// [`SILENT`].
    #[inline(always)]
    pub(super) fn take_slopes(&mut self, batch: &Batch, first: usize, samples: usize) {
        let lanes: &mut [f32] = bytemuck::cast_slice_mut(&mut self.slopes);
        let of_neurons = lanes.chunks_exact_mut(S::F32_LANES).take(self.neurons);
        for (neuron, of_neuron) in of_neurons.enumerate() {
            for (lane, slope) in of_neuron.iter_mut().enumerate() {
                let at = (first + lane) * self.neurons + neuron;
                let given = if lane < samples { batch.slopes[at] * batch.scale } else { 0.0 };
                *slope = if given.abs() < SILENT { 0.0 } else { given };
            }
        }
    }

    /// The slopes of the four neurons from `first` on.
    #[inline(always)]
    fn slopes_from(&self, first: usize) -> [S::f32s; TILE] {
        [0, 1, 2, 3].map(
            #[inline(always)]
            |a| self.slopes[first + a],
        )
    }

    /// The tile of A at (top, left): that of a neuron that fills up is the identity's.
    #[inline(always)]
    fn covariance(&self, top: usize, left: usize) -> Tile<S> {
        let simd = self.simd;
        let (x, y) = (self.slopes_from(top), self.slopes_from(left));
        let mut tile = [[simd.splat_f32s(0.0); TILE]; TILE];
        for (a, (row, x)) in tile.iter_mut().zip(x).enumerate() {
            let at = (top + a) * self.padded + left;
            let shared = &self.matrix[at..at + TILE];
            for ((entry, y), shared) in row.iter_mut().zip(y).zip(shared) {
                *entry = simd.mul_f32s(simd.mul_f32s(x, y), simd.splat_f32s(*shared));
            }
            if top == left {
                row[a] = simd.add_f32s(row[a], simd.splat_f32s(1.0));
            }
        }
        tile
    }

    /// Computes L, tile by tile.
    #[inline(always)]
    pub(super) fn factorise(&mut self) {
        for top in (0..self.padded).step_by(TILE) {
            for left in (0..=top).step_by(TILE) {
                let p = rows(&self.factor, left, |a| self.lower(top + a));
                let q = rows(&self.factor, left, |b| self.lower(left + b));
                let tile = subtract_dots(self.simd, self.covariance(top, left), p, q);
                let tile = if top == left {
                    self.finish_pivots(top, tile)
                } else {
                    self.finish_factor(left, tile)
                };
                for (a, of_row) in tile.iter().enumerate() {
                    let at = self.lower(top + a) + left;
                    self.factor[at..at + TILE].copy_from_slice(of_row);
                }
            }
        }
    }

    /// The tile of L on the diagonal, of A less the products of all columns before.
    #[inline(always)]
    fn finish_pivots(&mut self, top: usize, mut tile: Tile<S>) -> Tile<S> {
        let simd = self.simd;
        for b in 0..TILE {
            let root = simd.sqrt_f32s(tile[b][b]);
            let pivot = simd.div_f32s(simd.splat_f32s(1.0), root);
            self.pivots[top + b] = pivot;
            tile[b][b] = root;
            for row in &mut tile[b + 1..] {
                row[b] = simd.mul_f32s(row[b], pivot);
            }
            for a in b + 1..TILE {
                for c in b + 1..=a {
                    let less = simd.negate_mul_add_e_f32s(tile[a][b], tile[c][b], tile[a][c]);
                    tile[a][c] = less;
                }
            }
        }
        tile
    }

    /// A tile of L below the diagonal, of A less the products of all columns before.
    #[inline(always)]
    fn finish_factor(&self, left: usize, mut tile: Tile<S>) -> Tile<S> {
        let simd = self.simd;
        for b in 0..TILE {
            let pivot = self.pivots[left + b];
            for row in &mut tile {
                row[b] = simd.mul_f32s(row[b], pivot);
            }
            for c in b + 1..TILE {
                let above = self.factor[self.lower(left + c) + left + b];
                for row in &mut tile {
                    row[c] = simd.negate_mul_add_e_f32s(row[b], above, row[c]);
                }
            }
        }
        tile
    }

    /// Computes Y, tile by tile: row blocks from the left.
    #[inline(always)]
    pub(super) fn invert(&mut self) {
        let simd = self.simd;
        let zero = [[simd.splat_f32s(0.0); TILE]; TILE];
        for left in (0..self.padded).step_by(TILE) {
            for top in (left..self.padded).step_by(TILE) {
                // The right-hand side is the identity.
                let mut tile = zero;
                if top == left {
                    for (b, row) in tile.iter_mut().enumerate() {
                        row[b] = simd.splat_f32s(1.0);
                    }
                }
                let p = rows(&self.inverse, top - left, |b| self.upper(left + b));
                let q = rows(&self.factor, top - left, |a| self.lower(top + a) + left);
                let tile = self.finish_inverse(top, subtract_dots(simd, tile, p, q));
                for (b, of_row) in tile.iter().enumerate() {
                    let at = self.upper(left + b) + top - left;
                    self.inverse[at..at + TILE].copy_from_slice(of_row);
                }
            }
        }
    }

    /// The tile of Y of the columns from `top` on, of the identity less the products of those before.
    #[inline(always)]
    fn finish_inverse(&self, top: usize, mut tile: Tile<S>) -> Tile<S> {
        let simd = self.simd;
        for a in 0..TILE {
            let pivot = self.pivots[top + a];
            for row in &mut tile {
                row[a] = simd.mul_f32s(row[a], pivot);
            }
            for c in a + 1..TILE {
                let before = self.factor[self.lower(top + c) + top + a];
                for row in &mut tile {
                    row[c] = simd.negate_mul_add_e_f32s(before, row[a], row[c]);
                }
            }
        }
        tile
    }

    /// log2 det A = -2 sum of log2 of the pivots' inverses, of every lane.
    pub(super) fn logdet(&self) -> impl Iterator<Item = f32> {
        let mut sums = vec![0.0; S::F32_LANES];
        for some in self.pivots.chunks(PIVOTS) {
            let mut products = vec![1.0; S::F32_LANES];
            let some: &[f32] = bytemuck::cast_slice(some);
            for of_neuron in some.chunks_exact(S::F32_LANES) {
                let pivots = of_neuron.iter().map(|pivot| f64::from(*pivot));
                products.iter_mut().zip(pivots).for_each(|(product, pivot)| *product *= pivot);
            }
            sums.iter_mut().zip(products).for_each(|(sum, product)| *sum -= 2.0 * product.log2());
        }
        sums.into_iter().map(|sum: f64| sum as f32)
    }

    /// Writes the inverse's diagonal of every sample, and adds to the sum over samples of G C^-1 G.
    ///
    /// - diagonal: `[sample, neuron]`
    #[inline(always)]
    pub(super) fn collect(&mut self, diagonal: &mut [f32]) {
        let simd = self.simd;
        let zero = [[simd.splat_f32s(0.0); TILE]; TILE];
        for top in (0..self.padded).step_by(TILE) {
            for left in (0..=top).step_by(TILE) {
                let of_rows = |first: usize| {
                    rows(&self.inverse, self.padded - top, |a| self.upper(first + a) + top - first)
                };
                // What is subtracted from 0 is the inverse with the other sign.
                let tile = subtract_dots(simd, zero, of_rows(top), of_rows(left));
                if top == left {
                    for (a, row) in tile.iter().enumerate().take(self.neurons.saturating_sub(top)) {
                        let entries: &[f32] = bytemuck::cast_slice(&row[a..=a]);
                        let of_samples = diagonal.chunks_exact_mut(self.neurons);
                        of_samples.zip(entries).for_each(|(of, entry)| of[top + a] = -entry);
                    }
                }
                let (x, y) = (self.slopes_from(top), self.slopes_from(left));
                for (a, (row, x)) in tile.iter().zip(x).enumerate() {
                    let at = self.lower(top + a) + left;
                    for ((sum, entry), y) in self.spread[at..at + TILE].iter_mut().zip(row).zip(y) {
                        *sum = simd.negate_mul_add_e_f32s(*entry, simd.mul_f32s(x, y), *sum);
                    }
                }
            }
        }
    }

    /// The sum over samples of G C^-1 G: `[neuron, neuron]`.
    #[inline(always)]
    pub(super) fn spread(&self) -> Vec<f32> {
        let n = self.neurons;
        let mut spread = vec![0.0; n * n];
        for i in 0..n {
            for j in 0..=i {
                let sum = self.simd.reduce_sum_f32s(self.spread[self.lower(i) + j]);
                spread[i * n + j] = sum;
                spread[j * n + i] = sum;
            }
        }
        spread
    }
}
