//! The gradients of w_sel x + b_sel.

use std::ops::Range;

use super::operands::Operands;
use super::parallel::{parallel_ranges, threads};
use super::real::{Real, add_scaled};
use super::sample_buckets::SampleBuckets;

/// Where the gradients go; all of it is written.
#[derive(Debug)]
pub struct KernelGradients<'a, T> {
    /// `[computation, neuron, input]`
    pub weight: &'a mut [T],
    /// `[computation, neuron]`
    pub bias: &'a mut [T],
    /// `[sample, input]`; empty where it is not asked for.
    pub x: &'a mut [T],
}

/// The gradients' memory as the threads share it: each writes the columns of its own inputs, and
/// the first the biases too.
#[derive(Clone, Copy)]
struct Shared<T> {
    weight: *mut T,
    bias: *mut T,
    /// Null where it is not asked for.
    x: *mut T,
}

// SAFETY: the pointers are to numbers that `backward` borrows exclusively for as long as its threads
// run, and each thread writes to columns of its own inputs, which don't overlap.
unsafe impl<T: Send> Send for Shared<T> {}
// SAFETY: through a shared reference a thread only copies the pointers, and it writes as said above.
unsafe impl<T: Send> Sync for Shared<T> {}

/// The fewest columns of a thread: a line of the cache, so that no two threads write to one line.
const COLUMNS: usize = 16;

/// Writes the gradients from δ = ∂L/∂(w_sel x + b_sel). A sample whose δ is 0 costs nothing.
///
/// The threads divide the inputs: of these every sum is one thread's own, that of ∂L/∂x over the
/// neurons included, so the bits don't depend on how many there are.
///
/// # Shapes
/// - delta: `[neuron, sample]`
///
/// # Panics
/// Lengths that don't fit the sizes.
pub fn backward<T: Real>(operands: Operands<T>, delta: &[T], gradients: KernelGradients<T>) {
    let sizes = operands.sizes;
    assert_eq!(gradients.weight.len(), sizes.choices * sizes.neurons * sizes.inputs);
    assert_eq!(gradients.bias.len(), sizes.choices * sizes.neurons);
    assert_eq!(delta.len(), sizes.neurons * sizes.samples);
    let to_x = !gradients.x.is_empty();
    assert!(!to_x || gradients.x.len() == sizes.samples * sizes.inputs);
    gradients.x.fill(T::default());
    let shared = Shared {
        weight: gradients.weight.as_mut_ptr(),
        bias: gradients.bias.as_mut_ptr(),
        x: if to_x { gradients.x.as_mut_ptr() } else { std::ptr::null_mut() },
    };
    let count = threads(sizes.inputs.div_ceil(COLUMNS));
    let parts = vec![(); count];
    parallel_ranges(
        sizes.inputs,
        sizes.inputs.div_ceil(count).next_multiple_of(COLUMNS),
        parts,
        |columns, ()| {
            #[cfg(target_arch = "x86_64")]
            if is_x86_feature_detected!("avx2") {
                // SAFETY: this CPU has AVX2, as the line above has found, and the assertions have
                // checked the sizes. `parallel_ranges` gives each thread another range of columns.
                return unsafe { backward_columns_avx2(operands, delta, columns, shared) };
            }
            // SAFETY: the assertions have checked the sizes, and `parallel_ranges` gives each thread
            // another range of columns.
            unsafe { backward_columns(operands, delta, columns, shared) };
        },
    );
}

/// [`backward_columns`] with eight f32 at a time and the same bits.
///
/// # Safety
/// The promises of [`backward_columns`], and a CPU that has AVX2.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
unsafe fn backward_columns_avx2<T: Real>(
    operands: Operands<T>,
    delta: &[T],
    columns: Range<usize>,
    shared: Shared<T>,
) {
    // SAFETY: the caller promises of `shared` and `columns` what `backward_columns` asks for.
    unsafe { backward_columns(operands, delta, columns, shared) };
}

/// Writes the gradients in the columns of some inputs.
///
/// # Safety
/// `shared` holds `[computation, neuron, input]`, `[computation, neuron]` and, or null,
/// `[sample, input]` numbers, and no one else touches `columns` of them; of 0 among `columns`, the
/// biases neither.
#[inline(always)]
unsafe fn backward_columns<T: Real>(
    operands: Operands<T>,
    delta: &[T],
    columns: Range<usize>,
    shared: Shared<T>,
) {
    let sizes = operands.sizes;
    let (inputs, first, width) = (sizes.inputs, columns.start, columns.len());
    debug_assert!(first + width <= inputs && delta.len() == sizes.neurons * sizes.samples);
    // SAFETY: `row` is below the number of rows and `columns` below that of inputs, so that the part
    // lies within what the caller promises to be there and to be touched by no one else; a part is
    // given up before the next one of the same row is made.
    let part = |of: *mut T, row: usize| unsafe {
        std::slice::from_raw_parts_mut(of.add(row * inputs + first), width)
    };
    let mut buckets = SampleBuckets::new(sizes.choices, sizes.samples);
    for neuron in 0..sizes.neurons {
        buckets.fill(&operands.choice[neuron * sizes.samples..][..sizes.samples]);
        let delta = &delta[neuron * sizes.samples..][..sizes.samples];
        for choice in 0..sizes.choices {
            let row = choice * sizes.neurons + neuron;
            let gradient = part(shared.weight, row);
            gradient.fill(T::default());
            let mut bias = T::default();
            let weight = &operands.row_of_weight(choice, neuron)[columns.clone()];
            for sample in buckets.bucket(choice) {
                let sample = *sample as usize;
                let d = delta[sample];
                if d == T::default() {
                    continue;
                }
                bias += d;
                add_scaled(gradient, d, &operands.row_of_x(sample)[columns.clone()]);
                if !shared.x.is_null() {
                    add_scaled(part(shared.x, sample), d, weight);
                }
            }
            if first == 0 {
                // SAFETY: there is a bias for every row, and the caller promises that only the thread
                // of input 0 touches them.
                unsafe { *shared.bias.add(row) = bias };
            }
        }
    }
}
