//! Sums of products of f32 and f64.

use std::ops::{Add, AddAssign, Mul};

/// Numbers that are added at a time: as many as hide an addition's latency.
const LANES: usize = 32;

/// f32 or f64.
pub trait Real:
    Copy + Default + PartialEq + Add<Output = Self> + Mul<Output = Self> + AddAssign + Send + Sync
{
}

impl Real for f32 {}
impl Real for f64 {}

/// Σ_i a_i w_i for each of some a: the weights are loaded once for all. The order of the sums is
/// the same whatever their number.
#[inline(always)]
pub(super) fn dots<T: Real, const N: usize>(a: [&[T]; N], w: &[T]) -> [T; N] {
    let mut lanes = [[T::default(); LANES]; N];
    let whole = w.len() / LANES * LANES;
    for start in (0..whole).step_by(LANES) {
        let w = &w[start..start + LANES];
        for (lanes, a) in lanes.iter_mut().zip(a) {
            let a = &a[start..start + LANES];
            for ((lane, a), w) in lanes.iter_mut().zip(a).zip(w) {
                *lane += *a * *w;
            }
        }
    }
    let mut sums = [T::default(); N];
    for ((sum, mut lanes), a) in sums.iter_mut().zip(lanes).zip(a) {
        let mut width = LANES / 2;
        while width > 0 {
            for i in 0..width {
                lanes[i] += lanes[i + width];
            }
            width /= 2;
        }
        *sum = lanes[0];
        a[whole..].iter().zip(&w[whole..]).for_each(|(a, w)| *sum += *a * *w);
    }
    sums
}

/// y += s x.
#[inline(always)]
pub(super) fn add_scaled<T: Real>(y: &mut [T], s: T, x: &[T]) {
    y.iter_mut().zip(x).for_each(|(y, x)| *y += s * *x);
}
