//! Adam's step in one pass over memory, for f32 parameters on the CPU at one libtorch thread.
//!
//! libtorch's operations take seven passes, which at a million parameters costs more than twice
//! as much. The arithmetic is the same but for rounding; without fused multiply-adds it gives the
//! same bits on every CPU.

use tch::{Device, Kind, Tensor};

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
        let all = [&*parameters, gradient, &*exp_avg, &*exp_avg_sq];
        let length = parameters.numel();
        let plain = |t: &Tensor| {
            t.device() == Device::Cpu
                && t.kind() == Kind::Float
                && t.is_contiguous()
                && t.numel() == length
        };
        let starts = all.map(|t| t.data_ptr() as usize);
        let apart = |i: usize| {
            starts[i + 1..].iter().all(|s| s.abs_diff(starts[i]) >= length * size_of::<f32>())
        };
        let applies = length > 0
            && all.into_iter().all(plain)
            && (0..all.len()).all(apart)
            && tch::get_num_threads() == 1;
        let [p, g, m, v] = all.map(|t| t.data_ptr().cast::<f32>());
        // SAFETY: each tensor is alive and borrowed for 'a, the changing ones exclusively; each
        // holds `length` contiguous f32 in CPU memory, and no two overlap.
        applies.then(|| unsafe {
            Self {
                parameters: std::slice::from_raw_parts_mut(p, length),
                gradient: std::slice::from_raw_parts(g, length),
                exp_avg: std::slice::from_raw_parts_mut(m, length),
                exp_avg_sq: std::slice::from_raw_parts_mut(v, length),
            }
        })
    }

    /// One step.
    pub(super) fn step(self, factors: &Factors) {
        #[cfg(target_arch = "x86_64")]
        if is_x86_feature_detected!("avx2") {
            // SAFETY: this CPU has AVX2.
            return unsafe { self.step_avx2(factors) };
        }
        self.step_any(factors);
    }

    /// The same loop, eight parameters at a time.
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
            *m += f.mean * (g - *m);
            *v += f.square * (g * g - *v);
            *p = f.stay * *p - f.c * (*m / (v.sqrt() + f.eps));
        }
    }
}
