//! The charts that every experiment lays out for TensorBoard: each of their curves is there, and the
//! legend in the title tells them apart.

#![allow(clippy::unwrap_used)]

mod common;
mod event_reader;

use std::collections::{BTreeMap, BTreeSet};

use common::{Bench, EXPERIMENTS, words};
use event_reader::read_events;
use neuron_lab::lab::Chart;
use neuron_lab::lab::log::tags::edges;
use protobuf::Message;
use tensorboard_proto::layout::{self, Layout, MarginChartContent_Series};

/// A program, and the flags of a run of a second at most.
type Case = (&'static str, &'static str);

const CASES: [Case; 19] = [
    (
        env!("CARGO_BIN_EXE_apical_characterize"),
        "--data digits --hidden 16,12 --grid-batch 60 --grid-lr 0.1 --steps 3",
    ),
    (env!("CARGO_BIN_EXE_apical_toy"), "--trials 20 --steps 40 --log-every 20"),
    (
        env!("CARGO_BIN_EXE_apical_train"),
        "--data digits --hidden 8 --epochs 2 --steps-per-phase 4 --lr-w 1e-4",
    ),
    // Of these six runs two explode.
    (
        env!("CARGO_BIN_EXE_apical_train"),
        "--data digits --hidden 16,16 --lr-a 0.1 --lr-w 1e-4,1 --replicates 3 --epochs 2 \
         --steps-per-phase 4",
    ),
    (
        env!("CARGO_BIN_EXE_depth_width"),
        "--data digits --depths 1 --widths 4,8 --descent-steps 2 --replicates 2",
    ),
    (
        env!("CARGO_BIN_EXE_efficient_coding"),
        "--kernel-size 6 --neurons 7 --batch-size 20 --eval-patches 64 --covariance-batches 2 \
         --image-every 0 --evaluate-every 10 --steps 20 --log-every 5",
    ),
    (
        env!("CARGO_BIN_EXE_efficient_coding"),
        "--kernel-size 6 --neurons 7 --batch-size 20 --eval-patches 64 --covariance-batches 2 \
         --image-every 0 --evaluate-every 10 --steps 20 --log-every 5 --constraint gamma-v1",
    ),
    (
        env!("CARGO_BIN_EXE_one_neuron"),
        "--optimizer sgd,adam --gradient correct,averaged,averaged-x2 --steps 100 --replicates 3 \
         --evaluate-every 50 --record-every 10 --log-every 20",
    ),
    (
        env!("CARGO_BIN_EXE_one_neuron"),
        "--model multi --optimizer sgd --gradient correct --steps 60 --evaluate-every 30 \
         --record-every 10 --log-every 20",
    ),
    (
        env!("CARGO_BIN_EXE_selector_continual"),
        "--data digits --hidden 8,8 --scenario task --replicates 2 --log-every 5",
    ),
    (
        env!("CARGO_BIN_EXE_selector_mnist"),
        "--data digits --hidden 8,8 --grow 2:7@epoch2 --epochs 2 --log-every 5 --replicates 2",
    ),
    (
        env!("CARGO_BIN_EXE_selector_mnist"),
        "--data digits --hidden 8 --selector none --num-computation 1 --epochs 1 --log-every 5",
    ),
    (env!("CARGO_BIN_EXE_selector_transformer"), TRANSFORMER),
    // More computation neurons than the log has letters for, in some of the layers.
    (
        env!("CARGO_BIN_EXE_selector_transformer"),
        "--d-model 16 --heads 2 --feedforward 24 --vocab 60 --sequence 12 --batch-size 4 --layers 1 \
         --num-computation 27 --eval-sequences 6 --steps 4 --log-every 2 --replace attention",
    ),
    (env!("CARGO_BIN_EXE_steady_state"), SWEEP),
    (
        env!("CARGO_BIN_EXE_steady_state"),
        "--pretrain exact --train-seconds 60 --steady-seconds 60 --steady-window 20 \
         --loss-seconds 60 --replicates 2 --expansions 1 --gammas 0.02 --snr none",
    ),
    (
        env!("CARGO_BIN_EXE_steady_state_init"),
        "--pretrain-seconds 105 --train-seconds 20 --steady-seconds 20 --steady-window 20 \
         --loss-seconds 60 --replicates 3",
    ),
    (
        env!("CARGO_BIN_EXE_steady_state_theory"),
        "--pretrain-seconds 20 --train-seconds 60 --steady-seconds 60 --steady-window 20 \
         --loss-seconds 60 --replicates 2",
    ),
    (env!("CARGO_BIN_EXE_two_loss_toy"), "--steps 40 --map-size 3 --map-steps 20"),
];

const TRANSFORMER: &str = "--d-model 16 --heads 2 --feedforward 24 --vocab 60 --sequence 12 \
                           --batch-size 4 --eval-sequences 6 --sample-words 5 --evaluate-every 4 \
                           --steps 8 --log-every 2";

const SWEEP: &str = "--pretrain-seconds 105 --train-seconds 60 --steady-seconds 60 \
                     --steady-window 20 --loss-seconds 60 --replicates 2 --expansions 1,2,3,4,5,6 \
                     --gammas 0.02,0.1 --snr none,3";

/// What TensorBoard reads of a run.
struct Board {
    layout: Layout,
    /// Points as (step, value), by tag.
    curves: BTreeMap<String, Vec<(i64, f32)>>,
}

impl Board {
    fn of(bench: &Bench, experiment: &str) -> Self {
        let folder = bench.path(format!("runs/{experiment}/a"));
        let mut board = Self { layout: Layout::new(), curves: BTreeMap::new() };
        for name in bench.names(&folder) {
            if name.starts_with("events.out.") {
                read_events(&folder.join(name)).unwrap().iter().for_each(|event| {
                    event.get_summary().get_value().iter().for_each(|value| {
                        let tag = value.get_tag();
                        if tag == "custom_scalars__config__" {
                            let bytes = &value.get_tensor().get_string_val()[0];
                            board.layout = Layout::parse_from_bytes(bytes).unwrap();
                        } else if value.has_simple_value() {
                            let point = (event.get_step(), value.get_simple_value());
                            board.curves.entry(tag.into()).or_default().push(point);
                        }
                    });
                });
            }
        }
        board
    }

    fn steps(&self, tag: &str) -> Vec<i64> {
        self.curves[tag].iter().map(|(step, _)| *step).collect()
    }

    fn values(&self, tag: &str) -> impl Iterator<Item = f32> {
        self.curves[tag].iter().map(|(_, value)| *value)
    }
}

fn check_chart(board: &Board, chart: &layout::Chart, context: &str) {
    let series = chart.get_margin().get_series();
    assert!((1..=Chart::MOST).contains(&series.len()), "{context}: {} curves", series.len());
    for one in series {
        for tag in [one.get_value(), one.get_lower(), one.get_upper()] {
            assert!(board.curves.contains_key(tag), "{context}: nothing logs {tag}");
        }
        check_series(board, one, context);
    }
    // TensorBoard marks a curve when it first has it, which must be the order of the legend.
    let begins: Vec<i64> = series.iter().map(|one| board.steps(one.get_value())[0]).collect();
    assert!(begins.is_sorted(), "{context}: the curves begin at steps {begins:?}");
    // A legend has a mark for each of several curves.
    let marks: Vec<char> = chart.title.chars().filter(|c| "◼◆▲".contains(*c)).collect();
    let expected = if series.len() == 1 { 0 } else { series.len() };
    assert_eq!(marks.len(), expected, "{context}");
    assert_eq!(marks.iter().collect::<BTreeSet<_>>().len(), expected, "{context}");
}

/// A curve is a value, never a spread or one of the replicates; around it is a band, or itself.
fn check_series(board: &Board, series: &MarginChartContent_Series, context: &str) {
    let tag = series.get_value();
    let last = tag.rsplit('/').next().unwrap();
    let replicate = last.strip_prefix('r').is_some_and(|number| number.parse::<u32>().is_ok());
    assert!(last != "sd" && !replicate, "{context}: {tag} is no curve");
    let (lower, upper) = (series.get_lower(), series.get_upper());
    if lower == tag {
        assert_eq!(upper, tag, "{context}");
        return;
    }
    assert_eq!([lower, upper], edges(tag).each_ref().map(String::as_str), "{context}");
    // Otherwise TensorBoard shows an error in place of the chart.
    assert!(board.steps(lower) == board.steps(tag) && board.steps(upper) == board.steps(tag));
    // Both edges are as far from the mean as the spread says, where there is one.
    let spread = format!("{tag}/sd");
    if board.curves.contains_key(&spread) {
        let all = board.values(lower).zip(board.values(upper)).zip(board.values(&spread));
        for ((lower, upper), sd) in all.filter(|(_, sd)| sd.is_finite()) {
            let tolerance = 1e-5 * (lower.abs() + upper.abs());
            assert!(((upper - lower) / 2.0 - sd).abs() <= tolerance, "{context}: {tag}");
        }
    }
}

#[test]
fn every_curve_of_every_chart_is_there_and_told_apart() {
    let mut seen = BTreeSet::new();
    for (program, flags) in CASES {
        let bench = Bench::new();
        let experiment = program.rsplit('/').next().unwrap();
        seen.insert(experiment);
        let line = format!("{flags} --device cpu --quiet --name a");
        bench.execute(program, &words(&line)).expect(0);
        let board = Board::of(&bench, experiment);
        let sections = board.layout.get_category();
        assert!(sections.len() >= 2, "{experiment}: {} sections", sections.len());
        let mut titles = BTreeSet::new();
        for section in sections {
            assert!(section.title.starts_with(&format!("{experiment}: ")), "{}", section.title);
            for chart in section.get_chart() {
                let context = format!("{experiment} {flags}: {}: {}", section.title, chart.title);
                check_chart(&board, chart, &context);
                assert!(titles.insert((&section.title, &chart.title)), "{context}: twice");
            }
        }
    }
    assert_eq!(Vec::from_iter(seen), EXPERIMENTS, "an experiment without a case");
}

#[test]
fn bands_are_in_the_event_file_alone_and_go_on_in_a_resumed_run() {
    let bench = Bench::new();
    let line = "--data digits --hidden 8 --log-every 2 --replicates 3 --quiet";
    bench.run(&format!("{line} --epochs 1 --name a")).expect(0);
    bench.run("--resume a --epochs 2 --quiet").expect(0);
    let board = Board::of(&bench, "selector_mnist");
    for chart in board.layout.get_category().iter().flat_map(layout::Category::get_chart) {
        check_chart(&board, chart, &format!("resumed: {}", chart.title));
    }
    let banded = board.curves.keys().filter(|tag| tag.starts_with("bands/")).count();
    assert!(banded > 0 && board.curves.contains_key("bands/eval/accuracy/lower"));
    // The log stays far from twice its size.
    let points = |of: &dyn Fn(&str) -> bool| -> usize {
        board.curves.iter().filter(|(tag, _)| of(tag)).map(|(_, points)| points.len()).sum()
    };
    let (edges, others) =
        (points(&|tag| tag.starts_with("bands/")), points(&|tag| !tag.starts_with("bands/")));
    assert!(edges < others, "{edges} points of bands, {others} others");
    let lines = bench.metrics("a");
    let logged = lines.iter().flat_map(|line| line["values"].as_object().unwrap().keys());
    assert!(logged.clone().any(|tag| tag == "eval/accuracy/sd"));
    assert!(!logged.clone().any(|tag| tag.starts_with("bands/")));
    // What is one number of all replicates has no band.
    assert!(!board.curves.contains_key("bands/optim/lr/lower"));
}
