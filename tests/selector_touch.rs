//! Which weights a step touches, rule by rule, with SGD and Adam, and what growth leaves alone.

#![allow(clippy::unwrap_used)]

mod common;

use clap::ValueEnum;
use common::Bench;
use neuron_lab::lab::store::{Persist, StateWriter};
use neuron_lab::lab::tensor::nn::draw_params;
use neuron_lab::lab::train::finite::FinitePolicy;
use neuron_lab::lab::train::session::Session;
use neuron_lab::lab::{Experiment, open_session};
use neuron_lab::selector::SelectorMnist;
use neuron_lab::selector::layer::{LayerShape, Rule, SelectorKind, SelectorLayer, SteSign};
use tch::{Device, Kind, Tensor};

/// A run on the digits that takes its steps one by one.
struct Run {
    session: Session<SelectorMnist>,
    /// The run's folder, which goes with it.
    _bench: Bench,
}

impl Run {
    fn new(flags: &str) -> Self {
        tch::set_num_threads(1);
        let bench = Bench::new();
        let line = format!("--data digits --hidden 16,16 --name a {flags}");
        let session = open_session::<SelectorMnist>(bench.arguments(&line)).unwrap();
        Self { session, _bench: bench }
    }

    fn step(&mut self) {
        self.session.one_step().unwrap();
    }

    /// A copy of a tensor of the checkpoint.
    fn get(&self, name: &str) -> Tensor {
        let mut writer = StateWriter::default();
        self.session.experiment().save(&mut writer).unwrap();
        writer.tensors().find(|(key, _)| key == name).unwrap().1.copy()
    }

    /// Rows `[computation, neuron]` of a layer's computation weights that differ from `before`.
    fn moved(&self, name: &str, before: &Tensor) -> Tensor {
        self.get(name).ne_tensor(before).any_dim(-1, false)
    }
}

fn count(of: &Tensor) -> i64 {
    of.to_kind(Kind::Int64).sum(Kind::Int64).int64_value(&[])
}

fn name_of(rule: Rule) -> String {
    rule.to_possible_value().unwrap().get_name().to_string()
}

const LAYERS: [&str; 2] = ["layer1", "layer2"];

#[test]
fn one_sample_moves_only_what_it_selected() {
    for rule in Rule::value_variants() {
        for optimizer in ["sgd", "adam"] {
            let flags = format!(
                "--batch-size 1 --num-computation 5 --rule {} --optimizer {optimizer}",
                name_of(*rule)
            );
            let mut run = Run::new(&flags);
            let weights = LAYERS.map(|layer| format!("{layer}.computation.weight"));
            let selectors = LAYERS.map(|layer| format!("{layer}.selection.weight"));
            let before = weights.each_ref().map(|name| run.get(name));
            let before_selectors = selectors.each_ref().map(|name| run.get(name));
            run.step();
            for (i, layer) in LAYERS.into_iter().enumerate() {
                let moved = run.moved(&weights[i], &before[i]);
                let selected = run.get(&format!("state.tally.{layer}")).gt(0.0);
                assert_eq!(count(&selected), 16);
                let others = count(&moved.logical_and(&selected.logical_not()));
                let what = format!("{rule:?} {optimizer} {layer}");
                assert!(count(&moved) > 0, "{what}");
                assert_eq!(others > 0, *rule == Rule::Soft, "{what}: {others}");
                let frozen = run.get(&selectors[i]) == before_selectors[i];
                assert_eq!(frozen, *rule == Rule::Frozen, "{what}");
            }
        }
    }
}

/// Steps of one sample each, of which the last leaves some computation neurons of the first alone.
fn moved_without_being_selected(flags: &str) -> i64 {
    let mut run = Run::new(&format!("--batch-size 1 --num-computation 5 {flags}"));
    (0..3).for_each(|_| run.step());
    let name = "layer1.computation.weight";
    let (before, tally) = (run.get(name), run.get("state.tally.layer1"));
    run.step();
    let selected = (run.get("state.tally.layer1") - tally).gt(0.0);
    count(&run.moved(name, &before).logical_and(&selected.logical_not()))
}

#[test]
fn only_a_lazy_optimizer_leaves_unselected_weights_alone_for_good() {
    for rule in ["full-ste", "hidden", "selected-only", "switch", "frozen"] {
        for (optimizer, drifts) in
            [("sgd", false), ("adam", true), ("momentum", true), ("sgd --weight-decay 0.1", true)]
        {
            let flags = format!("--rule {rule} --optimizer {optimizer}");
            assert_eq!(moved_without_being_selected(&flags) > 0, drifts, "{flags}");
            assert_eq!(moved_without_being_selected(&format!("{flags} --lazy")), 0, "{flags}");
        }
    }
}

#[test]
fn the_bias_for_even_use_stays_where_a_step_is_not_finite() {
    let mut run = Run::new("--num-computation 5 --balance bias --log-every 100");
    run.session.set_finite_policy(FinitePolicy::WhenLogging);
    run.step();
    let before = run.get("layer1.preference");
    assert!(count(&before.ne(0.0)) > 0, "a finite step moves it");
    let mut writer = StateWriter::default();
    run.session.experiment().save(&mut writer).unwrap();
    let (_, bias) = writer.tensors().find(|(name, _)| name == "output.bias").unwrap();
    let _ = tch::no_grad(|| bias.get(0).fill_(f64::NAN));
    run.step();
    assert_eq!(run.get("layer1.preference"), before);
}

#[test]
fn a_batch_touches_a_row_with_the_expected_probability() {
    // 1 - (1 - 1/K)^M for an even selector.
    for (choices, samples, expected) in [(50, 64, 0.7255), (75, 64, 0.5764)] {
        let (selector, sign) = (SelectorKind::Softmax, SteSign::Consistent);
        let shape = LayerShape { inputs: 1, neurons: 2000, choices, selector, sign, rank: 0 };
        let params = draw_params(0, 1, &shape.parameters("layer1"), Device::Cpu).unwrap();
        let layer = SelectorLayer::new(shape, "layer1", &params, Device::Cpu).unwrap();
        tch::manual_seed(0);
        let choice = Tensor::randint(choices, [samples, 2000], (Kind::Int64, Device::Cpu));
        let touched = count(&layer.selection_counts(&choice).gt(0.0));
        let share = touched as f64 / (choices * 2000) as f64;
        assert!((share - expected).abs() < 0.005, "K = {choices}: {share}");
    }
}

#[test]
fn growth_without_noise_changes_nothing_and_its_copies_are_not_used() {
    let flags = "--num-computation 2 --batch-size 64 --epochs 3 --grow 2:5@epoch2 --grow-noise 0";
    let mut run = Run::new(flags);
    let epoch = run.session.experiment().schedule().evaluate_every;
    (0..epoch).for_each(|_| run.step());
    let old = run.get("layer1.computation.weight");
    let infer = |run: &Run| {
        let experiment = run.session.experiment();
        experiment.network.infer(&experiment.learner.params, &experiment.data.test.images)
    };
    let (before, _) = infer(&run);
    run.session.experiment_mut().change_before(epoch).unwrap();
    let (after, choices) = infer(&run);
    let change = (after - before).abs().max().double_value(&[]);
    assert!(change < 1e-4, "{change}");
    for (layer, choice) in run.session.experiment().network.layers.iter().zip(&choices) {
        let counts = layer.selection_counts(choice);
        assert_eq!(counts.size(), [5, 16]);
        assert_eq!(counts.narrow(0, 2, 3).max().double_value(&[]), 0.0);
    }
    let new = run.get("layer1.computation.weight");
    for k in 0..5 {
        assert_eq!(new.get(k), old.get(k % 2), "k = {k}");
    }
}

#[test]
fn growth_and_shrinking_carry_the_optimizers_state() {
    let flags = "--num-computation 5 --batch-size 64 --epochs 4 --optimizer adam \
                 --shrink 5:3@epoch2 --grow 3:4@epoch3";
    let mut run = Run::new(flags);
    let epoch = run.session.experiment().schedule().evaluate_every;
    (0..epoch).for_each(|_| run.step());
    let moment = "optim.exp_avg_sq.layer1.computation.weight";
    let (old, tally) = (run.get(moment), run.get("state.tally.layer1"));
    let weight = run.get("layer1.computation.weight");
    run.session.experiment_mut().change_before(epoch).unwrap();
    let (kept, kept_weight) = (run.get(moment), run.get("layer1.computation.weight"));
    assert_eq!(kept.size()[0], 3);
    for neuron in 0..16 {
        let mut counts: Vec<(i64, i64)> =
            (0..5).map(|k| (-tally.double_value(&[k, neuron]) as i64, k)).collect();
        counts.sort();
        let mut best: Vec<i64> = counts[..3].iter().map(|(_, k)| *k).collect();
        best.sort();
        for (row, k) in best.into_iter().enumerate() {
            assert_eq!(kept.get(row as i64).get(neuron), old.get(k).get(neuron));
            assert_eq!(kept_weight.get(row as i64).get(neuron), weight.get(k).get(neuron));
        }
    }
    run.session.experiment_mut().change_before(2 * epoch).unwrap();
    let grown = run.get(moment);
    assert_eq!(grown.narrow(0, 0, 3), kept);
    assert_eq!(grown.get(3).abs().max().double_value(&[]), 0.0);
    let weight = run.get("layer1.computation.weight");
    let noise = (weight.get(3) - kept_weight.get(0)).std(true).double_value(&[]);
    assert!((0.008..0.012).contains(&noise), "{noise}");
}
