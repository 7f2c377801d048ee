//! The penalties against sums by hand, autograd, and small steps.

use super::*;
use crate::lab::tensor::params::ParamsBuilder;
use tch::Device;

fn options(importance: Importance, lambda: f64, step: PenaltyStep) -> PenaltyOptions {
    PenaltyOptions { importance, lambda, step, protect: Protect::All }
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

/// Fisher matrices and anchors of two tasks.
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
    for (importance, expected) in
        [(Importance::Fisher, separate), (Importance::RunningFisher { decay: 0.5 }, online)]
    {
        let line = format!("{importance:?}");
        let mut penalty = Penalty::new(options(importance, 7.0, PenaltyStep::Gradient), &params);
        for (fisher, anchor) in &tasks {
            penalty.consolidate(anchor, Some(fisher));
        }
        assert!(near(&penalty.gradient(w), &expected), "{line}");
        assert!(near(&penalty.before_step(w).unwrap(), &expected), "{line}: before the step");
        let leaf = w.detach().set_requires_grad(true);
        let quadratic = &penalty.importances * leaf.square() * 0.5 - &penalty.anchored * &leaf;
        (quadratic.sum(Kind::Double) * 7.0).backward();
        assert!(near(&leaf.grad(), &expected), "{line}: by autograd");
    }
}

/// A and B are zero exactly where nothing is protected, by every method; the gradient is that of the
/// sum over tasks in the rest, by finite differences.
#[test]
fn it_pulls_on_what_is_protected_alone() {
    let double = (Kind::Double, Device::Cpu);
    let mut builder = ParamsBuilder::default();
    let names = ["projection.weight", "selection.bias", "computation.weight", "bias"];
    for name in names {
        builder.add(format!("layer1.{name}"), Tensor::randn([2, 3], double));
    }
    let params = builder.build(Device::Cpu).unwrap();
    let w = &params.values;
    for (protect, expected) in [
        (Protect::All, [1.0, 1.0, 1.0, 1.0]),
        (Protect::Selectors, [1.0, 1.0, 0.0, 0.0]),
        (Protect::Computation, [0.0, 0.0, 1.0, 1.0]),
    ] {
        let protected = Tensor::from_slice(&expected).repeat_interleave_self_int(3, 0, None);
        for importance in [
            Importance::Fisher,
            Importance::RunningFisher { decay: 0.5 },
            Importance::PathIntegral { damping: 0.1 },
        ] {
            let line = format!("{protect:?}, {importance:?}");
            let options =
                PenaltyOptions { protect, ..options(importance, 7.0, PenaltyStep::Gradient) };
            let mut penalty = Penalty::new(options, &params);
            if let Some(path) = &mut penalty.path {
                path.gain = w.rand_like() + 0.1;
            }
            let (fisher, anchor) = (w.rand_like() + 0.1, w.randn_like());
            penalty.consolidate(&anchor, Some(&fisher));
            assert_eq!(penalty.importances.gt(0.0).to_kind(Kind::Double), protected.expand_as(w));
            let pull = (&penalty.anchored - &penalty.importances * &anchor).abs();
            assert!(pull.max().double_value(&[]) < 1e-12, "{line}");
            if importance != Importance::Fisher {
                continue;
            }
            let energy = |w: &Tensor| {
                let each = &protected * &fisher * (w - &anchor).square();
                7.0 / 2.0 * each.sum(Kind::Double).double_value(&[])
            };
            let gradient = penalty.gradient(w).flatten(0, 1);
            for i in 0..w.numel() as i64 {
                let moved = |by: f64| {
                    let copy = w.copy();
                    let _ = copy.flatten(0, 1).get(i).g_add_scalar_(by);
                    energy(&copy)
                };
                let slope = (moved(1e-3) - moved(-1e-3)) / 2e-3;
                let found = gradient.double_value(&[i]);
                assert!(
                    (slope - found).abs() < 1e-8,
                    "{line}, {i}: {found}, by differences {slope}"
                );
            }
        }
    }
}

#[test]
fn the_implicit_step_solves_for_it_and_is_stable() {
    for lambda in [0.1, 7.0, 1e12] {
        let mut params = params();
        let options = options(Importance::Fisher, lambda, PenaltyStep::Implicit);
        let mut penalty = Penalty::new(options, &params);
        let anchor = params.values.randn_like();
        // Half of the weights don't matter.
        let fisher = anchor.rand_like() * anchor.gt(0.0);
        penalty.consolidate(&anchor, Some(&fisher));
        assert!(penalty.before_step(&params.values).is_none());
        let before = params.values.copy();
        let gradients = params.zero_gradients();
        penalty.after_step(&mut params, &gradients, &before, 0.01, None);
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
    for step in [PenaltyStep::Implicit, PenaltyStep::Gradient] {
        let how = format!("{step:?}");
        let mut params = params();
        let mut gradients = params.zero_gradients();
        let options = options(Importance::PathIntegral { damping: 0.1 }, 3.0, step);
        let mut penalty = Penalty::new(options, &params);
        let curvature = params.values.rand_like() + 0.1;
        let begin = params.values.copy();
        // A second task, so that there is a pull that must not count.
        penalty.consolidate(&begin, None);
        let loss = |w: &Tensor| &curvature * w.square() * 0.5;
        for _ in 0..4000 {
            let before = params.values.copy();
            let own = &curvature * &before;
            let pull = match step {
                PenaltyStep::Gradient => penalty.gradient(&before),
                PenaltyStep::Implicit => own.zeros_like(),
            };
            gradients.values.copy_(&(&own + pull));
            let _ = params.values.g_add_(&(&gradients.values * -1e-4));
            penalty.after_step(&mut params, &gradients, &before, 1e-4, None);
        }
        let gone = loss(&begin) - loss(&params.values);
        let moved = (&params.values - &begin).square();
        let path = penalty.path.as_ref().unwrap();
        let error = ((&path.gain - &gone).abs().max() / gone.abs().max()).double_value(&[]);
        assert!(error < 1e-3, "{how}: {error}");
        let expected = gone / (moved + 0.1) * 2.0;
        penalty.consolidate(&params.values, None);
        let error = ((&penalty.importances - &expected).abs().max() / expected.abs().max())
            .double_value(&[]);
        assert!(error < 2e-3, "{how}: {error}");
    }
}
