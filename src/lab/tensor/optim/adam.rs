//! Adam and AdamW.

use super::OptimizerConfig;
use super::fused::{Buffers, Factors};
use super::workspace::{Coefficient, Writer};
use crate::lab::tensor::dispatcher::{Argument, call};
use tch::{Kind, Tensor};

/// `torch.optim.Adam` and `torch.optim.AdamW`. With gradient g, weight decay w and rate lr, at
/// step t:
///
/// ```text
/// g <- g + w p                        Adam
/// p <- p - lr w p                     AdamW
/// m <- beta1 m + (1 - beta1) g
/// v <- beta2 v + (1 - beta2) g g
/// p <- p - lr / (1 - beta1^t) m / (sqrt(v) / sqrt(1 - beta2^t) + eps)
/// ```
///
/// The last line is computed as `p - c m / (sqrt(v) + eps')` with the bias corrections in `c` and
/// `eps'`, which saves a pass over the buffer. On the CPU [`super::fused`] does all in one pass.
pub(super) struct Adam {
    beta1: f64,
    beta2: f64,
    eps: f64,
    weight_decay: f64,
    decay: WeightDecay,
    /// m, `[replicate, parameter]`
    exp_avg: Tensor,
    /// v, `[replicate, parameter]`
    exp_avg_sq: Tensor,
    minus_c: Coefficient,
    eps_corrected: Coefficient,
    /// w of Adam.
    l2: Coefficient,
    /// 1 - lr w of AdamW.
    stay: Coefficient,
    /// t as libtorch's fused kernel reads it: f32 `[]`.
    step: Tensor,
}

/// What the weight decay is applied to.
#[derive(Clone, Copy)]
pub(super) enum WeightDecay {
    /// The gradient: Adam's.
    InGradient,
    /// The parameters: AdamW's.
    Decoupled,
}

impl Adam {
    pub(super) fn new(config: &OptimizerConfig, decay: WeightDecay, parameters: &Tensor) -> Self {
        Self {
            beta1: config.beta1,
            beta2: config.beta2,
            eps: config.eps,
            weight_decay: config.weight_decay,
            decay,
            exp_avg: parameters.zeros_like(),
            exp_avg_sq: parameters.zeros_like(),
            minus_c: Coefficient::new(0.0, parameters),
            eps_corrected: Coefficient::new(config.eps, parameters),
            l2: Coefficient::new(config.weight_decay, parameters),
            stay: Coefficient::new(1.0, parameters),
            step: Tensor::zeros([], (Kind::Float, parameters.device())),
        }
    }

    pub(super) fn step(
        &mut self,
        parameters: &mut Tensor,
        gradient: &Tensor,
        lr: f64,
        step: i64,
        writer: &Writer,
    ) {
        let step = step as f64;
        let root_correction = (1.0 - self.beta2.powf(step)).sqrt();
        let c = lr * root_correction / (1.0 - self.beta1.powf(step));
        let eps = self.eps * root_correction;
        let (l2, stay) = match self.decay {
            WeightDecay::Decoupled => (0.0, 1.0 - lr * self.weight_decay),
            WeightDecay::InGradient => (self.weight_decay, 1.0),
        };
        let (exp_avg, exp_avg_sq) = (&mut self.exp_avg, &mut self.exp_avg_sq);
        let buffers = Buffers::of(parameters, gradient, exp_avg, exp_avg_sq);
        if let Some(buffers) = buffers {
            let mean = (1.0 - self.beta1) as f32;
            let square = (1.0 - self.beta2) as f32;
            let (l2, stay, c, eps) = (l2 as f32, stay as f32, c as f32, eps as f32);
            let factors = Factors { mean, square, l2, stay, c, eps };
            writer.on_cpu(|only| match only {
                Some(only) => buffers.step_where(&factors, only),
                None => buffers.step(&factors),
            });
            return;
        }

        let gradient = match l2 != 0.0 {
            true => &gradient.addcmul_out(writer.scratch(gradient), parameters, self.l2.get()),
            false => gradient,
        };
        self.update_moments(gradient, writer);
        let eps = self.eps_corrected.set(eps);
        let direction = self.exp_avg_sq.sqrt_out(writer.scratch(gradient)).g_add_(eps);
        let direction = self.exp_avg.div_out(&direction, &direction);
        let (stay_factor, minus_c) = (self.stay.set(stay), self.minus_c.set(-c));
        writer.write(parameters, |old, new| {
            let kept = if stay == 1.0 { old } else { &old.mul_out(new, stay_factor) };
            _ = kept.addcmul_out(new, &direction, minus_c);
        });
    }

    /// The step by libtorch's fused kernel, unless `found` is 1.
    pub(super) fn step_fused(
        &mut self,
        parameters: &Tensor,
        gradient: &Tensor,
        lr: f64,
        step: i64,
        found: Option<&Tensor>,
    ) {
        _ = self.step.fill_(step);
        let arguments = [
            Argument::List(&[parameters]),
            Argument::List(&[gradient]),
            Argument::List(&[&self.exp_avg]),
            Argument::List(&[&self.exp_avg_sq]),
            Argument::List(&[]),
            Argument::List(&[&self.step]),
            Argument::Float(lr),
            Argument::Float(self.beta1),
            Argument::Float(self.beta2),
            Argument::Float(self.weight_decay),
            Argument::Float(self.eps),
            Argument::Bool(false),
            Argument::Bool(false),
            Argument::Optional(None),
            Argument::Optional(found),
        ];
        let name = match self.decay {
            WeightDecay::InGradient => c"aten::_fused_adam_",
            WeightDecay::Decoupled => c"aten::_fused_adamw_",
        };
        // SAFETY: of both (Tensor[] self, Tensor[] grads, Tensor[] exp_avgs, Tensor[] exp_avg_sqs,
        // Tensor[] max_exp_avg_sqs, Tensor[] state_steps, float lr, float beta1, float beta2, float
        // weight_decay, float eps, bool amsgrad, bool maximize, Tensor? grad_scale, Tensor? found_inf)
        // -> ()
        unsafe { call(name, &arguments) };
    }

    fn update_moments(&self, gradient: &Tensor, writer: &Writer) {
        writer.write(&self.exp_avg, |old, new| {
            _ = old.lerp_scalar_out(new, gradient, 1.0 - self.beta1);
        });
        let squared = gradient.mul_out(writer.scratch(gradient), gradient);
        writer.write(&self.exp_avg_sq, |old, new| {
            _ = old.lerp_scalar_out(new, &squared, 1.0 - self.beta2);
        });
    }

    pub(super) fn buffers(&self) -> Vec<(&'static str, &Tensor)> {
        vec![("exp_avg", &self.exp_avg), ("exp_avg_sq", &self.exp_avg_sq)]
    }
}
