//! Adam's step in one pass over memory, for f32 parameters on the CPU at one libtorch thread.
//!
//! libtorch's operations take seven passes, which at a million parameters costs more than twice
//! as much. The arithmetic is the same but for rounding; without fused multiply-adds it gives the
//! same bits on every CPU.

use tch::Tensor;

use crate::lab::tensor::host_memory::{apart, fits};

/// A smaller mean of the gradient becomes 0. Where the gradient stays 0, as of a unit that is never
/// chosen, the mean would else decay into subnormal numbers and remain there, and a step take four
/// times as long.
const SMALLEST_MEAN: f32 = 1e-30;

/// What a step multiplies and adds, the same for all parameters.
pub(super) struct Factors {
    /// 1 - beta1
    pub(super) mean: f32,
    /// 1 - beta2
    pub(super) square: f32,
    /// Of the parameters that are added to the gradient.
    pub(super) l2: f32,
    /// Of the parameters that stay.
    pub(super) stay: f32,
    /// Of the direction.
    pub(super) c: f32,
    /// Added to the root of the mean square.
    pub(super) eps: f32,
}

/// Parameters, gradient and moments as memory of one length, each apart from the others.
pub(super) struct Buffers<'a> {
    parameters: &'a mut [f32],
    gradient: &'a [f32],
    exp_avg: &'a mut [f32],
    exp_avg_sq: &'a mut [f32],
}

impl<'a> Buffers<'a> {
    /// The memory of four tensors; `None` where this module doesn't apply.
    pub(super) fn of(
        parameters: &'a mut Tensor,
        gradient: &'a Tensor,
        exp_avg: &'a mut Tensor,
        exp_avg_sq: &'a mut Tensor,
    ) -> Option<Self> {
        let length = parameters.numel();
        let one_length = [gradient, &*exp_avg, &*exp_avg_sq].iter().all(|t| t.numel() == length);
        if length == 0 || tch::get_num_threads() != 1 || !one_length || !fits::<f32>(parameters) {
            return None;
        }
        // SAFETY: the step that these slices are for uses no other tensor: the model's views of its
        // parameters and gradient rest until it is over.
        let slices = unsafe { apart([parameters, exp_avg, exp_avg_sq], [gradient]) };
        let ([parameters, exp_avg, exp_avg_sq], [gradient]) = slices.ok()?;
        Some(Self { parameters, gradient, exp_avg, exp_avg_sq })
    }

    /// One step of the parameters where `only` is true; of each stretch of them at once, since a flag
    /// is mostly that of its neighbour.
    ///
    /// - only: of the length of the parameters
    pub(super) fn step_where(self, factors: &Factors, only: &[bool]) {
        debug_assert_eq!(only.len(), self.parameters.len());
        let (mut rest, mut only) = (self, only);
        while let Some(first) = only.first() {
            let (stretch, flags) = only.split_at(stretch(only, *first));
            let (part, others) = rest.split(stretch.len());
            if *first {
                part.step(factors);
            }
            (rest, only) = (others, flags);
        }
    }

    /// The first parameters, and the others.
    fn split(self, length: usize) -> (Self, Self) {
        let (parameters, p) = self.parameters.split_at_mut(length);
        let (gradient, g) = self.gradient.split_at(length);
        let (exp_avg, m) = self.exp_avg.split_at_mut(length);
        let (exp_avg_sq, v) = self.exp_avg_sq.split_at_mut(length);
        let others = Self { parameters: p, gradient: g, exp_avg: m, exp_avg_sq: v };
        (Self { parameters, gradient, exp_avg, exp_avg_sq }, others)
    }

    /// One step.
    pub(super) fn step(self, factors: &Factors) {
        #[cfg(target_arch = "x86_64")]
        if is_x86_feature_detected!("avx2") {
            // SAFETY: the line above has found that this CPU has AVX2.
            return unsafe { self.step_avx2(factors) };
        }
        self.step_any(factors);
    }

    /// [`Self::step_any`], compiled for eight parameters at a time.
    #[cfg(target_arch = "x86_64")]
    #[target_feature(enable = "avx2")]
    fn step_avx2(self, factors: &Factors) {
        self.step_any(factors);
    }

    #[inline(always)]
    fn step_any(self, f: &Factors) {
        let moments = self.exp_avg.iter_mut().zip(self.exp_avg_sq);
        for ((p, g), (m, v)) in self.parameters.iter_mut().zip(self.gradient).zip(moments) {
            let g = g + f.l2 * *p;
            let mean = *m + f.mean * (g - *m);
            *m = if mean.abs() < SMALLEST_MEAN { 0.0 } else { mean };
            *v += f.square * (g * g - *v);
            *p = f.stay * *p - f.c * (*m / (v.sqrt() + f.eps));
        }
    }
}

/// How many flags at the beginning are `first`.
fn stretch(flags: &[bool], first: bool) -> usize {
    const BLOCK: usize = 64;
    // Without a way out of the block, so that it takes a few instructions.
    let same = |block: &&[bool]| !block.iter().fold(false, |other, flag| other | (*flag != first));
    let blocks = BLOCK * flags.chunks_exact(BLOCK).take_while(same).count();
    blocks + flags[blocks..].iter().take_while(|flag| **flag == first).count()
}

#[cfg(test)]
mod tests {
    use tch::{Device, Kind};

    use super::*;

    const FLOAT: (Kind, Device) = (Kind::Float, Device::Cpu);

    #[test]
    fn memory_that_overlaps_or_differs_is_left_to_libtorch() {
        tch::set_num_threads(1);
        let all = Tensor::zeros([4, 8], FLOAT);
        let applies = |p: &Tensor, g: &Tensor| {
            let (mut m, mut v) = (all.get(2), all.get(3));
            Buffers::of(&mut p.shallow_clone(), g, &mut m, &mut v).is_some()
        };
        let (p, g) = (all.get(0), all.get(1));
        assert!(applies(&p, &g));
        assert!(!applies(&p, &p));
        assert!(!applies(&p, &all.view(-1).narrow(0, 4, 8)), "half of the parameters");
        assert!(!applies(&p, &all.get(3)), "a moment");
        assert!(!applies(&p, &g.narrow(0, 0, 7)), "another length");
        assert!(!applies(&p, &g.to_kind(Kind::Double)), "another kind");
        assert!(!applies(&p, &Tensor::zeros([8, 2], FLOAT).select(1, 0)), "not contiguous");
        tch::set_num_threads(2);
        let at_two_threads = applies(&p, &g);
        tch::set_num_threads(1);
        assert!(!at_two_threads);
    }

    #[test]
    fn a_step_of_some_parameters_leaves_the_others_to_the_bit() {
        tch::set_num_threads(1);
        tch::manual_seed(2);
        let f = Factors { mean: 0.1, square: 0.001, l2: 0.1, stay: 1.0, c: 1e-3, eps: 1e-8 };
        let g = Tensor::randn([500], FLOAT);
        let before = [0; 3].map(|_| Tensor::rand([500], FLOAT));
        let step = |only: Option<&[bool]>| {
            let [mut p, mut m, mut v] = before.each_ref().map(Tensor::copy);
            let buffers = Buffers::of(&mut p, &g, &mut m, &mut v).unwrap();
            match only {
                Some(only) => buffers.step_where(&f, only),
                None => buffers.step(&f),
            }
            [p, m, v]
        };
        let only: Vec<bool> = (0..500).map(|i| i / 7 % 2 == 1 || i > 300 || i == 49).collect();
        let flags = Tensor::from_slice(&only);
        let whole = step(None);
        for ((some, whole), before) in step(Some(&only)).iter().zip(&whole).zip(&before) {
            assert!(whole != before);
            assert_eq!(*some, whole.where_self(&flags, before));
        }
    }

    #[test]
    fn the_mean_of_a_gradient_that_stays_zero_becomes_zero() {
        tch::set_num_threads(1);
        let [mut p, mut m, mut v] = [0.0, 1.0, 1.0].map(|x| Tensor::full([9], x, FLOAT));
        let g = Tensor::zeros([9], FLOAT);
        let f = Factors { mean: 0.1, square: 0.001, l2: 0.0, stay: 1.0, c: 1e-3, eps: 1e-8 };
        for _ in 0..700 {
            Buffers::of(&mut p, &g, &mut m, &mut v).unwrap().step(&f);
        }
        assert_eq!(m.count_nonzero(None).int64_value(&[]), 0);
        assert_eq!(v.count_nonzero(None).int64_value(&[]), 9);
    }
}
