//! `--eval` of a checkpoint gives what the run itself logged at that step, for every experiment.

#![allow(clippy::unwrap_used)]

mod common;

use common::{Bench, words};
use serde_json::{Map, Value};

/// An experiment with small settings, and how many values its evaluation gives at least.
struct Case {
    program: &'static str,
    flags: &'static str,
    values: usize,
}

const CASES: [Case; 14] = [
    Case {
        program: env!("CARGO_BIN_EXE_selector_mnist"),
        flags: "--data digits --hidden 8,8 --grow 2:3@epoch2 --balance bias --epochs 2",
        values: 18,
    },
    Case {
        program: env!("CARGO_BIN_EXE_selector_transformer"),
        flags: "--d-model 16 --heads 2 --feedforward 24 --vocab 60 --sequence 12 --batch-size 4 \
                --eval-sequences 6 --sample-words 5 --evaluate-every 8 --steps 16",
        values: 3,
    },
    Case {
        program: env!("CARGO_BIN_EXE_selector_continual"),
        flags: "--data digits --hidden 8,8 --method ewc --fisher-samples 5",
        values: 3,
    },
    Case {
        program: env!("CARGO_BIN_EXE_depth_width"),
        flags: "--data digits --depths 1,3 --widths 4 --descent-steps 3 --replicates 2",
        values: 2,
    },
    Case {
        program: env!("CARGO_BIN_EXE_one_neuron"),
        flags: "--optimizer sgd,adam --gradient correct,averaged --steps 400 --replicates 2 \
                --evaluate-every 200 --record-every 10",
        values: 12,
    },
    Case {
        program: env!("CARGO_BIN_EXE_apical_toy"),
        flags: "--trials 50 --steps 100",
        values: 20,
    },
    // Of these six runs two explode.
    Case {
        program: env!("CARGO_BIN_EXE_apical_train"),
        flags: "--data digits --hidden 16,16 --lr-a 0.1 --lr-w 1e-4,1 --replicates 3 --epochs 3 \
                --steps-per-phase 4",
        values: 12,
    },
    Case {
        program: env!("CARGO_BIN_EXE_apical_characterize"),
        flags: "--data digits --hidden 16,16",
        values: 12,
    },
    Case {
        program: env!("CARGO_BIN_EXE_two_loss_toy"),
        flags: "--steps 200 --map-size 0",
        values: 10,
    },
    Case {
        program: env!("CARGO_BIN_EXE_efficient_coding"),
        flags: "--kernel-size 6 --neurons 7 --batch-size 20 --eval-patches 64 \
                --covariance-batches 2 --image-every 0 --evaluate-every 20 --steps 40",
        values: 5,
    },
    Case {
        program: env!("CARGO_BIN_EXE_efficient_coding"),
        flags: "--kernel-size 6 --neurons 7 --batch-size 20 --eval-patches 64 --constraint gamma-v1 \
                --covariance-batches 2 --image-every 0 --evaluate-every 20 --steps 40",
        values: 5,
    },
    Case {
        program: env!("CARGO_BIN_EXE_steady_state"),
        flags: "--pretrain-seconds 105 --train-seconds 60 --steady-seconds 60 --steady-window 20 \
                --loss-seconds 60 --replicates 2 --expansions 1,3 --gammas 0.02,0.1",
        values: 10,
    },
    Case {
        program: env!("CARGO_BIN_EXE_steady_state_init"),
        flags: "--pretrain-seconds 105 --train-seconds 20 --steady-seconds 20 --steady-window 20 \
                --loss-seconds 60 --replicates 12",
        values: 4,
    },
    Case {
        program: env!("CARGO_BIN_EXE_steady_state_theory"),
        flags: "--pretrain-seconds 20 --train-seconds 60 --steady-seconds 60 --steady-window 20 \
                --loss-seconds 60 --replicates 2",
        values: 10,
    },
];

/// The last value of every tag in a run's log.
fn logged(bench: &Bench, experiment: &str, run: &str) -> Map<String, Value> {
    let path = bench.path(format!("runs/{experiment}/{run}/metrics.jsonl"));
    let text = std::fs::read_to_string(path).unwrap();
    let lines = text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    lines.flat_map(|line| line["values"].as_object().cloned().unwrap()).collect()
}

#[test]
fn an_evaluation_gives_what_the_run_logged() {
    for (i, Case { program, flags, values }) in CASES.iter().enumerate() {
        let bench = Bench::new();
        let experiment = program.rsplit('/').next().unwrap();
        let run = format!("case{i}");
        let line = format!("{flags} --device cpu --quiet --name {run}");
        bench.execute(program, &words(&line)).expect(0);
        let folder = bench.path(format!("checkpoints/{experiment}/{run}"));
        // The newest: the best one may be older than the log's last line.
        let newest =
            bench.names(&folder).into_iter().rfind(|name| name.ends_with(".json")).unwrap();
        let newest = folder.join(newest);
        let asked = ["--device", "cpu", "--json", "--eval", newest.to_str().unwrap()];
        let said = bench.execute(program, &asked).expect(0).stdout;
        let found: Value = serde_json::from_str(said.lines().last().unwrap()).unwrap();
        let found = found["metrics"].as_object().unwrap();
        let expected = logged(&bench, experiment, &run);
        assert!(found.len() >= *values, "{experiment}: {} values", found.len());
        for (tag, value) in found {
            assert_eq!(Some(value), expected.get(tag), "{experiment}: {tag}");
        }
    }
}
