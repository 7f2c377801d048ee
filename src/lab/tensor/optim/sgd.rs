//! Gradient descent, plain or with momentum.

use super::OptimizerConfig;
use super::workspace::{Coefficient, Writer};
use crate::lab::tensor::dispatcher::{Argument, call};
use tch::Tensor;

/// `torch.optim.SGD`. With gradient g, weight decay w, momentum mu, dampening d and rate lr:
///
/// ```text
/// g <- g + w p
/// b <- g at the first step, then mu b + (1 - d) g
/// p <- p - lr g         without momentum
///      p - lr b         with momentum
///      p - lr (g + mu b)   with Nesterov's
/// ```
pub(super) struct Sgd {
    config: OptimizerConfig,
    momentum: Option<Momentum>,
    weight_decay: Option<Coefficient>,
    minus_lr: Coefficient,
}

struct Momentum {
    /// `[replicate, parameter]`
    buffer: Tensor,
    factor: Coefficient,
    /// 1 - dampening, where that isn't 1.
    gradient_factor: Option<Coefficient>,
    lookahead: Lookahead,
}

/// Which form of momentum it is.
#[derive(Clone, Copy)]
pub(super) enum Lookahead {
    /// The parameters descend along the buffer.
    None,
    /// They descend along the gradient and the buffer's next share: Nesterov's.
    Nesterov,
}

impl Sgd {
    pub(super) fn plain(config: &OptimizerConfig, parameters: &Tensor) -> Self {
        let coefficient = |value| Coefficient::new(value, parameters);
        let weight_decay = (config.weight_decay != 0.0).then(|| coefficient(config.weight_decay));
        let config = config.clone();
        Self { config, momentum: None, weight_decay, minus_lr: coefficient(0.0) }
    }

    pub(super) fn with_momentum(
        config: &OptimizerConfig,
        lookahead: Lookahead,
        parameters: &Tensor,
    ) -> Self {
        let coefficient = |value| Coefficient::new(value, parameters);
        let momentum = Momentum {
            buffer: parameters.zeros_like(),
            factor: coefficient(config.momentum),
            gradient_factor: (config.dampening != 0.0).then(|| coefficient(1.0 - config.dampening)),
            lookahead,
        };
        Self { momentum: Some(momentum), ..Self::plain(config, parameters) }
    }

    pub(super) fn step(
        &mut self,
        parameters: &Tensor,
        gradient: &Tensor,
        lr: f64,
        step: i64,
        writer: &Writer,
    ) {
        let gradient = match &self.weight_decay {
            Some(decay) => &gradient.addcmul_out(writer.scratch(gradient), parameters, decay.get()),
            None => gradient,
        };
        let direction = match &self.momentum {
            None => gradient,
            Some(momentum) => &momentum.direction(gradient, step, writer),
        };
        let minus_lr = self.minus_lr.set(-lr);
        writer.write(parameters, |old, new| _ = old.addcmul_out(new, direction, minus_lr));
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
        let buffer: Vec<&Tensor> = self.momentum.iter().map(|m| &m.buffer).collect();
        let has_momentum = self.momentum.is_some();
        let of_momentum = |value: f64| if has_momentum { value } else { 0.0 };
        let nesterov = self.momentum.as_ref().is_some_and(|m| match m.lookahead {
            Lookahead::Nesterov => true,
            Lookahead::None => false,
        });
        let arguments = [
            Argument::List(&[parameters]),
            Argument::List(&[gradient]),
            Argument::List(&buffer),
            Argument::Float(self.config.weight_decay),
            Argument::Float(of_momentum(self.config.momentum)),
            Argument::Float(lr),
            Argument::Float(of_momentum(self.config.dampening)),
            Argument::Bool(nesterov),
            Argument::Bool(false),
            Argument::Bool(has_momentum && step == 1),
            Argument::Optional(None),
            Argument::Optional(found),
        ];
        // SAFETY: (Tensor[] self, Tensor[] grads, Tensor[] momentum_buffer_list, float weight_decay,
        // float momentum, float lr, float dampening, bool nesterov, bool maximize, bool
        // is_first_step, Tensor? grad_scale, Tensor? found_inf) -> ()
        unsafe { call(c"aten::_fused_sgd_", &arguments) };
    }

    pub(super) fn buffers(&self) -> Vec<(&'static str, &Tensor)> {
        self.momentum.iter().map(|m| ("momentum_buffer", &m.buffer)).collect()
    }
}

impl Momentum {
    /// Moves the buffer on and returns what the parameters descend along.
    fn direction(&self, gradient: &Tensor, step: i64, writer: &Writer) -> Tensor {
        let factor = self.factor.get();
        writer.write(&self.buffer, |old, new| match &self.gradient_factor {
            _ if step == 1 => new.shallow_clone().copy_(gradient),
            None => _ = gradient.addcmul_out(new, old, factor),
            Some(gradient_factor) => {
                let decayed = old.mul_out(new, factor);
                _ = decayed.addcmul_out(new, gradient, gradient_factor.get());
            }
        });
        match self.lookahead {
            Lookahead::None => self.buffer.shallow_clone(),
            Lookahead::Nesterov => {
                gradient.addcmul_out(writer.scratch(gradient), &self.buffer, factor)
            }
        }
    }
}
