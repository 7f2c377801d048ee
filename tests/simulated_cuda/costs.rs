//! What a step asks of the device: launches, reads, and uploads for which the host waits.
//!
//! A run of n steps is compared with one of 2 n that makes as many log entries and evaluations.

use std::io::Write;

use crate::bench::{Counts, EXPERIMENTS, On, Trial, in_parallel};
use crate::library;

/// A run whose steps are counted, and what each of them may cost.
struct Case {
    experiment: &'static str,
    /// Flags, and those whose value is doubled for the longer run.
    fixed: &'static str,
    doubled: &'static [(&'static str, u64)],
    /// The most launches a step.
    launches: f64,
    /// The most uploads a step for which the host waits, with their place: a known fault, whose line
    /// goes when it does.
    uploads: Option<(f64, &'static str)>,
}

const STEADY: &str = "--loss-seconds 60 --steady-window 20 --pretrain-seconds 60";

/// Of `one_neuron`.
const RECORDS: [(&str, u64); 4] =
    [("--steps", 100), ("--log-every", 50), ("--record-every", 50), ("--evaluate-every", 100)];

const CASES: [Case; 16] = [
    Case {
        experiment: "selector_mnist",
        fixed: "--data digits --batch-size 4",
        doubled: &[("--steps", 40), ("--log-every", 20)],
        launches: 76.0,
        uploads: None,
    },
    Case {
        experiment: "selector_mnist",
        fixed: "--data digits --batch-size 4 --num-computation 50 --compute streaming \
                --explore gumbel --balance bias",
        doubled: &[("--steps", 10), ("--log-every", 5)],
        launches: 130.0,
        uploads: Some((4.0, "src/selector/layer/noise.rs:64")),
    },
    Case {
        experiment: "selector_continual",
        fixed: "--data digits --hidden 16,16 --method ewc --batch-size 32 --fisher-samples 40 \
                --probe-samples 40",
        doubled: &[("--epochs", 1), ("--log-every", 3)],
        launches: 82.0,
        uploads: Some((0.12, "src/lab/tensor/nn.rs:112, once a pass")),
    },
    Case {
        experiment: "selector_continual",
        fixed: "--data digits --hidden 16,16 --method replay --memory 20 --batch-size 32 \
                --probe-samples 40",
        doubled: &[("--epochs", 1), ("--log-every", 3)],
        launches: 85.8,
        uploads: Some((0.92, "src/selector/task_sequence/batches.rs:150")),
    },
    Case {
        experiment: "selector_transformer",
        fixed: "--layers 2 --d-model 16 --heads 2 --feedforward 24 --vocab 150 --sequence 12 \
                --batch-size 4 --eval-sequences 6 --sample-words 5",
        doubled: &[("--steps", 20), ("--log-every", 10), ("--evaluate-every", 20)],
        launches: 584.0,
        uploads: Some((1.0, "src/selector/language_model/corpus.rs:69")),
    },
    Case {
        experiment: "depth_width",
        fixed: "--data digits --depths 1,3 --widths 16",
        doubled: &[("--descent-steps", 10)],
        launches: 32.0,
        uploads: None,
    },
    Case {
        experiment: "one_neuron",
        fixed: "--engine tensors --optimizer adam --lr 0.05",
        doubled: &RECORDS,
        launches: 57.0,
        uploads: None,
    },
    Case {
        experiment: "one_neuron",
        fixed: "--engine tensors --gradient correct,per-sample-1.1.3,package-1.1.5 --optimizer sgd,adam \
                --lr 0.05",
        doubled: &RECORDS,
        launches: 284.0,
        uploads: Some((2.0, "src/one_neuron/model/tensors.rs:67")),
    },
    Case {
        experiment: "steady_state",
        fixed: STEADY,
        doubled: &[("--train-seconds", 120), ("--steady-seconds", 120), ("--log-every", 2)],
        launches: 535.0,
        uploads: Some((
            2.0,
            "src/steady_state/signal/sinusoids.rs:62, src/steady_state/learning/stage.rs:213",
        )),
    },
    Case {
        experiment: "steady_state_theory",
        fixed: STEADY,
        doubled: &[("--train-seconds", 120), ("--steady-seconds", 120), ("--log-every", 2)],
        launches: 545.0,
        uploads: Some((
            2.0,
            "src/steady_state/signal/sinusoids.rs:62, src/steady_state/learning/stage.rs:213",
        )),
    },
    Case {
        experiment: "steady_state_init",
        fixed: STEADY,
        doubled: &[("--train-seconds", 120), ("--steady-seconds", 120), ("--log-every", 2)],
        launches: 429.0,
        uploads: Some((1.0, "src/steady_state/signal/sinusoids.rs:62")),
    },
    Case {
        experiment: "apical_toy",
        fixed: "--trials 50",
        doubled: &[("--steps", 40), ("--log-every", 20)],
        launches: 153.0,
        uploads: None,
    },
    Case {
        experiment: "apical_train",
        fixed: "--data digits --hidden 24,16 --epochs 2",
        doubled: &[("--steps-per-phase", 12), ("--log-every", 12)],
        launches: 26.0,
        uploads: None,
    },
    Case {
        experiment: "apical_characterize",
        fixed: "--data digits --hidden 16,12 --grid-batch 1,60 --grid-lr 0.001,0.1",
        doubled: &[("--steps", 4), ("--log-every", 2)],
        launches: 156.0,
        uploads: None,
    },
    Case {
        experiment: "efficient_coding",
        fixed: "--kernel-size 6 --neurons 8 --batch-size 32 --eval-patches 256 \
                --covariance-batches 5 --image-every 0 --lr 0.01",
        doubled: &[("--steps", 20), ("--log-every", 10), ("--evaluate-every", 20)],
        launches: 132.0,
        uploads: Some((1.0, "src/efficient_coding/retina/state.rs:80")),
    },
    Case {
        experiment: "two_loss_toy",
        fixed: "--map-size 3 --map-steps 20",
        doubled: &[("--steps", 400), ("--log-every", 200), ("--print-every", 200)],
        launches: 0.0,
        uploads: None,
    },
];

/// What a run of so many times the steps asks for, with its steps and its log entries.
fn measure(case: &Case, times: u64) -> (Counts, i64, i64) {
    let trial = Trial::new();
    let mut line = format!("{} --name run", case.fixed);
    for (flag, value) in case.doubled {
        line += &format!(" {flag} {}", value * times);
    }
    trial.run(On::Cuda, case.experiment, &line).expect(0);
    let steps = trial.summary(case.experiment, "run")["steps"].as_i64().unwrap();
    (trial.counts(), steps, trial.entries(case.experiment, "run").len() as i64)
}

/// What a step of a case costs, from runs of n and of 2 n steps.
struct Cost {
    launches: f64,
    uploads: f64,
    /// Reads of all steps of the longer run's second half, but for one of each further log entry.
    reads: i64,
}

impl Cost {
    fn of(case: &Case) -> Self {
        let ((short, steps, entries), (long, more_steps, more_entries)) =
            (measure(case, 1), measure(case, 2));
        // The steps of `depth_width` are within its calls, of both points.
        let within = case.doubled.iter().find(|(flag, _)| *flag == "--descent-steps");
        let steps = within.map_or(more_steps - steps, |(_, descent)| 2 * *descent as i64);
        Self::between(short, long, steps, more_entries - entries)
    }

    fn between(short: Counts, long: Counts, steps: i64, entries: i64) -> Self {
        let a_step = |more: i64| more as f64 / steps as f64;
        Self {
            launches: a_step(long.launches - short.launches),
            uploads: a_step(long.blocking_uploads - short.blocking_uploads),
            reads: long.reads - short.reads - entries,
        }
    }

    /// What is wrong with it.
    fn complaints(&self, case: &Case) -> Vec<String> {
        let Self { launches, uploads, reads } = self;
        let mut wrong = Vec::new();
        if *reads != 0 {
            wrong.push(format!("{reads} reads between log entries"));
        }
        if *launches > case.launches + 0.05 {
            wrong.push(format!("{launches:.1} launches a step, not {}", case.launches));
        }
        match case.uploads {
            None if *uploads > 0.0 => wrong.push(format!("{uploads:.2} blocking uploads a step")),
            Some((most, place)) if *uploads > most => {
                wrong.push(format!("{uploads:.2} blocking uploads a step, not {most} ({place})"));
            }
            Some((_, place)) if *uploads == 0.0 => {
                wrong.push(format!("mended, strike it off: {place}"))
            }
            None | Some(_) => {}
        }
        wrong
    }
}

#[test]
fn a_step_reads_nothing_and_launches_no_more_than_before() {
    if !library::fits() {
        return;
    }
    assert!(EXPERIMENTS.iter().all(|name| CASES.iter().any(|case| case.experiment == *name)));
    let costs = in_parallel(&CASES, Cost::of);
    let (mut wrong, mut table) = (Vec::new(), String::new());
    for (case, cost) in CASES.iter().zip(&costs) {
        let name = format!("{} {}", case.experiment, case.fixed);
        let Cost { launches, uploads, reads } = cost;
        table += &format!("{launches:6.1} launches, {reads} reads, {uploads:.2} blocking uploads");
        table += &case.uploads.map_or_else(String::new, |(_, place)| format!(" ({place})"));
        table += &format!(" a step: {name}\n");
        wrong.extend(cost.complaints(case).into_iter().map(|what| format!("{name}: {what}")));
    }
    // Past the harness, which shows what a test prints only if it fails.
    let _ = writeln!(std::io::stderr(), "\n{table}");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn a_read_and_an_upload_in_a_step_are_caught() {
    let case = &CASES[0];
    let short = Counts { launches: 1000, reads: 50, blocking_uploads: 10 };
    let complaints = |launches: i64, reads: i64, uploads: i64| {
        let long = Counts {
            launches: short.launches + launches,
            reads: short.reads + reads,
            blocking_uploads: short.blocking_uploads + uploads,
        };
        Cost::between(short, long, 40, 1).complaints(case).len()
    };
    assert_eq!(complaints(40 * 76, 1, 0), 0);
    assert_eq!(complaints(40 * 76, 41, 0), 1, "a read a step");
    assert_eq!(complaints(40 * 77, 1, 0), 1, "a launch a step");
    assert_eq!(complaints(40 * 76, 1, 40), 1, "an upload a step");
}
