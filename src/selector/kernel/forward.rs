//! w_sel x + b_sel.

use super::order::Order;
use super::real::{Real, dot};
use super::{Layer, over, threads};

/// Writes w_sel·x + b_sel of every neuron and sample.
///
/// - bias: [computation, neuron]
/// - out: [neuron, sample]
pub fn forward<T: Real>(layer: Layer<T>, bias: &[T], out: &mut [T]) {
    let sizes = layer.sizes;
    let each = sizes.neurons.div_ceil(threads(sizes.neurons));
    let parts: Vec<&mut [T]> = out.chunks_mut(each * sizes.samples).collect();
    over(sizes.neurons, each, parts, |neurons, out| {
        #[cfg(target_arch = "x86_64")]
        if is_x86_feature_detected!("avx2") {
            // SAFETY: this CPU has AVX2.
            return unsafe { some_avx2(layer, bias, neurons.start, out) };
        }
        some(layer, bias, neurons.start, out, dot);
    });
}

/// The same instructions, eight f32 at a time.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
fn some_avx2<T: Real>(layer: Layer<T>, bias: &[T], first: usize, out: &mut [T]) {
    // SAFETY: this function is there for CPUs that have AVX2.
    some(layer, bias, first, out, |a, b| unsafe { T::dot_avx2(a, b) });
}

#[inline(always)]
fn some<T: Real>(
    layer: Layer<T>,
    bias: &[T],
    first: usize,
    out: &mut [T],
    dot: impl Fn(&[T], &[T]) -> T,
) {
    let sizes = layer.sizes;
    let mut order = Order::new(sizes.choices, sizes.samples);
    for (i, out) in out.chunks_mut(sizes.samples).enumerate() {
        let neuron = first + i;
        order.sort(&layer.choice[neuron * sizes.samples..][..sizes.samples]);
        for choice in 0..sizes.choices {
            let samples = order.of(choice);
            if samples.is_empty() {
                continue;
            }
            let (weight, bias) =
                (layer.row_of_weight(choice, neuron), bias[choice * sizes.neurons + neuron]);
            for sample in samples {
                let sample = *sample as usize;
                out[sample] = dot(layer.row_of_x(sample), weight) + bias;
            }
        }
    }
}
