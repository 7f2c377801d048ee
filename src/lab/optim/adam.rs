//! Adam and AdamW.

use super::workspace::{Coefficient, Writer};
use super::{OptimizerConfig, OptimizerKind};
use tch::Tensor;

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
/// `eps'`, which saves a pass over the buffer.
pub(super) struct Adam {
    beta1: f64,
    beta2: f64,
    eps: f64,
    weight_decay: f64,
    decoupled: bool,
    /// m, [replicate, parameter]
    exp_avg: Tensor,
    /// v, [replicate, parameter]
    exp_avg_sq: Tensor,
    minus_c: Coefficient,
    eps_corrected: Coefficient,
    /// w of Adam, 1 - lr w of AdamW.
    decay: Coefficient,
}

impl Adam {
    pub(super) fn new(config: &OptimizerConfig, parameters: &Tensor) -> Self {
        Self {
            beta1: config.beta1,
            beta2: config.beta2,
            eps: config.eps,
            weight_decay: config.weight_decay,
            decoupled: config.kind == OptimizerKind::Adamw,
            exp_avg: parameters.zeros_like(),
            exp_avg_sq: parameters.zeros_like(),
            minus_c: Coefficient::new(0.0, parameters),
            eps_corrected: Coefficient::new(config.eps, parameters),
            decay: Coefficient::new(config.weight_decay, parameters),
        }
    }

    pub(super) fn step(
        &mut self,
        parameters: &Tensor,
        gradient: &Tensor,
        lr: f64,
        step: i64,
        writer: &Writer,
    ) {
        let gradient = match self.weight_decay != 0.0 && !self.decoupled {
            true => &gradient.addcmul_out(writer.scratch, parameters, self.decay.get()),
            false => gradient,
        };
        self.update_moments(gradient, writer);

        let step = step as f64;
        let root_correction = (1.0 - self.beta2.powf(step)).sqrt();
        let c = lr * root_correction / (1.0 - self.beta1.powf(step));
        let eps = self.eps_corrected.set(self.eps * root_correction);
        let direction = self.exp_avg_sq.sqrt_out(writer.scratch).g_add_(eps);
        let direction = self.exp_avg.div_out(writer.scratch, &direction);

        let minus_c = self.minus_c.set(-c);
        if self.weight_decay != 0.0 && self.decoupled {
            let decay = self.decay.set(1.0 - lr * self.weight_decay);
            writer.write(parameters, |old, new| {
                _ = old.mul_out(new, decay).addcmul_out(new, &direction, minus_c);
            });
        } else {
            writer.write(parameters, |old, new| _ = old.addcmul_out(new, &direction, minus_c));
        }
    }

    fn update_moments(&self, gradient: &Tensor, writer: &Writer) {
        writer.write(&self.exp_avg, |old, new| {
            _ = old.lerp_scalar_out(new, gradient, 1.0 - self.beta1);
        });
        let squared = gradient.mul_out(writer.scratch, gradient);
        writer.write(&self.exp_avg_sq, |old, new| {
            _ = old.lerp_scalar_out(new, &squared, 1.0 - self.beta2);
        });
    }

    pub(super) fn buffers(&self) -> Vec<(&'static str, &Tensor)> {
        vec![("exp_avg", &self.exp_avg), ("exp_avg_sq", &self.exp_avg_sq)]
    }
}
