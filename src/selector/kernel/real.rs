//! Sums of products of f32 and f64.

use std::ops::{Add, AddAssign, Mul};

/// Numbers that are added at a time. The compiler makes vector instructions of the loop over 64; a
/// loop over 32 it unrolls first, into code that takes three times as long.
const LANES: usize = 64;

/// f32 or f64.
pub trait Real:
    Copy + Default + PartialEq + Add<Output = Self> + Mul<Output = Self> + AddAssign + Send + Sync
{
}

impl Real for f32 {}
impl Real for f64 {}

/// Σ_i a_i b_i.
#[inline(always)]
pub(super) fn dot<T: Real>(a: &[T], b: &[T]) -> T {
    let mut lanes = [T::default(); LANES];
    let (a_blocks, b_blocks) = (a.chunks_exact(LANES), b.chunks_exact(LANES));
    let tail = a_blocks.remainder().iter().zip(b_blocks.remainder());
    let mut rest = T::default();
    tail.for_each(|(a, b)| rest += *a * *b);
    for (a, b) in a_blocks.zip(b_blocks) {
        for ((lane, a), b) in lanes.iter_mut().zip(a).zip(b) {
            *lane += *a * *b;
        }
    }
    let mut width = LANES / 2;
    while width > 0 {
        for i in 0..width {
            lanes[i] += lanes[i + width];
        }
        width /= 2;
    }
    lanes[0] + rest
}

/// y += s x.
#[inline(always)]
pub(super) fn add_scaled<T: Real>(y: &mut [T], s: T, x: &[T]) {
    y.iter_mut().zip(x).for_each(|(y, x)| *y += s * *x);
}
