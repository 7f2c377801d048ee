//! Tiles of matrices of many samples, side by side in vector registers.

use pulp::Simd;

/// Rows of a tile; neurons are filled up to a multiple of it by silent ones. Sixteen sums and what is
/// multiplied fit into the 32 registers of AVX-512.
pub(super) const TILE: usize = 4;

/// A tile of numbers, one of each of as many samples as a register holds.
pub(super) type Tile<S> = [[<S as Simd>::f32s; TILE]; TILE];

/// A tile less the dot products of four rows with four rows, of one length all.
#[inline(always)]
pub(super) fn subtract_dots<S: Simd>(
    simd: S,
    mut tile: Tile<S>,
    p: [&[S::f32s]; TILE],
    q: [&[S::f32s]; TILE],
) -> Tile<S> {
    let length = p[0].len();
    // Every row is seen to be this long once, and not at every product.
    let (p, q) = (p.map(|row| &row[..length]), q.map(|row| &row[..length]));
    for k in 0..length {
        for (sums, p) in tile.iter_mut().zip(p) {
            for (sum, q) in sums.iter_mut().zip(q) {
                *sum = simd.negate_mul_add_e_f32s(p[k], q[k], *sum);
            }
        }
    }
    tile
}

/// Four rows of `length` numbers, row a from `at(a)` on.
#[inline(always)]
pub(super) fn rows<T>(numbers: &[T], length: usize, at: impl Fn(usize) -> usize) -> [&[T]; TILE] {
    // `array::from_fn` is not inlined here, and costs as much as the products of short rows.
    [0, 1, 2, 3].map(
        #[inline(always)]
        |a| &numbers[at(a)..at(a) + length],
    )
}
