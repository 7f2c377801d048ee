//! The gradients of w_sel x + b_sel.

use super::order::Order;
use super::real::{Real, add_scaled};
use super::{Layer, over_neurons, threads};

/// Where the gradients go; all of it is written.
#[derive(Debug)]
pub struct Gradients<'a, T> {
    /// [computation, neuron, input]
    pub weight: &'a mut [T],
    /// [computation, neuron]
    pub bias: &'a mut [T],
    /// [sample, input]; empty where it is not asked for.
    pub x: &'a mut [T],
}

/// The gradients' memory as the threads share it: each writes the rows of its own neurons.
#[derive(Clone, Copy)]
struct Shared<T> {
    weight: *mut T,
    bias: *mut T,
}

// SAFETY: the threads write to rows of different neurons, which don't overlap.
unsafe impl<T: Send> Send for Shared<T> {}
// SAFETY: as above.
unsafe impl<T: Send> Sync for Shared<T> {}

/// Writes the gradients from δ = ∂L/∂(w_sel x + b_sel). A sample whose δ is 0 costs nothing.
///
/// - delta: [neuron, sample]
pub fn backward<T: Real>(layer: Layer<T>, delta: &[T], gradients: Gradients<T>) {
    let sizes = layer.sizes;
    assert_eq!(gradients.weight.len(), sizes.choices * sizes.neurons * sizes.inputs);
    assert_eq!(gradients.bias.len(), sizes.choices * sizes.neurons);
    let shared =
        Shared { weight: gradients.weight.as_mut_ptr(), bias: gradients.bias.as_mut_ptr() };
    let (first, count) = (gradients.x, threads(sizes.neurons));
    first.fill(T::default());
    let mut others: Vec<Vec<T>> = (1..count).map(|_| vec![T::default(); first.len()]).collect();
    let parts: Vec<&mut [T]> =
        std::iter::once(&mut *first).chain(others.iter_mut().map(Vec::as_mut_slice)).collect();
    over_neurons(sizes.neurons, parts, |neurons, to_x| {
        #[cfg(target_arch = "x86_64")]
        if is_x86_feature_detected!("avx2") {
            // SAFETY: this CPU has AVX2; the ranges of neurons don't overlap.
            return unsafe { some_avx2(layer, delta, neurons, shared, to_x) };
        }
        // SAFETY: the ranges of neurons don't overlap.
        unsafe { some(layer, delta, neurons, shared, to_x) };
    });
    for other in others {
        first.iter_mut().zip(other).for_each(|(sum, more)| *sum += more);
    }
}

/// The same instructions, eight f32 at a time.
///
/// # Safety
/// As [`some`].
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
unsafe fn some_avx2<T: Real>(
    layer: Layer<T>,
    delta: &[T],
    neurons: std::ops::Range<usize>,
    shared: Shared<T>,
    to_x: &mut [T],
) {
    // SAFETY: the caller's promise.
    unsafe { some(layer, delta, neurons, shared, to_x) };
}

/// The gradients of some neurons.
///
/// # Safety
/// `shared` holds [computation, neuron, input] and [computation, neuron] numbers, and no one else
/// touches the rows of `neurons`.
#[inline(always)]
unsafe fn some<T: Real>(
    layer: Layer<T>,
    delta: &[T],
    neurons: std::ops::Range<usize>,
    shared: Shared<T>,
    to_x: &mut [T],
) {
    let sizes = layer.sizes;
    let inputs = sizes.inputs;
    let mut order = Order::new(sizes.choices, sizes.samples);
    for neuron in neurons {
        order.sort(&layer.choice[neuron * sizes.samples..][..sizes.samples]);
        let delta = &delta[neuron * sizes.samples..][..sizes.samples];
        for choice in 0..sizes.choices {
            let row = choice * sizes.neurons + neuron;
            // SAFETY: the row lies within the gradients, and belongs to this neuron alone.
            let (gradient, bias) = unsafe {
                let start = shared.weight.add(row * inputs);
                (std::slice::from_raw_parts_mut(start, inputs), &mut *shared.bias.add(row))
            };
            gradient.fill(T::default());
            *bias = T::default();
            let weight = layer.row_of_weight(choice, neuron);
            for sample in order.of(choice) {
                let sample = *sample as usize;
                let d = delta[sample];
                if d == T::default() {
                    continue;
                }
                *bias += d;
                add_scaled(gradient, d, layer.row_of_x(sample));
                if !to_x.is_empty() {
                    add_scaled(&mut to_x[sample * inputs..][..inputs], d, weight);
                }
            }
        }
    }
}
