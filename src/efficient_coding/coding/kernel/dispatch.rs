//! The results of a batch by the widest registers of this processor.

use super::batch::{Batch, Totals};
use super::work::Work;

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
