//! Cholesky factor, inverse and sums of A = I + G M G / sigma_out^2 for one sample a lane.
//!
//! All three stages are dot products of rows, four rows by four at a time:
//!
//! ```text
//! L[i][j]    = (A[i][j] - L[i][..j] . L[j][..j]) / L[j][j]        A = L L^T
//! Y[j][i]    = -(L[i][j..i] . Y[j][j..i]) / L[i][i]               Y = (L^-1)^T
//! A^-1[i][j] = Y[i][i..] . Y[j][i..]                              for j <= i
//! ```

/// Rows of a tile; neurons are filled up to a multiple of it by silent ones.
const TILE: usize = 4;

/// What every sample shares, and the slopes of all.
pub(super) struct Batch<'a> {
    pub(super) neurons: usize,
    /// M: [neuron, neuron].
    pub(super) matrix: &'a [f32],
    /// g: [sample, neuron].
    pub(super) slopes: &'a [f32],
    /// 1 / sigma_out.
    pub(super) scale: f32,
}

/// Results over samples.
#[derive(Default)]
pub(super) struct Totals {
    /// log2 det A: [sample].
    pub(super) logdet: Vec<f32>,
    /// The diagonal of A^-1: [sample, neuron].
    pub(super) diagonal: Vec<f32>,
    /// Sum over samples of G C^-1 G: [neuron, neuron].
    pub(super) spread: Vec<f32>,
}

impl Totals {
    /// Takes in the samples that follow.
    pub(super) fn append(&mut self, next: Self) {
        self.logdet.extend(next.logdet);
        self.diagonal.extend(next.diagonal);
        if self.spread.is_empty() {
            self.spread = next.spread;
        } else {
            self.spread.iter_mut().zip(next.spread).for_each(|(sum, more)| *sum += more);
        }
    }
}

/// One number of each of `L` samples.
type Lane<const L: usize> = [f32; L];
/// A tile of numbers.
type Tile<const L: usize> = [[Lane<L>; TILE]; TILE];

/// Samples side by side on this processor.
pub(super) fn width() -> usize {
    #[cfg(target_arch = "x86_64")]
    if is_x86_feature_detected!("avx512f") {
        return 16;
    }
    8
}

impl Batch<'_> {
    /// The results of `count` samples from `start` on.
    pub(super) fn totals(&self, start: usize, count: usize) -> Totals {
        #[cfg(target_arch = "x86_64")]
        {
            if is_x86_feature_detected!("avx512f") {
                // SAFETY: the line above has found that this CPU has AVX-512.
                return unsafe { self.totals_avx512(start, count) };
            }
            if is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma") {
                // SAFETY: the line above has found that this CPU has AVX2 and fused multiply-adds.
                return unsafe { self.totals_avx2(start, count) };
            }
        }
        self.totals_any::<8, false>(start, count)
    }

    #[cfg(target_arch = "x86_64")]
    #[target_feature(enable = "avx512f")]
    fn totals_avx512(&self, start: usize, count: usize) -> Totals {
        self.totals_any::<16, true>(start, count)
    }

    #[cfg(target_arch = "x86_64")]
    #[target_feature(enable = "avx2,fma")]
    fn totals_avx2(&self, start: usize, count: usize) -> Totals {
        self.totals_any::<8, true>(start, count)
    }

    #[inline(always)]
    fn totals_any<const L: usize, const FUSED: bool>(&self, start: usize, count: usize) -> Totals {
        let neurons = self.neurons;
        let mut totals = Totals {
            logdet: Vec::with_capacity(count),
            diagonal: vec![0.0; count * neurons],
            spread: vec![0.0; neurons * neurons],
        };
        let mut work = Work::<L>::new(neurons);
        for first in (0..count).step_by(L) {
            let samples = L.min(count - first);
            work.fill(self, start + first, samples);
            work.factorise::<FUSED>();
            work.invert::<FUSED>();
            totals.logdet.extend(&work.logdet()[..samples]);
            let diagonal = &mut totals.diagonal[first * neurons..(first + samples) * neurons];
            work.collect::<FUSED>(neurons, diagonal, &mut totals.spread);
        }
        for i in 0..neurons {
            for j in 0..i {
                totals.spread[j * neurons + i] = totals.spread[i * neurons + j];
            }
        }
        totals
    }
}

/// Memory for `L` samples, used again for the next ones.
struct Work<const L: usize> {
    /// Neurons, filled up to whole tiles.
    padded: usize,
    /// Slopes over sigma_out: [neuron].
    slopes: Vec<Lane<L>>,
    /// A and then L, lower triangle of tiles: row i begins at `lower(i)`.
    factor: Vec<Lane<L>>,
    /// 1 / L[i][i]: [neuron].
    pivots: Vec<Lane<L>>,
    /// Y, upper triangle of tiles: row j from its tile's first column on, from `upper(j)` on.
    inverse: Vec<Lane<L>>,
}

impl<const L: usize> Work<L> {
    fn new(neurons: usize) -> Self {
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
    fn fill(&mut self, batch: &Batch, start: usize, samples: usize) {
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

    #[inline(always)]
    fn factorise<const FUSED: bool>(&mut self) {
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
    fn invert<const FUSED: bool>(&mut self) {
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
    fn logdet(&self) -> Lane<L> {
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
    fn collect<const FUSED: bool>(&self, n: usize, diagonal: &mut [f32], spread: &mut [f32]) {
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

#[inline(always)]
fn subtract<const L: usize>(value: &mut Lane<L>, other: &Lane<L>) {
    value.iter_mut().zip(other).for_each(|(value, other)| *value -= other);
}

#[inline(always)]
fn subtract_product<const L: usize>(value: &mut Lane<L>, x: &Lane<L>, y: &Lane<L>) {
    value.iter_mut().zip(x.iter().zip(y)).for_each(|(value, (x, y))| *value -= x * y);
}

#[inline(always)]
fn multiply<const L: usize>(value: &mut Lane<L>, factor: &Lane<L>) {
    value.iter_mut().zip(factor).for_each(|(value, factor)| *value *= factor);
}

/// Dot products of four rows with four rows, of one length all.
#[inline(always)]
fn dots<const L: usize, const FUSED: bool>(
    p: [&[Lane<L>]; TILE],
    q: [&[Lane<L>]; TILE],
) -> Tile<L> {
    let length = p[0].len();
    let (p, q) = (p.map(|row| &row[..length]), q.map(|row| &row[..length]));
    let mut sums = [[[0.0; L]; TILE]; TILE];
    for k in 0..length {
        for a in 0..TILE {
            for b in 0..TILE {
                for lane in 0..L {
                    let (x, y, sum) = (p[a][k][lane], q[b][k][lane], &mut sums[a][b][lane]);
                    *sum = if FUSED { x.mul_add(y, *sum) } else { *sum + x * y };
                }
            }
        }
    }
    sums
}
