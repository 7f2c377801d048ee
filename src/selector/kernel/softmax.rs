//! The selection by a softmax among the computation neurons of a neuron, and its gradients.
//!
//! libtorch goes through the numbers of all computation neurons a dozen times for it: a maximum, a
//! softmax, a gather; products, sums and masks backward. For a layer as wide as a vocabulary that is more
//! than what its matrix products take. Here a register holds the same computation neuron of as many
//! neurons as it has lanes, and each pass reads and writes every number once.
//!
//! Neurons are independent of each other, and sums over computation neurons are in their order, so
//! every number of threads gives the same bits; a processor without fused multiply-adds rounds otherwise.

use std::iter::zip;

use pulp::{Arch, Simd, WithSimd, bytemuck};

use super::parallel::{parallel_ranges, threads};

/// Numbers that are worth a thread of their own: fewer take less time than it takes to start one.
const EACH_THREAD: usize = 1 << 18;

/// The axes of a sample's numbers, `[computation, neuron]`.
#[derive(Debug, Clone, Copy)]
pub struct Axes {
    /// K.
    pub choices: usize,
    /// N.
    pub neurons: usize,
}

impl Axes {
    fn width(self) -> usize {
        self.choices * self.neurons
    }

    /// How many samples a thread has.
    fn each(self, numbers: usize) -> usize {
        (numbers / self.width()).div_ceil(threads(numbers / EACH_THREAD)).max(1)
    }

    /// Where the neurons begin that go through the registers together, and how many there are.
    fn parts<S: Simd>(self) -> impl Iterator<Item = (usize, usize)> {
        let starts = (0..self.neurons).step_by(S::F32_LANES);
        starts.map(move |start| (start, S::F32_LANES.min(self.neurons - start)))
    }
}

/// What the forward pass reads and writes.
#[derive(Debug)]
pub struct Selection<'a> {
    /// The axes of the logits.
    pub axes: Axes,
    /// Logits, which become probabilities where `softmax` says so: `[sample, computation, neuron]`.
    pub logits: &'a mut [f32],
    /// Outputs of the computation neurons: `[sample, computation, neuron]`.
    pub outputs: &'a [f32],
    /// What is added to the logits to choose by: `[computation, neuron]`.
    pub bias: Option<&'a [f32]>,
    /// Whether the logits become probabilities.
    pub softmax: bool,
    /// Outputs of the selected ones, of equal ones the first: `[sample, neuron]`.
    pub selected: &'a mut [f32],
    /// Which were selected: `[sample, neuron]`.
    pub choice: &'a mut [i16],
}

/// Selects, and takes the softmax of the logits.
pub fn select(pass: Selection) {
    let Selection { axes, logits, outputs, bias, softmax, selected, choice } = pass;
    if logits.is_empty() {
        return;
    }
    let each = axes.each(logits.len());
    let wide = zip(logits.chunks_mut(each * axes.width()), outputs.chunks(each * axes.width()));
    let narrow =
        zip(selected.chunks_mut(each * axes.neurons), choice.chunks_mut(each * axes.neurons));
    let parts: Vec<Selection> = zip(wide, narrow)
        .map(|((logits, outputs), (selected, choice))| Selection {
            axes,
            logits,
            outputs,
            bias,
            softmax,
            selected,
            choice,
        })
        .collect();
    parallel_ranges(parts.len(), 1, parts, |_, part| Arch::new().dispatch(part));
}

impl WithSimd for Selection<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Self { axes, logits, outputs, bias, softmax, selected, choice } = self;
        let Axes { choices, neurons } = axes;
        let wide = zip(logits.chunks_exact_mut(axes.width()), outputs.chunks_exact(axes.width()));
        let narrow = zip(selected.chunks_exact_mut(neurons), choice.chunks_exact_mut(neurons));
        for ((z, h), (selected, choice)) in zip(wide, narrow) {
            for (start, count) in axes.parts::<S>() {
                let place = |k: usize| k * neurons + start..k * neurons + start + count;
                let load = |of: &[f32], k: usize| simd.partial_load_f32s(&of[place(k)]);
                let score = |z: S::f32s, k: usize| match bias {
                    Some(bias) => simd.add_f32s(z, load(bias, k)),
                    None => z,
                };
                let mut largest = load(z, 0);
                let (mut best, mut output) = (score(largest, 0), load(h, 0));
                let mut index = simd.splat_f32s(0.0);
                for k in 1..choices {
                    let logit = load(z, k);
                    largest = simd.max_f32s(logit, largest);
                    let new = score(logit, k);
                    let better = simd.less_than_f32s(best, new);
                    best = simd.select_f32s(better, new, best);
                    index = simd.select_f32s(better, simd.splat_f32s(k as f32), index);
                    output = simd.select_f32s(better, load(h, k), output);
                }
                simd.partial_store_f32s(&mut selected[start..start + count], output);
                let index: &[f32] = bytemuck::cast_slice(std::slice::from_ref(&index));
                zip(&mut choice[start..start + count], index).for_each(|(to, k)| *to = *k as i16);
                if !softmax {
                    continue;
                }
                let mut sum = simd.splat_f32s(0.0);
                for k in 0..choices {
                    let e = exp(simd, simd.sub_f32s(load(z, k), largest));
                    sum = simd.add_f32s(sum, e);
                    simd.partial_store_f32s(&mut z[place(k)], e);
                }
                let scale = simd.div_f32s(simd.splat_f32s(1.0), sum);
                for k in 0..choices {
                    let p = simd.mul_f32s(load(z, k), scale);
                    simd.partial_store_f32s(&mut z[place(k)], p);
                }
            }
        }
    }
}

/// What the backward pass to the logits reads and writes.
#[derive(Debug)]
pub struct LogitGradient<'a> {
    /// The axes of the logits.
    pub axes: Axes,
    /// p: `[sample, computation, neuron]`.
    pub probabilities: &'a [f32],
    /// h: `[sample, computation, neuron]`.
    pub outputs: &'a [f32],
    /// δ: `[sample, neuron]`.
    pub delta: &'a [f32],
    /// Where p_k (h_k - Σ_j p_j h_j) δ goes: `[sample, computation, neuron]`.
    pub gradient: &'a mut [f32],
}

/// Writes the gradient of the logits by all outputs.
pub fn logit_gradient(pass: LogitGradient) {
    let LogitGradient { axes, probabilities, outputs, delta, gradient } = pass;
    if gradient.is_empty() {
        return;
    }
    let each = axes.each(gradient.len());
    let wide = zip(probabilities.chunks(each * axes.width()), outputs.chunks(each * axes.width()));
    let narrow = zip(delta.chunks(each * axes.neurons), gradient.chunks_mut(each * axes.width()));
    let parts: Vec<LogitGradient> = zip(wide, narrow)
        .map(|((probabilities, outputs), (delta, gradient))| LogitGradient {
            axes,
            probabilities,
            outputs,
            delta,
            gradient,
        })
        .collect();
    parallel_ranges(parts.len(), 1, parts, |_, part| Arch::new().dispatch(part));
}

impl WithSimd for LogitGradient<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Self { axes, probabilities, outputs, delta, gradient } = self;
        let Axes { choices, neurons } = axes;
        let wide =
            zip(probabilities.chunks_exact(axes.width()), outputs.chunks_exact(axes.width()));
        let rest = zip(delta.chunks_exact(neurons), gradient.chunks_exact_mut(axes.width()));
        for ((p, h), (delta, gradient)) in zip(wide, rest) {
            for (start, count) in axes.parts::<S>() {
                let place = |k: usize| k * neurons + start..k * neurons + start + count;
                let load = |of: &[f32], k: usize| simd.partial_load_f32s(&of[place(k)]);
                let mut mean = simd.splat_f32s(0.0);
                for k in 0..choices {
                    mean = simd.mul_add_e_f32s(load(p, k), load(h, k), mean);
                }
                let delta = simd.partial_load_f32s(&delta[start..start + count]);
                for k in 0..choices {
                    let from_mean = simd.sub_f32s(load(h, k), mean);
                    let slope = simd.mul_f32s(from_mean, simd.mul_f32s(load(p, k), delta));
                    simd.partial_store_f32s(&mut gradient[place(k)], slope);
                }
            }
        }
    }
}

/// What the backward pass to the selected computation neurons reads and writes.
#[derive(Debug)]
pub struct SelectedGradient<'a> {
    /// The axes of the gradient.
    pub axes: Axes,
    /// Which were selected: `[sample, neuron]`.
    pub choice: &'a [i16],
    /// What goes to the selected ones: `[sample, neuron]`.
    pub delta: &'a [f32],
    /// Where it goes, with zeros for all others: `[sample, computation, neuron]`.
    pub gradient: &'a mut [f32],
}

/// Writes the gradient of the computation neurons of which one was selected.
pub fn selected_gradient(pass: SelectedGradient) {
    let SelectedGradient { axes, choice, delta, gradient } = pass;
    if gradient.is_empty() {
        return;
    }
    let each = axes.each(gradient.len());
    let narrow = zip(choice.chunks(each * axes.neurons), delta.chunks(each * axes.neurons));
    let parts: Vec<SelectedGradient> = zip(narrow, gradient.chunks_mut(each * axes.width()))
        .map(|((choice, delta), gradient)| SelectedGradient { axes, choice, delta, gradient })
        .collect();
    parallel_ranges(parts.len(), 1, parts, |_, part| Arch::new().dispatch(part));
}

impl WithSimd for SelectedGradient<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Self { axes, choice, delta, gradient } = self;
        let Axes { choices, neurons } = axes;
        let narrow = zip(choice.chunks_exact(neurons), delta.chunks_exact(neurons));
        for ((choice, delta), gradient) in zip(narrow, gradient.chunks_exact_mut(axes.width())) {
            for (start, count) in axes.parts::<S>() {
                let delta = simd.partial_load_f32s(&delta[start..start + count]);
                let mut index = simd.splat_f32s(0.0);
                let lanes: &mut [f32] = bytemuck::cast_slice_mut(std::slice::from_mut(&mut index));
                zip(lanes, &choice[start..start + count]).for_each(|(to, k)| *to = f32::from(*k));
                for k in 0..choices {
                    let here = simd.equal_f32s(index, simd.splat_f32s(k as f32));
                    let value = simd.select_f32s(here, delta, simd.splat_f32s(0.0));
                    let place = k * neurons + start;
                    simd.partial_store_f32s(&mut gradient[place..place + count], value);
                }
            }
        }
    }
}

/// e^x for x up to 0, to a unit in the last place; e^-87 for all below, and what is not a number stays so.
///
/// The argument is brought to [-ln 2 / 2, ln 2 / 2], where the polynomial of Cephes' `expf` (Moshier)
/// holds.
#[inline(always)]
fn exp<S: Simd>(simd: S, x: S::f32s) -> S::f32s {
    /// ln 2 in two parts, the first exact in few bits.
    const LN_2: [f32; 2] = [0.693_359_4, -2.121_944_4e-4];
    const POLYNOMIAL: [f32; 6] =
        [1.987_569_1e-4, 1.398_199_9e-3, 8.333_452e-3, 4.166_579_6e-2, 1.666_666_5e-1, 0.5];
    /// Added to a small number, it leaves the nearest whole number in the last bits.
    const ROUND: f32 = 12_582_912.0;
    const EXPONENT: u32 = 23;

    let splat = |value: f32| simd.splat_f32s(value);
    let lowest = splat(-87.0);
    let x = simd.select_f32s(simd.less_than_f32s(x, lowest), lowest, x);
    let rounded = simd.mul_add_e_f32s(x, splat(std::f32::consts::LOG2_E), splat(ROUND));
    let n = simd.sub_f32s(rounded, splat(ROUND));
    let r = simd.negate_mul_add_e_f32s(n, splat(LN_2[0]), x);
    let r = simd.negate_mul_add_e_f32s(n, splat(LN_2[1]), r);
    let mut sum = splat(POLYNOMIAL[0]);
    for coefficient in &POLYNOMIAL[1..] {
        sum = simd.mul_add_e_f32s(sum, r, splat(*coefficient));
    }
    let fraction = simd.add_f32s(simd.mul_add_e_f32s(sum, simd.mul_f32s(r, r), r), splat(1.0));
    let shift = simd.splat_u32s(EXPONENT);
    let exponent = simd.wrapping_dyn_shl_u32s(simd.transmute_u32s_f32s(rounded), shift);
    let power = simd.add_u32s(exponent, simd.splat_u32s(1.0f32.to_bits()));
    simd.mul_f32s(fraction, simd.transmute_f32s_u32s(power))
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Exp<'a>(&'a mut [f32]);

    impl WithSimd for Exp<'_> {
        type Output = ();

        #[inline(always)]
        fn with_simd<S: Simd>(self, simd: S) {
            for part in self.0.chunks_mut(S::F32_LANES) {
                let value = exp(simd, simd.partial_load_f32s(part));
                simd.partial_store_f32s(part, value);
            }
        }
    }

    #[test]
    fn the_exponential_is_that_of_double_precision() {
        let arguments: Vec<f32> = (0..87_000).map(|i| i as f32 * -1e-3).collect();
        for scalar in [false, true] {
            let mut found = arguments.clone();
            match scalar {
                true => Exp(&mut found).with_simd(pulp::Scalar),
                false => Arch::new().dispatch(Exp(&mut found)),
            }
            for (x, found) in zip(&arguments, &found) {
                let exact = f64::from(*x).exp();
                assert!((f64::from(*found) / exact - 1.0).abs() < 2e-7, "e^{x} = {found}");
            }
            let mut odd = [f32::NAN, f32::NEG_INFINITY, -1e9, 0.0];
            match scalar {
                true => Exp(&mut odd).with_simd(pulp::Scalar),
                false => Arch::new().dispatch(Exp(&mut odd)),
            }
            assert!(odd[0].is_nan() && odd[1] < 2e-38 && odd[1] == odd[2] && odd[3] == 1.0);
        }
    }
}
