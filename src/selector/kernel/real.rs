//! Sums of products of f32 and f64.

use std::ops::{Add, AddAssign, Mul};

/// Numbers that are added at a time: as many as eight registers of AVX2 hold of f32.
const LANES: usize = 64;

/// f32 or f64.
pub trait Real:
    Copy + Default + PartialEq + Add<Output = Self> + Mul<Output = Self> + AddAssign + Send + Sync
{
    /// Σ_i a_i b_i by AVX2, with the bits of `dot`.
    ///
    /// # Safety
    /// The CPU has AVX2.
    #[cfg(target_arch = "x86_64")]
    unsafe fn dot_avx2(a: &[Self], b: &[Self]) -> Self;
}

impl Real for f32 {
    // Left to the compiler, the sums stay in memory or in registers as the code around them has it,
    // and take twice as long in memory.
    #[cfg(target_arch = "x86_64")]
    #[inline]
    #[target_feature(enable = "avx2")]
    unsafe fn dot_avx2(a: &[Self], b: &[Self]) -> Self {
        use std::arch::x86_64::{
            __m256, _mm256_add_ps, _mm256_loadu_ps, _mm256_mul_ps, _mm256_setzero_ps,
            _mm256_storeu_ps,
        };
        const WIDTH: usize = 8;
        let (a_blocks, a_tail) = a.as_chunks::<LANES>();
        let (b_blocks, b_tail) = b.as_chunks::<LANES>();
        let mut sums: [__m256; LANES / WIDTH] = [_mm256_setzero_ps(); LANES / WIDTH];
        for (a, b) in a_blocks.iter().zip(b_blocks) {
            for (i, sum) in sums.iter_mut().enumerate() {
                // SAFETY: eight numbers from 8 i on lie within the 64 of a block.
                let (a, b) = unsafe {
                    let at = |of: &[f32; LANES]| _mm256_loadu_ps(of.as_ptr().add(WIDTH * i));
                    (at(a), at(b))
                };
                *sum = _mm256_add_ps(*sum, _mm256_mul_ps(a, b));
            }
        }
        let mut lanes = [0.0; LANES];
        for (i, sum) in sums.into_iter().enumerate() {
            // SAFETY: eight numbers from 8 i on lie within the 64 lanes.
            unsafe { _mm256_storeu_ps(lanes.as_mut_ptr().add(WIDTH * i), sum) };
        }
        total(lanes, a_tail, b_tail)
    }
}

impl Real for f64 {
    #[cfg(target_arch = "x86_64")]
    #[inline(always)]
    unsafe fn dot_avx2(a: &[Self], b: &[Self]) -> Self {
        dot(a, b)
    }
}

/// Σ_i a_i b_i.
#[inline(always)]
pub(super) fn dot<T: Real>(a: &[T], b: &[T]) -> T {
    let (a_blocks, a_tail) = a.as_chunks::<LANES>();
    let (b_blocks, b_tail) = b.as_chunks::<LANES>();
    let mut lanes = [T::default(); LANES];
    for (a, b) in a_blocks.iter().zip(b_blocks) {
        for ((lane, a), b) in lanes.iter_mut().zip(a).zip(b) {
            *lane += *a * *b;
        }
    }
    total(lanes, a_tail, b_tail)
}

/// The sum of the lanes, in halves, and of the products that are left.
#[inline(always)]
fn total<T: Real>(mut lanes: [T; LANES], a: &[T], b: &[T]) -> T {
    let mut rest = T::default();
    a.iter().zip(b).for_each(|(a, b)| rest += *a * *b);
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

#[cfg(all(test, target_arch = "x86_64"))]
mod tests {
    use super::*;

    #[test]
    fn both_sums_of_products_have_the_same_bits() {
        if !is_x86_feature_detected!("avx2") {
            return;
        }
        for length in [0, 1, 7, 64, 100, 784] {
            let number = |i: usize| (i as f32 * 0.7).sin();
            let a: Vec<f32> = (0..length).map(number).collect();
            let b: Vec<f32> = (0..length).map(|i| number(i + 5)).collect();
            // SAFETY: the test has returned where the CPU has no AVX2.
            let fast = unsafe { f32::dot_avx2(&a, &b) };
            assert_eq!(fast.to_bits(), dot(&a, &b).to_bits(), "{length}");
        }
    }
}
