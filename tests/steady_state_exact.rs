//! The exact maps against simulations by brute force, sample by sample and by Runge-Kutta.

#![allow(clippy::unwrap_used)]

mod steady_brute;

use neuron_lab::steady_state::learning::effects::TransitionPowers;
use neuron_lab::steady_state::learning::expansion_mask::ExpansionMask;
use neuron_lab::steady_state::learning::lms::{LmsSettings, Runs, advance};
use neuron_lab::steady_state::learning::task::Task;
use neuron_lab::steady_state::measure::mean_update::mean_update_gain;
use neuron_lab::steady_state::signal::kind::ReferenceKind;
use steady_brute::{Network, numbers, setup};
use tch::{Device, Kind, Tensor};

const KIND: ReferenceKind = ReferenceKind::SinesZero;
const F64: (Kind, Device) = (Kind::Double, Device::Cpu);

/// The quadratic form against a simulation, for every kind of reference.
#[test]
fn quadratic_form_is_resimulation() {
    let kinds = <ReferenceKind as clap::ValueEnum>::value_variants();
    assert_eq!(kinds.len(), 6);
    for kind in kinds {
        let setup = setup(&[3, 7], 3, *kind, 0.05);
        let task = Task::measure(&setup, 150);
        for (seed, cells, scale) in [(0, 10, 0.3), (1, 20, 0.5), (1, 30, 0.1)] {
            tch::manual_seed(seed + cells);
            let weights = Tensor::randn([cells], F64) * scale;
            let network = Network::of(&setup, seed, cells, *kind);
            let resimulated = network.loss(&numbers(&weights), 150);
            let quadratic = task.leading(cells).narrow(seed, 1).loss(&weights.unsqueeze(0));
            let relative = (numbers(&quadratic)[0] / resimulated - 1.0).abs();
            assert!(relative < 1e-12, "{kind:?}: {relative:e}");
        }
    }
}

/// Errors of the hold against the differential equations: second order in the step.
#[test]
fn quadratic_form_is_the_differential_equations() {
    let at = |dt: f64| {
        let setup = setup(&[2], 1, KIND, dt);
        let weights = &setup.granule.initial;
        let loss = numbers(&Task::measure(&setup, 400).loss(weights))[0];
        (loss, Network::of(&setup, 0, 10, KIND).loss_ode(&numbers(weights), 400, 0.0125))
    };
    let errors: Vec<f64> = [0.1, 0.05, 0.02, 0.01]
        .map(at)
        .iter()
        .map(|(loss, ode)| (loss / ode - 1.0).abs())
        .collect();
    println!("relative errors at dt 0.1, 0.05, 0.02, 0.01: {errors:?}");
    assert!(errors[3] < 3e-6 && errors[1] < 3e-5, "{errors:?}");
    assert!((errors[0] / errors[1] - 4.0).abs() < 0.2, "{errors:?}");
    assert!((errors[1] / errors[2] - 6.25).abs() < 0.4, "{errors:?}");
}

/// Runs of every size and some rules through segments of odd lengths, with and without noise:
/// weights and losses against one network at a time.
#[test]
fn segments_are_substeps() {
    let setup = setup(&[4, 9], 3, KIND, 0.1);
    let task = Task::measure(&setup, 60);
    let (expansions, updates) = ([1, 3], 60);
    let mask = ExpansionMask::new(&expansions, 10, Device::Cpu);
    let gamma = Tensor::from_slice(&[0.05, 0.2]).view([1, 1, 1, 2]).expand([2, 2, 2, 2], false);
    let eta = Tensor::from_slice(&[0.0, 0.03]).view([1, 1, 1, 2]).expand([2, 2, 2, 2], false);
    let settings = LmsSettings { gamma: gamma.contiguous(), eta: eta.contiguous(), mask: &mask };
    tch::manual_seed(5);
    let drawn = Tensor::randn([2, 2, updates, 30], F64);
    let start = setup.granule.initial.view([2, 1, 1, 1, 30]) * mask.values.view([1, 2, 1, 1, 30]);
    let mut runs = Runs {
        weights: start.expand([2, 2, 2, 2, 30], false).contiguous(),
        plant: Tensor::zeros([2, 2, 2, 2, 6], F64),
    };
    let (mut first, mut losses) = (0, Vec::new());
    for blocks in [1, 27, 32] {
        let powers = TransitionPowers::new(&setup, blocks);
        let segment = setup.segment(first, blocks);
        let noise = drawn.narrow(2, first, blocks);
        losses.push(advance(&segment, &powers, &task, &settings, Some(&noise), &mut runs));
        first += blocks;
    }
    let losses = Tensor::cat(&losses, 4);
    let mut worst = [0.0f64; 2];
    for (seed, size, repeat, rule) in
        [(0, 0, 0, 0), (0, 1, 1, 0), (1, 0, 1, 1), (1, 1, 0, 1), (0, 1, 1, 1)]
    {
        let cells = 10 * expansions[size as usize];
        let network = Network::of(&setup, seed, cells, KIND);
        let pick = |t: &Tensor| t.get(seed).get(size).get(repeat).get(rule);
        let (gamma, eta) = (numbers(&pick(&settings.gamma))[0], numbers(&pick(&settings.eta))[0]);
        let noise: Vec<Vec<f64>> = (0..updates)
            .map(|k| {
                let vector = numbers(&drawn.get(seed).get(repeat).get(k).narrow(0, 0, cells));
                let norm = vector.iter().map(|x| x * x).sum::<f64>().sqrt();
                vector.iter().map(|x| eta * x / norm).collect()
            })
            .collect();
        let begin = numbers(&setup.granule.initial.get(seed).narrow(0, 0, cells));
        let path = network.learn(begin, gamma, &noise, updates as usize);
        let found = numbers(&pick(&runs.weights).narrow(0, 0, cells));
        for (a, b) in found.iter().zip(path.last().unwrap()) {
            worst[0] = worst[0].max((a - b).abs());
        }
        for k in [0, 27, 59] {
            let a = numbers(&pick(&losses).get(k))[0];
            worst[1] = worst[1].max((a - network.loss(&path[k as usize], 60)).abs());
        }
        let beyond = pick(&runs.weights).narrow(0, cells, 30 - cells).abs().sum(Kind::Double);
        assert_eq!(numbers(&beyond)[0], 0.0);
    }
    println!("largest differences of weights and losses: {worst:?}");
    assert!(worst[0] < 1e-13 && worst[1] < 1e-13, "{worst:?}");
}

#[test]
fn learning_is_that_of_the_differential_equations() {
    let setup = setup(&[1], 1, KIND, 0.01);
    let task = Task::measure(&setup, 10);
    let mut runs = Runs {
        weights: setup.granule.initial.view([1, 1, 1, 1, 10]).copy(),
        plant: Tensor::zeros([1, 1, 1, 1, 6], F64),
    };
    let gamma = Tensor::full([1, 1, 1, 1], 0.1, F64);
    let mask = ExpansionMask::new(&[1], 10, Device::Cpu);
    let settings = LmsSettings { eta: gamma.zeros_like(), gamma, mask: &mask };
    let powers = TransitionPowers::new(&setup, 60);
    let _ = advance(&setup.segment(0, 60), &powers, &task, &settings, None, &mut runs);
    let network = Network::of(&setup, 0, 10, KIND);
    let ode = network.learn_ode(numbers(&setup.granule.initial), 0.1, 60, 0.01);
    let difference =
        numbers(&runs.weights).iter().zip(ode).fold(0.0f64, |d, (a, b)| d.max((a - b).abs()));
    println!("largest difference of a weight: {difference:e}");
    assert!(difference < 1e-6);
}

#[test]
fn loss_changes_by_its_gradient_and_curvature() {
    let setup = setup(&[0], 9, KIND, 0.05);
    let task = Task::measure(&setup, 200);
    tch::manual_seed(2);
    let weights = &setup.granule.initial;
    let change = Tensor::randn([1, 90], F64) * 0.05;
    let gradient = task.gradient(&weights.unsqueeze(1)).squeeze_dim(1);
    let curved = change.matmul(&task.hessian.squeeze_dim(0));
    let expected = ((gradient + curved * 0.5) * &change).sum(Kind::Double);
    let found = task.loss(&(weights + &change)) - task.loss(weights);
    assert!(numbers(&(found - expected))[0].abs() < 1e-14);
    // Both signs of a vector of unit length cancel the gradient: what is left is its mean cost.
    let noise = Tensor::randn([1, 100_000, 90], F64);
    let unit = &noise / noise.square().sum_dim_intlist(-1, true, Kind::Double).sqrt() * 0.05;
    let middle = task.loss(weights);
    let both =
        task.loss(&(weights.unsqueeze(1) + &unit)) + task.loss(&(weights.unsqueeze(1) - unit));
    let cost = numbers(&(both.mean(Kind::Double) * 0.5 - middle))[0];
    let trace = numbers(&task.hessian.squeeze_dim(0).trace())[0];
    let expected = 0.05 * 0.05 * trace / 180.0;
    println!("mean cost of noise {cost:.4e}, predicted {expected:.4e}");
    assert!((cost / expected - 1.0).abs() < 1e-3);
}

#[test]
fn expansions_are_nested() {
    let all = setup(&[0, 1], 9, KIND, 0.05);
    let large = Task::measure(&all, 400);
    let begin = numbers(&large.loss(&all.granule.initial));
    for q in 1..=9 {
        let own = Task::measure(&setup(&[0, 1], q, KIND, 0.05), 400);
        let leading = large.leading(10 * q);
        let start = all.granule.initial.narrow(1, 0, 10 * q);
        let difference = numbers(&(&own.hessian - &leading.hessian).abs().max())[0];
        assert!(difference < 1e-14, "{difference:e}");
        for (a, b) in numbers(&own.loss(&start)).iter().zip(&begin) {
            assert!((a - b).abs() <= 1e-12 * b);
        }
    }
}

/// The least of L(w) + ½ ridge |w − start|²: `[seed]`; start: `[seed, cell]`.
fn ridge_minimum(task: &Task, start: &Tensor, ridge: f64) -> Tensor {
    let (values, vectors) = task.hessian.linalg_eigh("L");
    let slope = task.gradient(&start.unsqueeze(1)).matmul(&vectors).squeeze_dim(1);
    let gain = slope.square() / (values.clamp_min(0.0) + ridge) * 0.5;
    task.loss(start) - gain.sum_dim_intlist(-1, false, Kind::Double)
}

/// The least loss can only fall where cells are added. The ridge minimum keeps that to rounding.
/// The pseudo-inverse with a cut does not: it cuts other directions in every network.
#[test]
fn least_loss_falls_with_the_expansion() {
    let all = setup(&(0..10).collect::<Vec<u64>>(), 9, KIND, 0.05);
    let large = Task::measure(&all, 400);
    let (mut last, mut last_cut) = ([f64::INFINITY; 10], [f64::INFINITY; 10]);
    let (mut rise, mut rise_cut) = (0.0f64, 0.0f64);
    for q in 1..=9 {
        let leading = large.leading(10 * q);
        let start = all.granule.initial.narrow(1, 0, 10 * q);
        let ridge = numbers(&ridge_minimum(&leading, &start, 1e-12));
        let cut = numbers(&leading.loss(&leading.minimum(&start, 1e-12).unwrap().weights));
        for seed in 0..10 {
            rise = rise.max(ridge[seed] - last[seed]);
            rise_cut = rise_cut.max(cut[seed] - last_cut[seed]);
        }
        (last, last_cut) = (ridge.try_into().unwrap(), cut.try_into().unwrap());
    }
    println!(
        "largest rise of the least loss with q: ridge {rise:.1e}, cut at 1e-12 {rise_cut:.1e}"
    );
    assert!(rise < 1e-9, "{rise:e}");
    assert!(rise_cut < 2e-7, "{rise_cut:e}");
}

/// The predicted gain of one mean update with noise, against the losses that it is the mean of:
/// noise along every axis, both ways.
#[test]
fn speed_of_one_mean_update_is_what_it_takes_off_the_loss() {
    let setup = setup(&[3, 8], 2, KIND, 0.05);
    let task = Task::measure(&setup, 200);
    let weights = &setup.granule.initial;
    let (gamma, eta) = (0.3, 0.2);
    let mean = task.rule.matmul(&weights.unsqueeze(-1)).squeeze_dim(-1) - &task.rule_linear;
    let moved = (weights - mean * gamma).unsqueeze(1);
    let axes = Tensor::eye(20, F64) * eta;
    let after = task.loss(&Tensor::cat(&[&moved + &axes, moved - axes], 1));
    let before = task.loss(weights);
    let expected = (&before - after.mean_dim(1, false, Kind::Double)) / before;
    let difference = (mean_update_gain(&task, weights, gamma, eta) - expected).abs().max();
    assert!(numbers(&difference)[0] < 1e-12);
}
