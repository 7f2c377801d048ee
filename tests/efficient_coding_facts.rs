//! Known numbers of the efficient-coding model, in double precision, and what must hold at any.
//!
//! Fixture A: four inputs of covariance 0.9^|i-j| sqrt((i+1)(j+1)), three neurons, noise 0.4 and 3.
//! `scripts/reference/efficient_coding.py` computes the numbers anew, by another way.

#![allow(clippy::unwrap_used)]

use std::f64::consts::LN_2;

use neuron_lab::efficient_coding::coding::gradient::BatchPass;
use neuron_lab::efficient_coding::coding::information::{
    Information, Shared, entropy, output_bits,
};
use neuron_lab::efficient_coding::coding::model::{ModelConstants, Neurons};
use neuron_lab::efficient_coding::coding::response::Nonlinearity;
use tch::{Device, Kind, Tensor};

const DOUBLE: (Kind, Device) = (Kind::Double, Device::Cpu);

fn covariance() -> Tensor {
    let entry =
        |i: i32, j: i32| 0.9f64.powi((i - j).abs()) * (f64::from(i + 1) * f64::from(j + 1)).sqrt();
    let rows: Vec<f64> = (0..16).map(|n| entry(n / 4, n % 4)).collect();
    Tensor::from_slice(&rows).view([4, 4])
}

fn unit(columns: &Tensor) -> Tensor {
    columns / columns.norm_scalaropt_dim(2.0, 0, true)
}

fn filters() -> Tensor {
    let rows: [[f64; 4]; 3] = [[1.0, 2.0, 0.0, -1.0], [0.0, 1.0, 2.0, 1.0], [1.0, 0.0, -1.0, 2.0]];
    unit(&Tensor::from_slice2(&rows).tr())
}

fn shared(covariance: &Tensor, filters: &Tensor, noise: (f64, f64)) -> Shared {
    let white = Tensor::eye(covariance.size()[0], DOUBLE) * (noise.0 * noise.0);
    Shared {
        signal: filters.tr().matmul(&(covariance + &white)).matmul(filters),
        noise: filters.tr().matmul(&white).matmul(filters),
        output_noise: noise.1,
    }
}

fn fixture_a(slopes: &[f64]) -> (Information, Tensor) {
    let slopes = Tensor::from_slice(slopes).view([1, -1]);
    (Information::new(&shared(&covariance(), &filters(), (0.4, 3.0)), &slopes), slopes)
}

fn kl(covariance: &Tensor, filters: &Tensor, noise: (f64, f64), slopes: &[f64]) -> f64 {
    let slopes = Tensor::from_slice(slopes).view([1, -1]);
    number(&Information::new(&shared(covariance, filters, noise), &slopes).kl())
}

fn number(tensor: &Tensor) -> f64 {
    tensor.reshape([-1]).double_value(&[0])
}

fn numbers(tensor: &Tensor) -> Vec<f64> {
    Vec::try_from(tensor.reshape([-1])).unwrap()
}

/// Equal to one unit of the last printed digit.
#[track_caller]
fn same(found: &[f64], printed: &[f64], digits: i32) {
    assert_eq!(found.len(), printed.len());
    for (found, printed) in found.iter().zip(printed) {
        assert!((found - printed).abs() <= 1.01 * 10f64.powi(-digits), "{found}, not {printed}");
    }
}

#[test]
fn both_determinants_and_their_difference() {
    tch::set_num_threads(1);
    let output = output_bits(3, 3.0);
    for (slopes, numerator, denominator, kl) in [
        ([1.0, 0.5, 2.0], 10.745701225712, 9.640653946363, 1.105047279349),
        ([0.1, 1.5, 0.0], 11.031226689410, 9.566614715049, 1.464611974362),
    ] {
        let (information, _) = fixture_a(&slopes);
        same(&[number(&information.numerator.logdet) + output], &[numerator], 12);
        same(&[number(&information.denominator.logdet) + output], &[denominator], 12);
        same(&[number(&information.kl())], &[kl], 12);
    }
    let (information, _) = fixture_a(&[1.0, 0.5, 2.0]);
    same(&[number(&information.kl()) / 2.0], &[0.552523639675], 12);
}

#[test]
fn the_same_from_entropies_and_from_the_side_of_the_inputs() {
    tch::set_num_threads(1);
    let (information, slopes) = fixture_a(&[1.0, 0.5, 2.0]);
    let (c, w) = (covariance(), filters());
    let of_inputs = entropy(&c, 4).unwrap();
    same(&[of_inputs], &[6.886970577], 9);
    let wg = &w * &slopes;
    let given = wg.tr().matmul(&wg) * 0.16 + Tensor::eye(3, DOUBLE) * 9.0;
    let precision = c.inverse() + wg.matmul(&given.inverse()).matmul(&wg.tr());
    let left = entropy(&precision.inverse(), 4).unwrap();
    same(&[left], &[6.334446937], 9);
    let half_kl = number(&information.kl()) / 2.0;
    assert!((of_inputs - left - half_kl).abs() < 1e-12);
    // What the original logs as the mutual information: the entropy of the input counted twice.
    same(&[of_inputs + half_kl], &[7.439494216], 9);
    let root = c.linalg_cholesky(false);
    let inner = root.tr().matmul(&wg).matmul(&given.inverse()).matmul(&wg.tr()).matmul(&root);
    let (_, log) = (inner + Tensor::eye(4, DOUBLE)).slogdet();
    same(&[number(&log) / LN_2], &[1.105047279349], 12);
}

#[test]
fn bounds_and_limits_of_the_output_noise() {
    tch::set_num_threads(1);
    let (c, w) = (covariance(), filters());
    let (_, log) = (&c / 0.16 + Tensor::eye(4, DOUBLE)).slogdet();
    let most = number(&log) / LN_2 / 2.0;
    same(&[most], &[5.153916660906], 12);
    let g = [1.0, 0.5, 2.0];
    same(&[kl(&c, &w, (0.4, 1e-3), &g)], &[9.443202816], 9);
    let limit = 9.443244781295;
    for g in [g, [3.0, 0.1, 1.0]] {
        same(&[kl(&c, &w, (0.4, 1e-8), &g)], &[limit], 10);
    }
    let quiet = kl(&c, &w, (0.4, 1e6), &g);
    assert!((0.0..1e-9).contains(&quiet), "{quiet}");
    assert!(kl(&c, &w, (0.4, 3.0), &g) / 2.0 < most);
}

#[test]
fn gradients_by_the_slopes_and_the_filters() {
    tch::set_num_threads(1);
    let (information, _) = fixture_a(&[1.0, 0.5, 2.0]);
    let known = [0.2499055603, 0.3280346676, 1.0353717631];
    same(&numbers(&information.per_log_slope()), &known, 10);
    let (c, w) = (covariance() + Tensor::eye(4, DOUBLE) * 0.16, filters());
    let signal = c.matmul(&w).matmul(&information.numerator.spread);
    let noise = w.matmul(&information.denominator.spread) * 0.16;
    let gradient = (signal - noise) * (2.0 / LN_2);
    same(&numbers(&gradient.get(0)), &[0.1879493604, 0.0931361647, 0.5774223397], 10);
    same(&numbers(&gradient.get(3)), &[0.1082688289, 0.2090112111, 1.5489086130], 10);
}

#[test]
fn leaving_a_neuron_out_is_computing_without_it() {
    tch::set_num_threads(1);
    let slopes = [1.0, 0.5, 2.0];
    let (information, _) = fixture_a(&slopes);
    let lost = numbers(&information.leave_one_out());
    same(&lost, &[0.133127435893, 0.174936003035, 0.699787476703], 12);
    for (i, lost) in lost.iter().enumerate() {
        let others: Vec<i64> = (0..3).filter(|j| *j != i as i64).collect();
        let w = filters().index_select(1, &Tensor::from_slice(&others));
        let kept: Vec<f64> = others.iter().map(|j| slopes[*j as usize]).collect();
        let without = kl(&covariance(), &w, (0.4, 3.0), &kept);
        assert!((number(&information.kl()) - without - lost).abs() < 1e-12);
    }
}

#[test]
fn two_that_can_be_computed_by_hand() {
    tch::set_num_threads(1);
    let c = Tensor::from_slice(&[3.0, 1.0]).diag(0);
    let w = Tensor::eye(2, DOUBLE);
    same(&[kl(&c, &w, (1.0, 1.0), &[1.0, 1.0])], &[1.906890595609], 12);
    let c = Tensor::from_slice(&[4.0, 2.0, 1.0, 0.5]).diag(0);
    let w = Tensor::eye(4, DOUBLE);
    same(&[kl(&c, &w, (0.4, 3.0), &[1.5; 4])], &[2.012866410180], 12);
}

fn fixture_a_neurons() -> (ModelConstants, Neurons, Tensor) {
    let constants = ModelConstants {
        covariance: covariance() + Tensor::eye(4, DOUBLE) * 0.16,
        input_noise: 0.4,
        output_noise: 3.0,
        nonlinearity: Nonlinearity::Softplus,
        target: 1.0,
    };
    let neurons = Neurons {
        filters: filters(),
        log_gain: Tensor::from_slice(&[0.1, -0.2, 0.3]),
        log_threshold: Tensor::from_slice(&[-1.0, -0.5, -2.0]),
    };
    let x: [[f64; 4]; 2] = [[1.0, -1.0, 0.5, 2.0], [0.0, 0.3, -0.7, 1.0]];
    (constants, neurons, Tensor::from_slice2(&x))
}

#[test]
fn a_whole_batch() {
    tch::set_num_threads(1);
    let (constants, neurons, x) = fixture_a_neurons();
    let pass = BatchPass::new(&constants, &neurons, &x, false);
    let information = Information::new(&pass.shared, &pass.slopes);
    let y = numbers(&(&pass.above + &pass.threshold).get(0));
    same(&y, &[-1.22474487, 0.81649658, 1.83711731], 8);
    let r = pass.rates();
    same(&numbers(&r.get(0)), &[0.00817146, 0.32410545, 2.30477916], 8);
    same(&numbers(&r.get(1)), &[0.10392522, 0.05922217, 1.35134003], 8);
    same(&numbers(&pass.slopes.get(0)), &[0.02024099, 0.51440550, 1.33095810], 8);
    let h = pass.excess();
    same(&numbers(&h), &[-0.94395166, -0.80833619, 0.82805960], 8);
    let kl = information.kl();
    same(&numbers(&kl), &[0.645215879359, 0.395589631682], 12);
    let loss = -0.5 * number(&kl.mean(Kind::Double));
    let multiplier = Tensor::from_slice(&[0.1, 0.2, 0.3]);
    let linear = number(&(multiplier * &h).sum(Kind::Double));
    let squares = number(&h.square().sum(Kind::Double));
    same(&[loss], &[-0.260201377760], 12);
    same(&[linear, squares / 2.0], &[-0.007644525327, 1.115067411732], 12);
    same(&[loss + linear + squares / 2.0], &[0.847221508645], 12);
    same(&[squares], &[2.230134823465], 12);
}

/// E f(z) of a standard normal z by the midpoint rule over 12 standard deviations.
fn expectation(f: impl Fn(&Tensor) -> Tensor) -> f64 {
    let step = 24.0 / 20_000.0;
    let z: Tensor = (Tensor::arange(20_000, DOUBLE) + 0.5) * step - 12.0;
    let weight = (z.square() * -0.5).exp() * (step / (2.0 * std::f64::consts::PI).sqrt());
    number(&(f(&z) * weight).sum(Kind::Double))
}

/// Mean rate at gain 1, and KL at the gain that makes the rate 1, of a neuron with noise 0.4 and 3.
fn single_neuron(variance: f64, threshold: f64) -> (f64, f64) {
    let softplus = Nonlinearity::Softplus;
    let (all, noise) = (variance + 0.16, 0.16);
    let u = |z: &Tensor| z * f64::sqrt(all) - threshold;
    let rate = expectation(|z| softplus.value(&u(z)));
    let bits = expectation(|z| {
        let g2 = (softplus.slope(&u(z)) / rate).square();
        ((&g2 * all + 9.0) / (&g2 * noise + 9.0)).log2()
    });
    (rate, bits)
}

#[test]
fn one_neuron_at_rate_one() {
    tch::set_num_threads(1);
    let low = (-1f64).exp();
    let (rate, bits) = single_neuron(1.0, low);
    same(&[1.0 / rate], &[2.83453], 5);
    same(&[bits], &[0.254288], 6);
    for (threshold, printed) in [(1.0, 0.352096), (1.5, 0.369841), (2.0, 0.339444)] {
        same(&[single_neuron(1.0, threshold).1], &[printed], 6);
    }
    same(&[single_neuron(4.093, low).1, single_neuron(4.093, 2.0).1], &[0.351766, 0.540565], 6);
    for (variance, best, most, digits) in [(1.0, 1.389, 0.37124, 5), (4.093, 2.05, 0.54079, 5)] {
        let bits = |threshold| single_neuron(variance, threshold).1;
        same(&[bits(best)], &[most], digits);
        assert!(bits(best) > bits(best - 0.05) && bits(best) > bits(best + 0.05));
    }
}

#[test]
fn information_is_monotone_and_has_its_symmetries() {
    tch::set_num_threads(1);
    tch::manual_seed(4);
    let (c, w) = (covariance(), unit(&Tensor::randn([4, 3], DOUBLE)));
    let g = [0.7, 0.2, 1.9];
    let base = kl(&c, &w, (0.4, 3.0), &g);
    for i in 0..3 {
        let mut more = g;
        more[i] *= 1.1;
        assert!(kl(&c, &w, (0.4, 3.0), &more) >= base);
        more[i] = 0.0;
        assert!(kl(&c, &w, (0.4, 3.0), &more) <= base, "a neuron adds information");
    }
    assert!(kl(&c, &w, (0.5, 3.0), &g) <= base && kl(&c, &w, (0.4, 3.5), &g) <= base);
    let order = Tensor::from_slice(&[2i64, 0, 1]);
    let permuted = kl(&c, &w.index_select(1, &order), (0.4, 3.0), &[g[2], g[0], g[1]]);
    assert!((permuted - base).abs() < 1e-12);
    let flipped = &w * Tensor::from_slice(&[1.0, -1.0, 1.0]);
    assert!((kl(&c, &flipped, (0.4, 3.0), &g) - base).abs() < 1e-12);
    let (rotation, _) = Tensor::linalg_qr(&Tensor::randn([3, 3], DOUBLE), "reduced");
    let turned = kl(&c, &w.matmul(&rotation), (0.4, 3.0), &[1.3; 3]);
    assert!((turned - kl(&c, &w, (0.4, 3.0), &[1.3; 3])).abs() < 1e-12);
}
