//! The results of a batch by the widest registers of this processor.

use pulp::{Arch, Simd, WithSimd};

use super::batch::{Batch, Totals};
use super::work::Work;

/// Samples side by side on this processor.
pub(super) fn width() -> usize {
    struct Width;
    impl WithSimd for Width {
        type Output = usize;

        #[inline(always)]
        fn with_simd<S: Simd>(self, _: S) -> usize {
            S::F32_LANES
        }
    }
    Arch::new().dispatch(Width)
}

/// `count` samples of a batch from `start` on.
struct Part<'a> {
    batch: &'a Batch<'a>,
    start: usize,
    count: usize,
}

impl WithSimd for Part<'_> {
    type Output = Totals;

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) -> Totals {
        let Self { batch, start, count } = self;
        let neurons = batch.neurons;
        let mut logdet = Vec::with_capacity(count);
        let mut diagonal = vec![0.0; count * neurons];
        let mut work = Work::new(simd, batch);
        let groups = diagonal.chunks_mut(S::F32_LANES * neurons);
        for (diagonal, first) in groups.zip((start..).step_by(S::F32_LANES)) {
            let samples = diagonal.len() / neurons;
            work.take_slopes(batch, first, samples);
            work.factorise();
            work.invert();
            logdet.extend(work.logdet().take(samples));
            work.collect(diagonal);
        }
        Totals { logdet, diagonal, spread: work.spread() }
    }
}

impl Batch<'_> {
    /// The results of `count` samples from `start` on.
    pub(super) fn totals(&self, start: usize, count: usize) -> Totals {
        Arch::new().dispatch(Part { batch: self, start, count })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn narrower_registers_find_the_same() {
        let (neurons, count) = (5, 19);
        let number = |i: usize| ((i * 7 + 3) % 11) as f32 / 11.0;
        let entry = |i: usize| number(i / neurons) * number(i % neurons);
        let matrix: Vec<f32> = (0..neurons * neurons).map(entry).collect();
        let slopes: Vec<f32> = (0..count * neurons).map(|i| 3.0 * number(i + 5)).collect();
        let batch = Batch { neurons, matrix: &matrix, slopes: &slopes, scale: 0.5 };
        let widest = batch.totals(0, count);
        let part = || Part { batch: &batch, start: 0, count };
        let mut others = vec![part().with_simd(pulp::Scalar)];
        #[cfg(target_arch = "x86_64")]
        others.extend(pulp::x86::V3::try_new().map(|simd| Simd::vectorize(simd, part())));
        for other in others {
            for (a, b) in [
                (&widest.logdet, other.logdet),
                (&widest.diagonal, other.diagonal),
                (&widest.spread, other.spread),
            ] {
                let scale = b.iter().fold(1.0f32, |most, b| most.max(b.abs()));
                assert_eq!(a.len(), b.len());
                assert!(a.iter().zip(b).all(|(a, b)| (a - b).abs() < 1e-5 * scale));
            }
        }
    }
}
