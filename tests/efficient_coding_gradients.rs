//! The analytic gradients against autograd and finite differences, in double precision, for every
//! constraint, nonlinearity and shape; and where constraints come to rest.

#![allow(clippy::unwrap_used)]

use std::f64::consts::LN_2;
use std::ffi::OsString;

use neuron_lab::efficient_coding::EfficientCoding;
use neuron_lab::efficient_coding::coding::constraint::{Constraint, Variant};
use neuron_lab::efficient_coding::coding::controller::Controller;
use neuron_lab::efficient_coding::coding::gradient::{BatchPass, Gradient};
use neuron_lab::efficient_coding::coding::information::Information;
use neuron_lab::efficient_coding::coding::model::{ModelConstants, Neurons, unit_columns};
use neuron_lab::efficient_coding::coding::response::Nonlinearity;
use neuron_lab::efficient_coding::coding::rule::{ConstraintRule, Direction};
use neuron_lab::efficient_coding::coding::shapes::{self, ShapeOptions};
use neuron_lab::efficient_coding::data::PatchShape;
use neuron_lab::efficient_coding::retina::config::EfficientCodingConfig;
use neuron_lab::lab::configure;
use tch::{Device, Kind, Tensor};

const DOUBLE: (Kind, Device) = (Kind::Double, Device::Cpu);
const NEURONS: i64 = 3;
const STEP: f64 = 1e-6;

fn number(tensor: &Tensor) -> f64 {
    tensor.double_value(&[])
}

struct Case {
    constants: ModelConstants,
    neurons: Neurons,
    noisy: Tensor,
    multiplier: Tensor,
}

fn case(nonlinearity: Nonlinearity, inputs: i64) -> Case {
    tch::set_num_threads(1);
    tch::manual_seed(11);
    let root = Tensor::randn([inputs, inputs], DOUBLE) / (inputs as f64).sqrt();
    let covariance = root.matmul(&root.tr()) * 3.0;
    let constants = ModelConstants {
        covariance: covariance + Tensor::eye(inputs, DOUBLE) * 0.16,
        input_noise: 0.4,
        output_noise: 0.7,
        nonlinearity,
        target: 0.8,
    };
    let neurons = Neurons {
        filters: unit_columns(&Tensor::randn([inputs, NEURONS], DOUBLE)),
        log_gain: Tensor::randn([NEURONS], DOUBLE) * 0.3,
        log_threshold: Tensor::randn([NEURONS], DOUBLE) * 0.3 - 1.0,
    };
    let noisy = Tensor::randn([20, inputs], DOUBLE).matmul(&root.tr()) * 1.8;
    let multiplier = Tensor::rand([NEURONS], DOUBLE);
    Case { constants, neurons, noisy, multiplier }
}

fn copy(neurons: &Neurons) -> Neurons {
    Neurons {
        filters: neurons.filters.copy(),
        log_gain: neurons.log_gain.copy(),
        log_threshold: neurons.log_threshold.copy(),
    }
}

impl Case {
    fn pass(&self, neurons: &Neurons, eliminate: bool) -> (BatchPass<'_>, Information) {
        let pass = BatchPass::new(&self.constants, neurons, &self.noisy, eliminate);
        let information = Information::new(&pass.shared, &pass.slopes);
        (pass, information)
    }

    fn kl(&self, neurons: &Neurons, eliminate: bool) -> f64 {
        number(&self.pass(neurons, eliminate).1.kl().mean(Kind::Double))
    }

    /// Central differences of a number by every parameter.
    fn differences(&self, f: &dyn Fn(&Neurons) -> f64) -> Gradient {
        let parts: [fn(&Neurons) -> &Tensor; 3] =
            [|n| &n.filters, |n| &n.log_gain, |n| &n.log_threshold];
        let [filters, log_gain, log_threshold] = parts.map(|part| {
            let count = part(&self.neurons).numel() as i64;
            let slopes: Vec<f64> = (0..count)
                .map(|i| {
                    let at = |step: f64| {
                        let moved = copy(&self.neurons);
                        let _ = part(&moved).view([-1]).get(i).g_add_scalar_(step);
                        f(&moved)
                    };
                    (at(STEP) - at(-STEP)) / (2.0 * STEP)
                })
                .collect();
            Tensor::from_slice(&slopes).view_as(part(&self.neurons))
        });
        Gradient { filters, log_gain, log_threshold }
    }
}

#[track_caller]
fn close(found: &Tensor, expected: &Tensor, context: &str) {
    let error = number(&(found - expected).abs().max());
    assert!(error < 2e-7, "{context}: off by {error:.2e}\n{found:?}\n{expected:?}");
}

const KINDS: [Nonlinearity; 4] =
    [Nonlinearity::Softplus, Nonlinearity::Relu, Nonlinearity::Linear, Nonlinearity::Absolute];

fn rule(constraint: Constraint, variant: Option<Variant>) -> ConstraintRule {
    ConstraintRule { constraint, variant, rho: 0.6 }
}

fn direction(case: &Case, rule: &ConstraintRule, step: u64) -> Direction {
    let (pass, information) = case.pass(&case.neurons, rule.constraint.eliminates_gain());
    rule.direction(&pass, &information, Some(&case.multiplier), step)
}

#[test]
fn kl_is_the_gradient_of_autograd_through_cholesky() {
    for kind in [Nonlinearity::Softplus, Nonlinearity::Linear] {
        let case = case(kind, 5);
        let leaf = |t: &Tensor| t.copy().set_requires_grad(true);
        let neurons = Neurons {
            filters: leaf(&case.neurons.filters),
            log_gain: leaf(&case.neurons.log_gain),
            log_threshold: leaf(&case.neurons.log_threshold),
        };
        let pass = BatchPass::new(&case.constants, &neurons, &case.noisy, false);
        let logdet = |matrix: &Tensor| {
            let c = pass.slopes.unsqueeze(2) * matrix * pass.slopes.unsqueeze(1)
                + Tensor::eye(NEURONS, DOUBLE) * 0.49;
            let root = c.linalg_cholesky(false);
            root.diagonal(0, 1, 2).log().sum_dim_intlist(-1, false, Kind::Double) * (2.0 / LN_2)
        };
        let kl = logdet(&pass.shared.signal) - logdet(&pass.shared.noise);
        kl.mean(Kind::Double).backward();
        let (pass, information) = case.pass(&case.neurons, false);
        let found = pass.kl_gradient(&information);
        close(&found.filters, &neurons.filters.grad(), "filters");
        close(&found.log_gain, &neurons.log_gain.grad(), "gain");
        if kind.has_threshold() {
            close(&found.log_threshold, &neurons.log_threshold.grad(), "threshold");
        }
    }
}

#[test]
fn one_loss_is_descended_along_its_derivatives() {
    for kind in KINDS {
        let case = case(kind, 5);
        let loss = |c: &Tensor, rho: f64, neurons: &Neurons| {
            let h = case.pass(neurons, false).0.excess();
            let penalty = number(&(c * &h).sum(Kind::Double));
            -0.5 * case.kl(neurons, false)
                + penalty
                + rho / 2.0 * number(&h.square().sum(Kind::Double))
        };
        let zero = case.multiplier.zeros_like();
        for (constraint, c, rho) in [
            (Constraint::Lagrange, &case.multiplier, 0.6),
            (Constraint::Pi, &case.multiplier, 0.0),
            (Constraint::None, &zero, 0.0),
            (Constraint::GammaV1, &zero, 0.0),
            (Constraint::GammaV2, &zero, 0.0),
        ] {
            let name = format!("{kind:?} {constraint:?}");
            let found = direction(&case, &rule(constraint, None), 0);
            let expected = case.differences(&|neurons| loss(c, rho, neurons));
            close(&found.filters.unwrap(), &expected.filters, &name);
            close(&found.log_threshold.unwrap(), &expected.log_threshold, &name);
            let gamma = matches!(constraint, Constraint::GammaV1 | Constraint::GammaV2);
            assert_eq!(found.log_gain.is_none(), gamma);
            if let Some(gain) = found.log_gain {
                close(&gain, &expected.log_gain, &name);
            }
            assert_eq!(found.multiplier.is_some(), constraint == Constraint::Lagrange);
            if let Some(multiplier) = found.multiplier {
                close(&-multiplier, &case.pass(&case.neurons, false).0.excess(), &name);
            }
        }
    }
}

#[test]
fn two_losses_are_descended_each_along_its_own() {
    for kind in KINDS {
        let case = case(kind, 5);
        let squares = |neurons: &Neurons| {
            number(&case.pass(neurons, false).0.excess().square().sum(Kind::Double))
        };
        let filters = |leak: f64| {
            case.differences(&|neurons| -0.5 * case.kl(neurons, false) + leak * squares(neurons))
                .filters
        };
        let rates = case.differences(&squares);
        let (own, leaking) = (filters(0.0), filters(1.0));
        for (variant, step, expected) in [
            (Variant::Clean, 0, Some(&own)),
            (Variant::Clean, 1, Some(&own)),
            (Variant::Leak, 0, Some(&leaking)),
            (Variant::Alternate, 1, Some(&own)),
            (Variant::Alternate, 0, None),
        ] {
            let name = format!("{kind:?} {variant:?} step {step}");
            let found = direction(&case, &rule(Constraint::TwoLosses, Some(variant)), step);
            assert_eq!(found.filters.is_some(), expected.is_some(), "{name}");
            if let (Some(found), Some(expected)) = (found.filters, expected) {
                close(&found, expected, &name);
            }
            let moves = variant != Variant::Alternate || step == 0;
            assert_eq!(found.log_gain.is_some(), moves, "{name}");
            if let (Some(gain), Some(threshold)) = (found.log_gain, found.log_threshold) {
                close(&gain, &rates.log_gain, &name);
                close(&threshold, &rates.log_threshold, &name);
            }
        }
    }
}

/// Neurons whose gains give the mean activity that `case` has, whatever else has moved.
fn kept(case: &Case, neurons: &Neurons) -> Neurons {
    let exponent = case.constants.nonlinearity.activity_exponent();
    let before = case.pass(&case.neurons, false).0.mean_activity;
    let now = case.pass(neurons, false).0.mean_activity;
    let mut kept = copy(neurons);
    kept.log_gain += (before / now).log() / exponent;
    kept
}

#[test]
fn total_derivatives_are_those_along_the_constraint() {
    for kind in KINDS {
        let case = case(kind, 5);
        let found = direction(&case, &rule(Constraint::TotalDerivative, None), 0);
        let along = |neurons: &Neurons| -0.5 * case.kl(&kept(&case, neurons), false);
        let expected = case.differences(&along);
        close(&found.filters.unwrap(), &expected.filters, &format!("{kind:?}"));

        let found = direction(&case, &rule(Constraint::Exact, None), 0);
        let eliminated = case.differences(&|neurons| -0.5 * case.kl(neurons, true));
        close(&found.filters.unwrap(), &eliminated.filters, &format!("{kind:?} exact"));
        let threshold = found.log_threshold.unwrap();
        close(&threshold, &eliminated.log_threshold, &format!("{kind:?} exact"));
        close(&eliminated.log_gain, &case.multiplier.zeros_like(), "the gain is eliminated");
        let excess = case.pass(&case.neurons, true).0.excess();
        assert!(number(&excess.abs().max()) < 1e-15, "{excess}");
        assert!(found.log_gain.is_none() && found.multiplier.is_none());
    }
}

#[test]
fn a_projected_step_leaves_every_rate_as_it_is() {
    for kind in KINDS {
        let case = case(kind, 5);
        let (pass, information) = case.pass(&case.neurons, false);
        let found = direction(&case, &rule(Constraint::Project, None), 0).filters.unwrap();
        let size = 1e-5;
        let mut moved = copy(&case.neurons);
        moved.filters = unit_columns(&(&moved.filters - &found * size));
        let after = case.pass(&moved, false).0.mean_activity;
        let change = number(&(after - &pass.mean_activity).abs().max()) / size;
        assert!(change < 1e-3, "{kind:?}: {change}");
        assert!(case.kl(&moved, false) > case.kl(&case.neurons, false), "{kind:?}");
        let free = pass.tangent(&pass.kl_gradient(&information).filters) * -0.5;
        let taken_off = &free - &found;
        let inner = (&taken_off * &found).sum_dim_intlist(0, false, Kind::Double);
        assert!(number(&inner.abs().max()) < 1e-12, "an orthogonal projection");
    }
}

#[test]
fn shapes_pass_the_gradient_on_to_their_parameters() {
    for (name, colours) in [
        ("difference-of-gaussian", 1),
        ("difference-of-gaussian", 3),
        ("gaussian", 1),
        ("difference-of-t", 3),
        ("single-t", 1),
    ] {
        let patch = PatchShape { kernel: 5, colours, masked: true };
        let case = case(Nonlinearity::Softplus, patch.inputs());
        let shape = shapes::of(name, patch, ShapeOptions::default()).unwrap().unwrap();
        let parameters: Vec<Tensor> = shape
            .initial(NEURONS, 3)
            .into_iter()
            .map(|(_, value)| value.to_kind(Kind::Double))
            .collect();
        let with = |parameters: &[Tensor]| Neurons {
            filters: shape.filters(parameters),
            ..copy(&case.neurons)
        };
        let neurons = with(&parameters);
        let (pass, information) = case.pass(&neurons, false);
        for constraint in [Constraint::Lagrange, Constraint::None] {
            let rule = rule(constraint, None);
            let c = match constraint {
                Constraint::Lagrange => &case.multiplier + pass.excess() * rule.rho,
                _ => case.multiplier.zeros_like(),
            };
            let found = rule.direction(&pass, &information, Some(&case.multiplier), 0);
            let gradients = shape.backward(&parameters, &found.filters.unwrap());
            // At fixed c: the penalty's derivative is in it.
            let loss = |parameters: &[Tensor]| {
                let neurons = with(parameters);
                let h = case.pass(&neurons, false).0.excess();
                -0.5 * case.kl(&neurons, false) + number(&(&c * h).sum(Kind::Double))
            };
            for (which, gradient) in gradients.iter().enumerate() {
                for i in 0..gradient.numel() as i64 {
                    let at = |step: f64| {
                        let moved: Vec<Tensor> = parameters.iter().map(Tensor::copy).collect();
                        let _ = moved[which].view([-1]).get(i).g_add_scalar_(step);
                        loss(&moved)
                    };
                    let slope = (at(STEP) - at(-STEP)) / (2.0 * STEP);
                    let found = gradient.reshape([-1]).double_value(&[i]);
                    let name = format!("{name}, {colours} colours, parameter {which}.{i}");
                    assert!((found - slope).abs() < 2e-7, "{name}: {found} and {slope}");
                }
            }
        }
    }
}

fn config(line: &str) -> EfficientCodingConfig {
    let words = format!("efficient_coding {line}");
    let words: Vec<OsString> = words.split_whitespace().map(OsString::from).collect();
    configure::<EfficientCoding>(words).unwrap().experiment
}

#[test]
fn gamma_comes_to_rest_beside_the_target() {
    tch::set_num_threads(1);
    // Mean softplus of a neuron of signal variance 1 and noise 0.4 at threshold 1/e.
    let softplus = 0.352792;
    for (constraint, expected) in [("gamma-v1", 1.27640), ("gamma-v2", 0.59396)] {
        let mut gain = Tensor::zeros([1], DOUBLE);
        let mut controller =
            Controller::new(config(&format!("--constraint {constraint}")).controller(), &gain);
        let mut rate = gain.copy();
        for _ in 0..40_000 {
            rate = gain.exp() * softplus;
            let reaction = controller.log_gain(&rate);
            controller.remember(&reaction, None);
            gain = reaction.output;
        }
        let rate = rate.double_value(&[0]);
        assert!((rate - expected).abs() < 1.01e-5, "{constraint}: {rate}");
    }
}

/// A linear population within a budget of power fills the spectrum like water.
#[test]
fn a_linear_model_learns_the_water_filling_optimum() {
    tch::set_num_threads(1);
    for (power, bits) in
        [(11.762513439, 4.430219787), (5.69026734, 3.196691274), (20.875628441, 5.357405051)]
    {
        tch::manual_seed(1);
        let variances = Tensor::from_slice(&[17.0, 5.0, 2.0, 1.25]);
        let constants = ModelConstants {
            covariance: variances.diag(0),
            input_noise: 1.0,
            output_noise: 1.0,
            nonlinearity: Nonlinearity::Linear,
            target: power / 4.0,
        };
        // A batch whose second moments are exactly those of signal and noise.
        let rows = variances.sqrt().diag(0) * 2.0;
        let mut neurons = Neurons {
            filters: unit_columns(&Tensor::randn([4, 4], DOUBLE)),
            log_gain: Tensor::zeros([4], DOUBLE),
            log_threshold: Tensor::zeros([4], DOUBLE),
        };
        let rule = rule(Constraint::Exact, None);
        let mut found = 0.0;
        for step in 0..6000 {
            let pass = BatchPass::new(&constants, &neurons, &rows, true);
            let information = Information::new(&pass.shared, &pass.slopes);
            let direction = rule.direction(&pass, &information, None, step).filters.unwrap();
            neurons.filters = unit_columns(&(&neurons.filters - direction * 0.3));
            found = number(&information.kl().mean(Kind::Double));
        }
        // Where a component is under water the last bit of it goes slowly.
        assert!((found - bits).abs() < 5e-6, "power {power}: {found} bits, not {bits}");
    }
}
