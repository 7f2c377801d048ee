//! One number of each of many samples, side by side, and products of rows of them.

/// Rows of a tile; neurons are filled up to a multiple of it by silent ones.
pub(super) const TILE: usize = 4;

/// One number of each of `L` samples.
pub(super) type Lane<const L: usize> = [f32; L];
/// A tile of numbers.
pub(super) type Tile<const L: usize> = [[Lane<L>; TILE]; TILE];

#[inline(always)]
pub(super) fn subtract<const L: usize>(value: &mut Lane<L>, other: &Lane<L>) {
    value.iter_mut().zip(other).for_each(|(value, other)| *value -= other);
}

#[inline(always)]
pub(super) fn subtract_product<const L: usize>(value: &mut Lane<L>, x: &Lane<L>, y: &Lane<L>) {
    value.iter_mut().zip(x.iter().zip(y)).for_each(|(value, (x, y))| *value -= x * y);
}

#[inline(always)]
pub(super) fn multiply<const L: usize>(value: &mut Lane<L>, factor: &Lane<L>) {
    value.iter_mut().zip(factor).for_each(|(value, factor)| *value *= factor);
}

/// Dot products of four rows with four rows, of one length all.
#[inline(always)]
pub(super) fn dots<const L: usize, const FUSED: bool>(
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
