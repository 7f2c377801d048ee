//! Penalties that pull weights towards where earlier tasks left them.
//!
//! Every one of them is quadratic: lambda/2 sum_i (A_i w_i^2 - 2 B_i w_i) and a constant. Elastic
//! weight consolidation has A = sum_k F_k and B = sum_k F_k w*_k over the earlier tasks k
//! (Kirkpatrick et al. 2017), which is all that its separate Fisher informations F_k and anchors
//! w*_k ever do; its online form A <- d A + F and B = A w* (Schwarz et al. 2018); synaptic
//! intelligence A = 2 sum_k Omega_k and B = A w* (Zenke, Poole and Ganguli 2017).
//!
//! Axes: [replicate, parameter].

use tch::{Kind, Tensor, no_grad_guard};

use super::config::{ContinualConfig, Method, PenaltyStep};
use crate::lab::store::checkpoint::State;
use crate::lab::tensor::params::Params;

/// A quadratic penalty, and what it is being gathered from.
#[derive(Debug)]
pub struct Penalty {
    method: Method,
    lambda: f64,
    how: PenaltyStep,
    decay: f64,
    damping: f64,
    /// A.
    importance: Tensor,
    /// B.
    pull: Tensor,
    /// Of synaptic intelligence.
    way: Option<Way>,
}

/// What the weights have done in the task under way.
#[derive(Debug)]
struct Way {
    /// What each weight has taken off the loss: -sum gradient x movement.
    gain: Tensor,
    /// The weights at the task's start.
    start: Tensor,
}

impl Penalty {
    /// No pull yet, for a model with these parameters.
    pub fn new(config: &ContinualConfig, values: &Tensor) -> Self {
        let _guard = no_grad_guard();
        let way = (config.method == Method::Si)
            .then(|| Way { gain: values.zeros_like(), start: values.copy() });
        Self {
            method: config.method,
            lambda: config.lambda,
            how: config.penalty_step(),
            decay: config.online_decay,
            damping: config.si_damping,
            importance: values.zeros_like(),
            pull: values.zeros_like(),
            way,
        }
    }

    /// Whether importances are Fisher informations, for which the task's images are needed.
    pub fn needs_fisher(&self) -> bool {
        self.way.is_none()
    }

    /// The gradient of the penalty: lambda (A w - B).
    pub fn gradient(&self, values: &Tensor) -> Tensor {
        let _guard = no_grad_guard();
        (&self.importance * values - &self.pull) * self.lambda
    }

    /// What joins the loss's gradient before the step; none where the penalty is solved for after it.
    pub fn added(&self, values: &Tensor) -> Option<Tensor> {
        (self.how == PenaltyStep::Gradient).then(|| self.gradient(values))
    }

    /// After the optimizer's step from `before`, at this learning rate: solves for the penalty where
    /// that is how it moves the weights, and follows what they do.
    ///
    /// The solution of w = w' - rate lambda (A w - B) is w = (w' + rate lambda B) / (1 + rate lambda
    /// A): between w' and B / A for any lambda, where the step by the gradient at w' diverges for
    /// rate lambda A > 2.
    ///
    /// - apply: where it is false, nothing changes: [] bool
    pub fn after(&self, params: &Params, before: &Tensor, lr: f64, apply: Option<&Tensor>) {
        let _guard = no_grad_guard();
        let mut values = params.values.shallow_clone();
        if self.how == PenaltyStep::Implicit {
            let pull = lr * self.lambda;
            let solved = (&values + &self.pull * pull) / (&self.importance * pull + 1.0);
            match apply {
                Some(flag) => values.copy_(&solved.where_self(flag, &params.values)),
                None => values.copy_(&solved),
            }
        }
        let Some(way) = &self.way else { return };
        let of_loss = match self.how {
            PenaltyStep::Implicit => params.gradient.shallow_clone(),
            PenaltyStep::Gradient => &params.gradient - self.gradient(before),
        };
        let gain = &way.gain - of_loss * (values - before);
        match apply {
            Some(flag) => way.gain.shallow_clone().copy_(&gain.where_self(flag, &way.gain)),
            None => way.gain.shallow_clone().copy_(&gain),
        }
    }

    /// Ends a task: its importances join the penalty.
    ///
    /// - values: the weights
    /// - fisher: the task's Fisher information, for elastic weight consolidation
    pub fn consolidate(&mut self, values: &Tensor, fisher: Option<&Tensor>) {
        let _guard = no_grad_guard();
        let new = match (&mut self.way, fisher) {
            (Some(way), _) => {
                let distance = (values - &way.start).square();
                let importance = way.gain.relu() / (distance + self.damping) * 2.0;
                let _ = way.gain.zero_();
                way.start.copy_(values);
                importance
            }
            (None, Some(fisher)) => fisher.shallow_clone(),
            (None, None) => return,
        };
        let decay = if self.method == Method::EwcOnline { self.decay } else { 1.0 };
        self.importance.copy_(&(&self.importance * decay + &new));
        let pull = match self.method {
            Method::Ewc => &self.pull + new * values,
            _ => &self.importance * values,
        };
        self.pull.copy_(&pull);
    }

    /// What a resumed run needs: `state.importance.*`, `state.pull.*`, and of synaptic intelligence
    /// `state.gain.*` and `state.start.*`, for every parameter.
    pub fn state(&self, params: &Params) -> State {
        let mut buffers = vec![("importance", &self.importance), ("pull", &self.pull)];
        if let Some(way) = &self.way {
            buffers.extend([("gain", &way.gain), ("start", &way.start)]);
        }
        let named = |(what, buffer): (&str, &Tensor)| {
            let views = params.split(buffer).into_iter();
            views.map(|(key, view)| (format!("state.{what}.{key}"), view)).collect::<State>()
        };
        buffers.into_iter().flat_map(named).collect()
    }
}

/// Adds the squares of a gradient to a sum of them: [replicate, parameter].
pub fn add_square(sum: &mut Tensor, gradient: &Tensor) {
    let _guard = no_grad_guard();
    let _ = sum.addcmul_(gradient, gradient);
}

/// Euclidean norm of what the penalty pulls with, for each replicate: [replicate] f64.
pub fn pull_norm(gradient: &Tensor) -> Tensor {
    let wide = gradient.to_kind(Kind::Double).square();
    wide.sum_dim_intlist(1, false, Kind::Double).sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lab::tensor::params::ParamsBuilder;
    use clap::Parser;
    use tch::Device;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        config: ContinualConfig,
    }

    fn config(line: &str) -> ContinualConfig {
        let mut config = Line::parse_from(line.split_whitespace()).config;
        config.resolve().unwrap();
        config
    }

    fn params() -> Params {
        tch::manual_seed(3);
        let options = (Kind::Double, Device::Cpu);
        let mut builder = ParamsBuilder::default();
        builder.add("weight", Tensor::randn([2, 3, 4], options));
        builder.add("bias", Tensor::randn([2, 3], options));
        builder.build(Device::Cpu).unwrap()
    }

    fn near(a: &Tensor, b: &Tensor) -> bool {
        let scale = b.abs().max().double_value(&[]).max(1.0);
        (a - b).abs().max().double_value(&[]) < 1e-12 * scale
    }

    /// Fisher informations and anchors of two tasks.
    fn two_tasks(like: &Tensor) -> [(Tensor, Tensor); 2] {
        [0, 1].map(|_| (like.rand_like(), like.randn_like()))
    }

    #[test]
    fn it_is_the_sum_over_tasks() {
        let params = params();
        let w = &params.values;
        let tasks = two_tasks(w);
        let [(f1, w1), (f2, w2)] = &tasks;
        let separate = (f1 * (w - w1) + f2 * (w - w2)) * 7.0;
        let online = (f1 * 0.5 + f2) * (w - w2) * 7.0;
        for (line, expected) in [
            ("x --method ewc --lambda 7", separate),
            ("x --method ewc-online --lambda 7 --online-decay 0.5", online),
        ] {
            let config = config(&format!("{line} --penalty-step gradient"));
            let mut penalty = Penalty::new(&config, w);
            for (fisher, anchor) in &tasks {
                penalty.consolidate(anchor, Some(fisher));
            }
            assert!(near(&penalty.gradient(w), &expected), "{line}");
            assert!(near(&penalty.added(w).unwrap(), &expected), "{line}: before the step");
            let leaf = w.detach().set_requires_grad(true);
            let quadratic = &penalty.importance * leaf.square() * 0.5 - &penalty.pull * &leaf;
            (quadratic.sum(Kind::Double) * 7.0).backward();
            assert!(near(&leaf.grad(), &expected), "{line}: by autograd");
        }
    }

    #[test]
    fn the_implicit_step_solves_for_it_and_is_stable() {
        for lambda in [0.1, 7.0, 1e12] {
            let params = params();
            let config = config(&format!("x --method ewc --lambda {lambda}"));
            let mut penalty = Penalty::new(&config, &params.values);
            let anchor = params.values.randn_like();
            // Half of the weights don't matter.
            let fisher = anchor.rand_like() * anchor.gt(0.0);
            penalty.consolidate(&anchor, Some(&fisher));
            assert!(penalty.added(&params.values).is_none());
            let before = params.values.copy();
            penalty.after(&params, &before, 0.01, None);
            // (w - w') / rate + lambda F (w - w*) = 0.
            let w = &params.values;
            let pull = &fisher * (w - &anchor) * lambda;
            let rest = ((w - &before) / 0.01 + &pull).abs().max().double_value(&[]);
            assert!(rest < 1e-10 * lambda.max(1.0), "lambda {lambda}: {rest}");
            let free = (w - &before) * anchor.le(0.0);
            assert_eq!(free.abs().max().double_value(&[]), 0.0);
        }
    }

    /// Along small steps, -sum g dw of each weight is what its part of the loss has come down by.
    #[test]
    fn synaptic_intelligence_finds_who_took_off_the_loss() {
        for how in ["implicit", "gradient"] {
            let mut params = params();
            let config = config(&format!("x --method si --lambda 3 --penalty-step {how}"));
            let mut penalty = Penalty::new(&config, &params.values);
            let curvature = params.values.rand_like() + 0.1;
            let begin = params.values.copy();
            // A second task, so that there is a pull that must not count.
            penalty.consolidate(&begin, None);
            let loss = |w: &Tensor| &curvature * w.square() * 0.5;
            for _ in 0..4000 {
                let before = params.values.copy();
                let own = &curvature * &before;
                let pull =
                    if how == "gradient" { penalty.gradient(&before) } else { own.zeros_like() };
                params.gradient.copy_(&(&own + pull));
                let _ = params.values.g_add_(&(&params.gradient * -1e-4));
                penalty.after(&params, &before, 1e-4, None);
            }
            let gone = loss(&begin) - loss(&params.values);
            let moved = (&params.values - &begin).square();
            let way = penalty.way.as_ref().unwrap();
            let error = ((&way.gain - &gone).abs().max() / gone.abs().max()).double_value(&[]);
            assert!(error < 1e-3, "{how}: {error}");
            let expected = gone / (moved + 0.1) * 2.0;
            penalty.consolidate(&params.values, None);
            let error = ((&penalty.importance - &expected).abs().max() / expected.abs().max())
                .double_value(&[]);
            assert!(error < 2e-3, "{how}: {error}");
        }
    }
}
