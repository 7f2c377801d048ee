//! What a step asks of the device: launches, reads, and uploads for which the host waits.
//!
//! A run of n steps is compared with one of 2 n that makes as many log entries and evaluations.

use std::io::Write;

use crate::bench::{Counts, On, Trial};

/// A run whose steps are counted, and what each of them may cost.
struct Case {
    experiment: &'static str,
    /// Flags, and those whose value is doubled for the longer run.
    fixed: &'static str,
    doubled: &'static [(&'static str, u64)],
    /// The most launches, and uploads for which the host waits, a step.
    launches: f64,
    blocking_uploads: f64,
}

const STEADY: &str = "--loss-seconds 60 --steady-window 20 --pretrain-seconds 60";

const CASES: [Case; 15] = [
    Case {
        experiment: "selector_mnist",
        fixed: "--data digits --batch-size 4",
        doubled: &[("--steps", 40), ("--log-every", 20)],
        launches: 76.0,
        blocking_uploads: 0.0,
    },
    Case {
        experiment: "selector_mnist",
        fixed: "--data digits --batch-size 4 --num-computation 50 --compute streaming \
                --explore gumbel --balance bias",
        doubled: &[("--steps", 10), ("--log-every", 5)],
        launches: 130.0,
        blocking_uploads: 4.0,
    },
    Case {
        experiment: "selector_continual",
        fixed: "--data digits --hidden 16,16 --method ewc --batch-size 32 --fisher-samples 40 \
                --probe-samples 40",
        doubled: &[("--epochs", 1), ("--log-every", 3)],
        launches: 82.0,
        blocking_uploads: 0.12,
    },
    Case {
        experiment: "selector_continual",
        fixed: "--data digits --hidden 16,16 --method replay --memory 20 --batch-size 32 \
                --probe-samples 40",
        doubled: &[("--epochs", 1), ("--log-every", 3)],
        launches: 85.8,
        blocking_uploads: 0.92,
    },
    Case {
        experiment: "selector_transformer",
        fixed: "--layers 2 --d-model 16 --heads 2 --feedforward 24 --vocab 150 --sequence 12 \
                --batch-size 4 --eval-sequences 6 --sample-words 5",
        doubled: &[("--steps", 20), ("--log-every", 10), ("--evaluate-every", 20)],
        launches: 584.0,
        blocking_uploads: 1.0,
    },
    Case {
        experiment: "depth_width",
        fixed: "--data digits --depths 1,3 --widths 16",
        doubled: &[("--descent-steps", 10)],
        launches: 32.0,
        blocking_uploads: 0.0,
    },
    Case {
        experiment: "one_neuron",
        fixed: "--engine tensors --optimizer adam --lr 0.05",
        doubled: &[
            ("--steps", 100),
            ("--log-every", 50),
            ("--record-every", 50),
            ("--evaluate-every", 100),
        ],
        launches: 57.0,
        blocking_uploads: 0.0,
    },
    Case {
        experiment: "one_neuron",
        fixed: "--engine tensors --gradient correct,averaged,package-1.1.5 --optimizer sgd,sgd-plus \
                --lr 0.05",
        doubled: &[
            ("--steps", 100),
            ("--log-every", 50),
            ("--record-every", 50),
            ("--evaluate-every", 100),
        ],
        launches: 275.0,
        blocking_uploads: 1.0,
    },
    Case {
        experiment: "steady_state",
        fixed: STEADY,
        doubled: &[("--train-seconds", 120), ("--steady-seconds", 120), ("--log-every", 2)],
        launches: 480.0,
        blocking_uploads: 2.0,
    },
    Case {
        experiment: "steady_state_theory",
        fixed: STEADY,
        doubled: &[("--train-seconds", 120), ("--steady-seconds", 120), ("--log-every", 2)],
        launches: 495.0,
        blocking_uploads: 2.0,
    },
    Case {
        experiment: "steady_state_init",
        fixed: STEADY,
        doubled: &[("--train-seconds", 120), ("--steady-seconds", 120), ("--log-every", 2)],
        launches: 405.0,
        blocking_uploads: 1.0,
    },
    Case {
        experiment: "apical_toy",
        fixed: "--trials 50",
        doubled: &[("--steps", 40), ("--log-every", 20)],
        launches: 154.0,
        blocking_uploads: 0.0,
    },
    Case {
        experiment: "apical_train",
        fixed: "--data digits --hidden 24,16 --epochs 2",
        doubled: &[("--steps-per-phase", 12), ("--log-every", 12)],
        launches: 26.0,
        blocking_uploads: 0.0,
    },
    Case {
        experiment: "apical_characterize",
        fixed: "--data digits --hidden 16,12 --grid-batch 1,60 --grid-lr 0.001,0.1",
        doubled: &[("--steps", 4), ("--log-every", 2)],
        launches: 156.0,
        blocking_uploads: 0.0,
    },
    Case {
        experiment: "efficient_coding",
        fixed: "--kernel-size 6 --neurons 8 --batch-size 32 --eval-patches 256 \
                --covariance-batches 5 --image-every 0 --lr 0.01",
        doubled: &[("--steps", 20), ("--log-every", 10), ("--evaluate-every", 20)],
        launches: 132.0,
        blocking_uploads: 1.0,
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

#[test]
fn a_step_reads_nothing_and_launches_no_more_than_before() {
    let (mut wrong, mut table) = (Vec::new(), String::new());
    for case in &CASES {
        let ((short, steps, entries), (long, more_steps, more_entries)) =
            (measure(case, 1), measure(case, 2));
        // The steps of `depth_width` are within its calls, of both points.
        let within = case.doubled.iter().find(|(flag, _)| *flag == "--descent-steps");
        let steps = match within {
            Some((_, descent)) => 2 * descent,
            None => (more_steps - steps) as u64,
        };
        let a_step = |more: i64| more as f64 / steps as f64;
        let launches = a_step(long.launches - short.launches);
        let uploads = a_step(long.blocking_uploads - short.blocking_uploads);
        let name = format!("{} {}", case.experiment, case.fixed);
        table += &format!("{launches:7.1} launches, {uploads:.2} blocking uploads a step: {name}\n");
        // Every log entry is one read.
        let reads = long.reads - short.reads - (more_entries - entries);
        if reads != 0 {
            wrong.push(format!("{name}: {reads} reads in {steps} steps between log entries"));
        }
        if launches > case.launches + 0.05 {
            wrong.push(format!("{name}: {launches:.1} launches a step, not {}", case.launches));
        }
        if uploads > case.blocking_uploads {
            wrong.push(format!("{name}: {uploads:.2} uploads a step, not {}", case.blocking_uploads));
        }
    }
    let _ = writeln!(std::io::stderr(), "\n{table}");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
