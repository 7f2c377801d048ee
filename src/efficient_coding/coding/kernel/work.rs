//! Cholesky factor, inverse and sums of A = I + G M G / sigma_out^2 for one sample a lane.
//!
//! All three stages are dot products of rows, four rows by four at a time:
//!
//! ```text
//! L[i][j]    = (A[i][j] - L[i][..j] . L[j][..j]) / L[j][j]        A = L L^T
//! Y[j][i]    = -(L[i][j..i] . Y[j][j..i]) / L[i][i]               Y = (L^-1)^T
//! A^-1[i][j] = Y[i][i..] . Y[j][i..]                              for j <= i
//! ```

use super::batch::Batch;
use super::lanes::{Lane, TILE, Tile, dots, multiply, subtract, subtract_product};

/// Memory for `L` samples, used again for the next ones.
pub(super) struct Work<const L: usize> {
    /// Neurons, filled up to whole tiles.
    padded: usize,
    /// Slopes over sigma_out: `[neuron]`.
    slopes: Vec<Lane<L>>,
    /// A and then L, lower triangle of tiles: row i begins at `lower(i)`.
    factor: Vec<Lane<L>>,
    /// 1 / `L[i][i]`: `[neuron]`.
    pivots: Vec<Lane<L>>,
    /// Y, upper triangle of tiles: row j from its tile's first column on, from `upper(j)` on.
    inverse: Vec<Lane<L>>,
}

impl<const L: usize> Work<L> {
    /// Allocates for this number of neurons.
    pub(super) fn new(neurons: usize) -> Self {
        let padded = neurons.next_multiple_of(TILE);
        let zero = [0.0; L];
        let mut work = Self {
            padded,
            slopes: vec![zero; padded],
            factor: Vec::new(),
            pivots: vec![zero; padded],
            inverse: Vec::new(),
        };
        work.factor = vec![zero; work.lower(padded)];
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

    /// Fills in A of `samples` samples; lanes without a sample, and neurons that fill up, get 1.
    #[inline(always)]
    pub(super) fn fill(&mut self, batch: &Batch, start: usize, samples: usize) {
        let n = batch.neurons;
        for (i, slope) in self.slopes.iter_mut().enumerate().take(n) {
            for (lane, slope) in slope.iter_mut().enumerate() {
                let at = (start + lane) * n + i;
                *slope = if lane < samples { batch.slopes[at] * batch.scale } else { 0.0 };
            }
        }
        for i in 0..self.padded {
            let at = self.lower(i);
            let width = TILE * (i / TILE + 1);
            let row = &mut self.factor[at..at + width];
            for (j, (entry, slope)) in row.iter_mut().zip(&self.slopes).enumerate() {
                let shared = if i < n && j < n { batch.matrix[i * n + j] } else { 0.0 };
                for lane in 0..L {
                    entry[lane] = self.slopes[i][lane] * slope[lane] * shared;
                }
            }
            row[i].iter_mut().for_each(|entry| *entry += 1.0);
        }
    }

    /// Computes L from A, tile by tile.
    #[inline(always)]
    pub(super) fn factorise<const FUSED: bool>(&mut self) {
        for top in (0..self.padded).step_by(TILE) {
            for left in (0..=top).step_by(TILE) {
                let dots = {
                    let rows = |first: usize| -> [&[Lane<L>]; TILE] {
                        std::array::from_fn(|a| {
                            let at = self.lower(first + a);
                            &self.factor[at..at + left]
                        })
                    };
                    dots::<L, FUSED>(rows(top), rows(left))
                };
                self.finish_tile(top, left, &dots);
            }
        }
    }

    /// Computes the tile of L at (top, left), whose dot products with all columns before are known.
    #[inline(always)]
    fn finish_tile(&mut self, top: usize, left: usize, dots: &Tile<L>) {
        for (a, dots) in dots.iter().enumerate() {
            let row = self.lower(top + a);
            let columns = if top == left { a + 1 } else { TILE };
            for (b, dot) in dots.iter().enumerate().take(columns) {
                let mut value = self.factor[row + left + b];
                let other = self.lower(left + b);
                subtract(&mut value, dot);
                for c in left..left + b {
                    subtract_product(&mut value, &self.factor[row + c], &self.factor[other + c]);
                }
                if top == left && a == b {
                    value = value.map(f32::sqrt);
                    self.pivots[top + a] = value.map(f32::recip);
                } else {
                    multiply(&mut value, &self.pivots[left + b]);
                }
                self.factor[row + left + b] = value;
            }
        }
    }

    /// Computes Y, tile by tile: row blocks from the left.
    #[inline(always)]
    pub(super) fn invert<const FUSED: bool>(&mut self) {
        for left in (0..self.padded).step_by(TILE) {
            for top in (left..self.padded).step_by(TILE) {
                let dots = {
                    let length = top - left;
                    let factor = std::array::from_fn(|a| {
                        let at = self.lower(top + a) + left;
                        &self.factor[at..at + length]
                    });
                    let inverse = std::array::from_fn(|b| {
                        let at = self.upper(left + b);
                        &self.inverse[at..at + length]
                    });
                    dots::<L, FUSED>(factor, inverse)
                };
                self.finish_inverse(top, left, &dots);
            }
        }
    }

    /// Computes the tile of Y of the columns from `top` on, whose dot products are known.
    #[inline(always)]
    fn finish_inverse(&mut self, top: usize, left: usize, dots: &Tile<L>) {
        for b in 0..TILE {
            let row = self.upper(left + b) + top - left;
            for (a, dots) in dots.iter().enumerate() {
                let factor = self.lower(top + a) + top;
                // The right-hand side is the identity: 1 where row and column are the same.
                let one = if top == left && a == b { 1.0 } else { 0.0 };
                let mut value = [one; L];
                subtract(&mut value, &dots[b]);
                for c in 0..a {
                    let (x, y) = (&self.factor[factor + c], &self.inverse[row + c]);
                    subtract_product(&mut value, x, y);
                }
                multiply(&mut value, &self.pivots[top + a]);
                self.inverse[row + a] = value;
            }
        }
    }

    /// log2 det A = -2 sum of log2 of the pivots' inverses.
    pub(super) fn logdet(&self) -> Lane<L> {
        let mut sums = [0.0f64; L];
        for pivot in &self.pivots {
            for lane in 0..L {
                sums[lane] -= 2.0 * f64::from(pivot[lane].log2());
            }
        }
        sums.map(|sum| sum as f32)
    }

    /// Writes the inverse's diagonal of every sample, and adds to the sum over samples of G C^-1 G.
    #[inline(always)]
    pub(super) fn collect<const FUSED: bool>(
        &self,
        n: usize,
        diagonal: &mut [f32],
        spread: &mut [f32],
    ) {
        for top in (0..self.padded).step_by(TILE) {
            for left in (0..=top).step_by(TILE) {
                let rows = |first: usize| -> [&[Lane<L>]; TILE] {
                    std::array::from_fn(|a| {
                        let at = self.upper(first + a) + top - first;
                        &self.inverse[at..at + self.padded - top]
                    })
                };
                let tile = dots::<L, FUSED>(rows(top), rows(left));
                for (a, row) in tile.iter().enumerate().take(n.saturating_sub(top)) {
                    for (b, entry) in row.iter().enumerate() {
                        let (i, j) = (top + a, left + b);
                        if j > i {
                            continue;
                        }
                        if i == j {
                            for (sample, of_sample) in diagonal.chunks_exact_mut(n).enumerate() {
                                of_sample[i] = entry[sample];
                            }
                        }
                        let (x, y) = (&self.slopes[i], &self.slopes[j]);
                        let sum: f32 = (0..L).map(|lane| entry[lane] * x[lane] * y[lane]).sum();
                        spread[i * n + j] += sum;
                    }
                }
            }
        }
    }
}
