//! Early descent on ten examples: PyTorch's numbers, the notebook's sentences, and the program.

#![allow(clippy::unwrap_used, clippy::print_stdout)]

mod common;

use common::{Bench, Outcome, cut, fetched, words};
use neuron_lab::depth_width::DepthWidth;
use neuron_lab::depth_width::descent::{Course, Examples, Init, Point, descend};
use neuron_lab::lab::tensor::optim::OptimizerKind::{self, Adam, Sgd};
use neuron_lab::lab::train::experiment::Experiment;
use tch::{Device, Kind, Tensor};

fn course(point: &Point, examples: &Examples, steps: u32, seed: u64) -> Course {
    let losses = descend(point, examples, steps, seed).unwrap();
    Course { losses: Vec::<f64>::try_from(losses.to_kind(Kind::Double)).unwrap() }
}

// Numbers from scripts/reference/depth_width.py: networks 12-16-16-16-10 on ten images
// sin(0.7 i), i = 0..120, with the weights of torch.manual_seed(rng::key(0, "init", 0)).
#[test]
fn losses_are_pytorchs() {
    tch::set_num_threads(1);
    let pixels = (Tensor::arange(120, (Kind::Float, Device::Cpu)) * 0.7).sin();
    let labels = Tensor::arange(10, (Kind::Int64, Device::Cpu));
    let examples = Examples { images: pixels.view([10, 12]), labels };
    let cases: [(OptimizerKind, f64, Init, [f64; 5]); 4] = [
        (Sgd, 0.1, Init::Default, [2.3119967, 2.3104882, 2.3091111, 2.3077962, 2.3065126]),
        (Sgd, 0.1, Init::He, [2.9556077, 2.5351532, 2.3689303, 2.2756028, 2.2132907]),
        (Adam, 0.01, Init::Default, [2.3119967, 2.2995906, 2.2840087, 2.2659948, 2.2455504]),
        (Adam, 0.01, Init::He, [2.9556077, 2.6502311, 2.4492550, 2.3092413, 2.2113900]),
    ];
    for (optimizer, lr, init, expected) in cases {
        let point = Point { optimizer, lr, init, depth: 3, width: 16 };
        let found = course(&point, &examples, 4, 0).losses;
        for (found, expected) in found.iter().zip(expected) {
            assert!((found - expected).abs() < 2e-6, "{point:?}: {found}, not {expected}");
        }
    }
}

#[track_caller]
fn mnist() -> Option<Examples> {
    fetched("mnist").map(|data| Examples::first_of_each(&data).unwrap())
}

fn default_init(optimizer: OptimizerKind, lr: f64, depth: i64, width: i64) -> Point {
    Point { optimizer, lr, init: Init::Default, depth, width }
}

/// "Depth improves early training for a decent increase but then massively fails and levels off."
#[test]
fn depth_helps_then_fails_and_levels_off() {
    tch::set_num_threads(1);
    let Some(examples) = mnist() else { return };
    let after = |depth: i64| course(&default_init(Adam, 0.001, depth, 1024), &examples, 5, 0);
    let last = |depth: i64| after(depth).losses[5];
    let one = last(1);
    for depth in [2, 3] {
        let loss = last(depth);
        assert!(loss < 0.01 && loss < one, "depth {depth}: {loss}, depth 1: {one}");
    }
    let six = last(6);
    assert!((0.6..1.4).contains(&six), "depth 6: {six}");
    for (depth, least) in [(8, 1.5), (12, 2.1)] {
        let course = after(depth);
        assert!(course.losses[5] > least && !course.explodes(), "depth {depth}: {course:?}");
        assert!((course.start() - 10f64.ln()).abs() < 0.02, "depth {depth}: {course:?}");
    }
}

/// "Can go to incredible widths and still be decreasing initial loss": SGD, two layers.
#[test]
fn width_speeds_up_plain_descent() {
    tch::set_num_threads(1);
    let Some(examples) = mnist() else { return };
    let mut before = 0.0;
    for (width, expected) in [(64, 0.18), (256, 0.20), (1024, 0.39), (4096, 0.99), (8192, 1.51)] {
        let found = course(&default_init(Sgd, 0.01, 2, width), &examples, 10, 0).decrease();
        let near = (found / expected - 1.0).abs() < 0.15;
        assert!(near && found > before, "width {width}: {found}, about {expected}, above {before}");
        before = found;
    }
}

/// "But then explodes": Adam, two layers, where rate times width is large.
#[test]
fn wide_networks_explode_under_a_large_rate() {
    tch::set_num_threads(1);
    let Some(examples) = mnist() else { return };
    let at = |lr: f64, width: i64| course(&default_init(Adam, lr, 2, width), &examples, 5, 0);
    assert!(at(0.01, 1024).losses[2] > 10.0);
    assert!(!at(0.01, 64).explodes());
    assert!(!at(0.001, 1024).explodes());
}

/// He's initialisation keeps the signal: 32 layers learn where the default's do not.
#[test]
fn deep_networks_descend_from_hes_initialisation() {
    tch::set_num_threads(1);
    let Some(examples) = mnist() else { return };
    let default = default_init(Sgd, 0.01, 32, 64);
    let he = Point { init: Init::He, ..default };
    let decrease = |point: &Point| -> f64 {
        (0..3).map(|seed| course(point, &examples, 10, seed).decrease()).sum::<f64>() / 3.0
    };
    let (default, he) = (decrease(&default), decrease(&he));
    assert!(default.abs() < 0.001 && he > 0.2, "default {default}, He {he}");
}

fn run(bench: &Bench, line: &str) -> Outcome {
    let line = format!("{line} --data digits --device cpu");
    bench.execute(env!("CARGO_BIN_EXE_depth_width"), &words(&line))
}

const SMALL: &str = "--depths 1,3 --widths 4,32 --inits default,he --optimizers sgd,adam \
                     --lrs 0.01,0.1 --descent-steps 3 --replicates 2 --quiet";

#[test]
fn a_run_that_died_goes_on_with_the_same_bits_and_every_figure_is_drawn() {
    let bench = Bench::new();
    let home = bench.path("");
    run(&bench, &format!("{SMALL} --name whole --checkpoint-every 1 --keep 50")).expect(0);
    assert_eq!(cut::last(&home, "depth_width", "whole").manifest.step, 64);
    cut::after_step(&home, "depth_width", "whole", "cut", 13);
    run(&bench, "--resume cut --quiet").expect(0);
    cut::assert_same(&home, "depth_width", "whole", "cut");
    let figures = bench.names("runs/depth_width/whole/figures");
    for figure in ["boundary", "courses", "depth", "explosion_sgd_he_d3", "width"] {
        assert!(figures.contains(&format!("{figure}.png")), "{figure} of {figures:?}");
    }
}

/// Each network is that of its seed alone, whatever else the launch holds.
#[test]
fn the_grid_does_not_matter() {
    let bench = Bench::new();
    let home = bench.path("");
    run(&bench, &format!("{SMALL} --name whole")).expect(0);
    let one = "--depths 3 --widths 32 --inits he --optimizers adam --lrs 0.1 --descent-steps 3";
    run(&bench, &format!("{one} --seed 1 --name one --quiet")).expect(0);
    let losses = |name: &str| cut::last(&home, "depth_width", name).tensors["state.losses"].copy();
    let (whole, one) = (losses("whole"), losses("one"));
    assert_eq!((whole.size(), one.size()), (vec![2, 32, 4], vec![1, 4]));
    // The last of both.
    assert_eq!(whole.get(1).get(31), one.get(0));
}

#[test]
fn what_makes_no_sense_is_refused_in_one_line() {
    let bench = Bench::new();
    for (line, said) in [
        ("--depths 0", "--depths 0: expected numbers from 1"),
        ("--depths 3,10001", "--depths 3,10001: expected numbers from 1 to 10000"),
        ("--widths 64,0", "--widths 64,0"),
        ("--widths 4611686018427387904", "expected numbers from 1 to 16777216"),
        ("--widths 64,64", "each value once"),
        ("--lrs 0", "--lrs 0: expected positive"),
        ("--lrs nan", "--lrs nan"),
        ("--lrs 0.1,0.10", "each value once"),
        ("--inits he,he", "--inits he,he: expected each value once"),
        ("--optimizers sgd,sgd", "--optimizers sgd,sgd: expected each value once"),
        ("--descent-steps 0", "--descent-steps 0"),
        ("--descent-steps 4294967295", "expected fewer for 7 networks"),
        ("--steps 5", "--steps 5 does not apply: a run is every network once"),
        ("--epochs 2", "--epochs 2 does not apply: a run is every network once"),
        ("--patience 2", "--patience 2 does not apply"),
        ("--init-from a", "--init-from a does not apply"),
        ("--lrs 0 --depths 0", "10000; --lrs 0: expected positive"),
        ("--depth 3", "--depths"),
        ("--inits xavier", "xavier"),
    ] {
        let outcome = run(&bench, line).expect(2);
        assert!(outcome.error().contains(said), "{line}: {outcome:?}");
        assert!(!bench.path("runs").exists(), "{line}");
    }
}

#[test]
fn the_page_explains_every_tag() {
    let page = include_str!("../docs/depth_width.md");
    for (tag, meaning) in DepthWidth::SPEC.tags {
        assert!(page.contains(&format!("| `{tag}` | {meaning} |")), "{tag}");
    }
}
