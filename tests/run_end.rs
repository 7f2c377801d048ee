//! The end of a run: a process that dies there, is stopped there, or can't write there, loses nothing
//! that `--resume` does not make again, to the same bytes.

#![allow(clippy::unwrap_used)]

mod common;

use std::collections::BTreeMap;
use std::fs;
use std::process::{Child, Command, Stdio};

use common::{Bench, cut, in_time, wait_until, words};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

/// An experiment with small settings.
struct Case {
    program: &'static str,
    flags: &'static str,
}

const CASES: [Case; 15] = [
    Case {
        program: env!("CARGO_BIN_EXE_selector_mnist"),
        flags: "--data digits --hidden 8,8 --grow 2:3@epoch2 --balance bias --epochs 2 --log-every 5",
    },
    Case {
        program: env!("CARGO_BIN_EXE_selector_transformer"),
        flags: "--d-model 16 --heads 2 --feedforward 24 --vocab 60 --sequence 12 --batch-size 4 \
                --eval-sequences 6 --sample-words 5 --evaluate-every 8 --steps 16 --log-every 3",
    },
    // More computation neurons than the log has letters for.
    Case {
        program: env!("CARGO_BIN_EXE_selector_transformer"),
        flags: "--d-model 16 --heads 2 --feedforward 24 --vocab 60 --sequence 12 --batch-size 4 \
                --layers 1 --num-computation 27 --eval-sequences 6 --steps 8 --log-every 3",
    },
    Case {
        program: env!("CARGO_BIN_EXE_selector_continual"),
        flags: "--data digits --hidden 8,8 --method ewc --fisher-samples 5 --replicates 2",
    },
    Case {
        program: env!("CARGO_BIN_EXE_depth_width"),
        flags: "--data digits --depths 1,3 --widths 4,8 --lrs 0.1,100 --descent-steps 3 \
                --replicates 2",
    },
    Case {
        program: env!("CARGO_BIN_EXE_one_neuron"),
        flags: "--optimizer sgd,adam --gradient correct,averaged --batch-size 4,8 --steps 400 \
                --replicates 2 --evaluate-every 200 --record-every 10",
    },
    Case { program: env!("CARGO_BIN_EXE_apical_toy"), flags: "--trials 50 --steps 100" },
    // Of these six runs two explode.
    Case {
        program: env!("CARGO_BIN_EXE_apical_train"),
        flags: "--data digits --hidden 16,16 --lr-a 0.1 --lr-w 1e-4,1 --replicates 3 --epochs 3 \
                --steps-per-phase 4",
    },
    Case {
        program: env!("CARGO_BIN_EXE_apical_characterize"),
        flags: "--data digits --hidden 16,16 --replicates 2",
    },
    Case {
        program: env!("CARGO_BIN_EXE_two_loss_toy"),
        flags: "--steps 200 --map-size 3 --map-steps 200",
    },
    Case {
        program: env!("CARGO_BIN_EXE_efficient_coding"),
        flags: "--kernel-size 6 --neurons 7 --batch-size 20 --eval-patches 64 \
                --covariance-batches 2 --image-every 20 --evaluate-every 20 --steps 40",
    },
    Case {
        program: env!("CARGO_BIN_EXE_efficient_coding"),
        flags: "--kernel-size 6 --neurons 7 --batch-size 20 --eval-patches 64 --constraint gamma-v1 \
                --covariance-batches 2 --image-every 20 --evaluate-every 20 --steps 40 \
                --legacy-logging",
    },
    Case { program: env!("CARGO_BIN_EXE_steady_state"), flags: SWEEP },
    Case {
        program: env!("CARGO_BIN_EXE_steady_state_init"),
        flags: "--pretrain-seconds 105 --train-seconds 20 --steady-seconds 20 --steady-window 20 \
                --loss-seconds 60 --replicates 12",
    },
    Case {
        program: env!("CARGO_BIN_EXE_steady_state_theory"),
        flags: "--pretrain-seconds 20 --train-seconds 60 --steady-seconds 60 --steady-window 20 \
                --loss-seconds 60 --replicates 2",
    },
];

const SWEEP: &str = "--pretrain-seconds 105 --train-seconds 60 --steady-seconds 60 \
                     --steady-window 20 --loss-seconds 60 --replicates 2 --expansions 1,3 \
                     --gammas 0.02,0.1 --snr none,3";

/// The bytes of every file that a run has drawn, by its name.
fn figures(bench: &Bench, experiment: &str, run: &str) -> BTreeMap<String, Vec<u8>> {
    let folder = format!("runs/{experiment}/{run}/figures");
    let file = |name: String| {
        let bytes = fs::read(bench.path(&folder).join(&name)).unwrap();
        (name, bytes)
    };
    bench.names(&folder).into_iter().map(file).collect()
}

/// Asserts that a run has drawn what another has, and that it is done.
#[track_caller]
fn assert_drawn(bench: &Bench, experiment: &str, run: &str, whole: &BTreeMap<String, Vec<u8>>) {
    let found = figures(bench, experiment, run);
    let names = |of: &BTreeMap<String, Vec<u8>>| of.keys().cloned().collect::<Vec<String>>();
    assert_eq!(names(&found), names(whole), "{experiment}");
    for (name, bytes) in whole {
        assert!(found[name] == *bytes, "{experiment}: {name} differs");
    }
    let summary = summary(bench, experiment, run);
    assert_eq!(summary["status"], "done", "{experiment}");
    assert!(summary["log_failure"].is_null(), "{experiment}: {summary}");
}

fn summary(bench: &Bench, experiment: &str, run: &str) -> Value {
    bench.json(format!("runs/{experiment}/{run}/summary.json"))
}

#[test]
fn a_run_that_died_after_its_last_checkpoint_draws_the_same_figures() {
    for Case { program, flags } in CASES {
        let bench = Bench::new();
        let experiment = program.rsplit('/').next().unwrap();
        let begin = format!("{flags} --device cpu --quiet --name whole");
        bench.execute(program, &words(&begin)).expect(0);
        let whole = figures(&bench, experiment, "whole");
        assert!(whole.len() >= 2, "{experiment}: {:?}", whole.keys());
        let step = cut::last(&bench.path(""), experiment, "whole").manifest.step;
        cut::after_step(&bench.path(""), experiment, "whole", "died", step);
        // What a process that was killed while it drew has left.
        let drawn = bench.path(format!("runs/{experiment}/died/figures"));
        let (name, bytes) = whole.first_key_value().unwrap();
        fs::write(drawn.join(name), &bytes[..bytes.len() / 2]).unwrap();
        fs::write(drawn.join(".tmp-1-half.csv"), "half").unwrap();

        let log = fs::read(bench.path(format!("runs/{experiment}/died/metrics.jsonl"))).unwrap();
        bench.execute(program, &words("--resume died --device cpu --quiet")).expect(0);
        assert_drawn(&bench, experiment, "died", &whole);
        let again = fs::read(bench.path(format!("runs/{experiment}/died/metrics.jsonl"))).unwrap();
        assert!(again == log, "{experiment}: the evaluation was logged twice");
        let said = bench.execute(program, &words("--resume died --device cpu")).expect(0);
        assert!(said.stdout.contains("died is finished"), "{said:#?}");
    }
}

fn start(bench: &Bench, line: &str) -> Child {
    let mut command = Command::new(env!("CARGO_BIN_EXE_steady_state"));
    command.args(words(line)).args(["--quiet", "--device", "cpu"]).current_dir(bench.path(""));
    command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
}

#[test]
fn a_run_that_is_killed_or_stopped_while_it_draws_draws_the_rest_when_resumed() {
    let bench = Bench::new();
    let experiment = "steady_state";
    assert!(start(&bench, &format!("{SWEEP} --name whole")).wait().unwrap().success());
    let whole = figures(&bench, experiment, "whole");
    for (kind, signal, code) in
        [("killed", Signal::KILL, None), ("stopped", Signal::TERM, Some(143))]
    {
        let run = in_time(|attempt| {
            let run = format!("{kind}{attempt}");
            let mut child = start(&bench, &format!("{SWEEP} --name {run}"));
            let folder = format!("runs/{experiment}/{run}/figures");
            wait_until("it draws", || !bench.names_or_none(&folder).is_empty());
            kill_process(Pid::from_child(&child), signal).unwrap();
            let status = child.wait().unwrap();
            if status.success() {
                return None;
            }
            assert_eq!(status.code(), code, "{run}");
            (bench.names(&folder).len() < whole.len()).then_some(run)
        });
        let status = &summary(&bench, experiment, &run)["status"];
        assert_eq!(status, if code.is_some() { "interrupted" } else { "running" });
        assert!(start(&bench, &format!("--resume {run}")).wait().unwrap().success(), "{run}");
        assert_drawn(&bench, experiment, &run, &whole);
    }
}

#[test]
fn a_figure_that_could_not_be_written_is_drawn_when_the_run_is_resumed() {
    let bench = Bench::new();
    let run = "--data digits --epochs 2 --log-every 5";
    bench.run(&format!("{run} --name whole --quiet")).expect(0);
    let whole = figures(&bench, "selector_mnist", "whole");
    // A folder stands where the numbers of a figure should go.
    let place = bench.run_file("a", "figures/learning.csv");
    fs::create_dir_all(&place).unwrap();
    let outcome = bench.run(&format!("{run} --name a")).expect(0);
    let warnings = outcome.warnings();
    assert_eq!(warnings.len(), 1, "{outcome:#?}");
    for word in ["figures/learning is not in the log", "learning.csv"] {
        assert!(warnings[0].contains(word), "{outcome:#?}");
    }
    assert!(outcome.stdout.contains("--resume a draws the figures again"), "{outcome:#?}");
    assert!(bench.summary("a")["log_failure"].as_str().unwrap().contains("learning.csv"));
    assert!(bench.run_file("a", "figures/weights.png").exists());

    fs::remove_dir(&place).unwrap();
    bench.run("--resume a --quiet").expect(0);
    assert_drawn(&bench, "selector_mnist", "a", &whole);
    let again = bench.run("--resume a").expect(0);
    assert!(again.stdout.contains("a is finished"), "{again:#?}");
}
