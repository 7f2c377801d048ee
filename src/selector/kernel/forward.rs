//! w_sel x + b_sel.

use super::operands::Operands;
use super::parallel::{parallel_ranges, threads};
use super::real::{Real, dot};
use super::sample_buckets::SampleBuckets;

/// Writes w_sel·x + b_sel of every neuron and sample. A neuron is a row of `out`, and the threads
/// divide the rows.
///
/// # Shapes
/// - bias: `[computation, neuron]`
/// - out: `[neuron, sample]`
pub fn forward<T: Real>(operands: Operands<T>, bias: &[T], out: &mut [T]) {
    let sizes = operands.sizes;
    if out.is_empty() {
        return;
    }
    let each = sizes.neurons.div_ceil(threads(sizes.neurons));
    let parts: Vec<&mut [T]> = out.chunks_mut(each * sizes.samples).collect();
    parallel_ranges(sizes.neurons, each, parts, |neurons, out| {
        #[cfg(target_arch = "x86_64")]
        if is_x86_feature_detected!("avx2") {
            // SAFETY: the line above has found that this CPU has AVX2.
            return unsafe { forward_rows_avx2(operands, bias, neurons.start, out) };
        }
        forward_rows(operands, bias, neurons.start, out, dot);
    });
}

/// [`forward_rows`] with eight f32 at a time and the same bits.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
fn forward_rows_avx2<T: Real>(operands: Operands<T>, bias: &[T], first: usize, out: &mut [T]) {
    // SAFETY: only a CPU that has AVX2 comes into this function, which is compiled for it.
    forward_rows(operands, bias, first, out, |a, b| unsafe { T::dot_avx2(a, b) });
}

/// Writes the rows of the neurons from `first` on.
///
/// # Shapes
/// - bias: `[computation, neuron]`
/// - out: `[row, sample]`
#[inline(always)]
fn forward_rows<T: Real>(
    operands: Operands<T>,
    bias: &[T],
    first: usize,
    out: &mut [T],
    dot: impl Fn(&[T], &[T]) -> T,
) {
    let sizes = operands.sizes;
    let mut buckets = SampleBuckets::new(sizes.choices, sizes.samples);
    for (i, out) in out.chunks_mut(sizes.samples).enumerate() {
        let neuron = first + i;
        buckets.fill(&operands.choice[neuron * sizes.samples..][..sizes.samples]);
        for choice in 0..sizes.choices {
            let samples = buckets.bucket(choice);
            if samples.is_empty() {
                continue;
            }
            let (weight, bias) =
                (operands.row_of_weight(choice, neuron), bias[choice * sizes.neurons + neuron]);
            for sample in samples {
                let sample = *sample as usize;
                out[sample] = dot(operands.row_of_x(sample), weight) + bias;
            }
        }
    }
}
