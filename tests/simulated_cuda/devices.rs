//! Runs that change their device, and devices besides the first.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

use serde_json::Value;

use crate::agreement;
use crate::bench::{On, Trial, finish, in_parallel, program, simulate};
use crate::common::{EXPERIMENTS, cut};
use crate::library;

/// A short run of an experiment with a checkpoint in its middle.
struct Case {
    experiment: &'static str,
    flags: &'static str,
    /// The step of that checkpoint.
    middle: u64,
}

const STEADY: &str = "--replicates 2 --expansions 1,2 --gammas 0.02,0.1 --train-seconds 40 --loss-seconds 60 \
                      --steady-seconds 40 --steady-window 20 --pretrain-seconds 60";

const CASES: [Case; 13] = [
    Case {
        experiment: "apical_characterize",
        flags: "--data digits --hidden 16,12 --grid-batch 1,60 --grid-lr 0.001,0.1 --lr-w 0.003 --steps 8",
        middle: 4,
    },
    Case {
        experiment: "apical_toy",
        flags: "--trials 50 --log-every 50 --eta 0.1 --steps 300",
        middle: 150,
    },
    Case {
        experiment: "apical_train",
        flags: "--data digits --hidden 24,16 --log-every 10 --steps-per-phase 12 --lr-w 0.01 \
                --a-update momentum:0.5 --epochs 2",
        middle: 30,
    },
    Case {
        experiment: "depth_width",
        flags: "--data digits --depths 1,2 --widths 20 --inits default,he",
        middle: 2,
    },
    Case {
        experiment: "efficient_coding",
        flags: "--kernel-size 6 --neurons 8 --batch-size 32 --eval-patches 64 --covariance-batches 2 \
                --image-every 0 --lr 0.01 --log-every 5 --steps 20 --optimizer adam",
        middle: 10,
    },
    Case {
        experiment: "one_neuron",
        flags: "--log-every 50 --record-every 20 --evaluate-every 100 --optimizer sgd-plus,adam --lr 0.05 \
                --steps 200 --engine tensors",
        middle: 100,
    },
    Case {
        experiment: "selector_continual",
        flags: "--data digits --hidden 16,16 --fisher-samples 40 --probe-samples 40 --log-every 5 \
                --batch-size 32 --method ewc --lr 0.003 --optimizer adam",
        middle: 20,
    },
    Case {
        experiment: "selector_mnist",
        flags: "--data digits --hidden 16,16 --log-every 5 --lr 0.003 --optimizer adam \
                --num-computation 3 --balance bias --epochs 2",
        middle: 20,
    },
    Case {
        experiment: "selector_transformer",
        flags: "--layers 1 --d-model 16 --heads 2 --feedforward 24 --vocab 150 --sequence 12 --batch-size 4 \
                --eval-sequences 6 --sample-words 5 --log-every 5 --evaluate-every 20 --steps 20",
        middle: 10,
    },
    Case { experiment: "steady_state", flags: STEADY, middle: 1 },
    Case {
        experiment: "steady_state_init",
        flags: "--replicates 4 --train-seconds 20 --loss-seconds 40 --steady-seconds 20 --steady-window 10 \
                --pretrain-seconds 60",
        middle: 1,
    },
    Case { experiment: "steady_state_theory", flags: STEADY, middle: 1 },
    Case {
        experiment: "two_loss_toy",
        flags: "--map-size 3 --map-steps 200 --steps 700 --print-every 50",
        middle: 350,
    },
];

impl Case {
    fn whole(&self, on: On) -> Trial {
        let trial = Trial::new();
        let every = self.middle;
        let line = format!("{} --checkpoint-every {every} --keep 99 --name whole", self.flags);
        trial.run(on, self.experiment, &line).expect(0);
        trial
    }

    fn newest(&self, trial: &Trial) -> PathBuf {
        let folder = trial.bench.path("checkpoints").join(self.experiment).join("whole");
        let files = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
        files.filter(|path| path.extension().is_some_and(|end| end == "safetensors")).max().unwrap()
    }

    /// What `--eval` says of a run's last checkpoint.
    fn evaluated(&self, on: On, trial: &Trial) -> Value {
        let line = format!("--eval {} --json", self.newest(trial).display());
        let outcome = trial.run(on, self.experiment, &line).expect(0);
        let found: Value = serde_json::from_str(&outcome.stdout).unwrap();
        found["metrics"].clone()
    }
}

/// The folder of a run takes on the name by which runs are compared.
fn rename(trial: &Trial, experiment: &str, run: &str) {
    fs::rename(trial.run_folder(experiment, run), trial.run_folder(experiment, "run")).unwrap();
}

#[test]
fn there_is_a_case_for_every_experiment() {
    assert_eq!(CASES.map(|case| case.experiment), EXPERIMENTS);
}

#[test]
fn a_run_goes_on_where_it_began_and_on_the_other_device() {
    if !library::fits() {
        return;
    }
    in_parallel(&CASES, |case| {
        let wholes = [On::Cpu, On::Cuda].map(|on| case.whole(on));
        let home = wholes.each_ref().map(|trial| trial.bench.path(""));
        let resume = |whole: &Trial, on: On, name: &str| {
            cut::after_step(&whole.bench.path(""), case.experiment, "whole", name, case.middle);
            whole.run(on, case.experiment, &format!("--resume {name}")).expect(0);
        };
        // Where it began: the same bits. Elsewhere: what the CPU computes, to rounding.
        resume(&wholes[1], On::Cuda, "same");
        cut::assert_same(&home[1], case.experiment, "whole", "same");
        resume(&wholes[0], On::Cuda, "from-cpu");
        resume(&wholes[1], On::Cpu, "from-cuda");
        rename(&wholes[0], case.experiment, "from-cpu");
        rename(&wholes[1], case.experiment, "from-cuda");
        let differences = agreement::differences(&wholes[0], &wholes[1], case.experiment);
        assert_eq!(differences, None, "{}: gone on elsewhere", case.experiment);
        fs::remove_dir_all(wholes[1].run_folder(case.experiment, "run")).unwrap();
        fs::rename(
            wholes[0].run_folder(case.experiment, "whole"),
            wholes[1].run_folder(case.experiment, "run"),
        )
        .unwrap();
        let differences = agreement::differences(&wholes[1], &wholes[0], case.experiment);
        assert_eq!(differences, None, "{}: begun on the CPU", case.experiment);
    });
}

#[test]
fn a_checkpoint_is_evaluated_and_started_from_on_either_device() {
    if !library::fits() {
        return;
    }
    in_parallel(&CASES, |case| {
        for (saved, other) in [(On::Cpu, On::Cuda), (On::Cuda, On::Cpu)] {
            let trial = case.whole(saved);
            let (a, b) = (case.evaluated(saved, &trial), case.evaluated(other, &trial));
            let (a, b) = (a.as_object().unwrap(), b.as_object().unwrap());
            assert!(a.keys().eq(b.keys()) && !a.is_empty(), "{}: {a:?}, {b:?}", case.experiment);
            for (tag, value) in a {
                let close = agreement::close(value.as_f64(), b[tag].as_f64());
                assert!(close, "{} {tag}: {value} on {saved:?}, {}", case.experiment, b[tag]);
            }
            if ["selector_mnist", "apical_train"].contains(&case.experiment) {
                let from = case.newest(&trial);
                let line = format!("{} --init-from {} --name next", case.flags, from.display());
                trial.run(other, case.experiment, &line).expect(0);
            }
        }
    });
}

#[test]
fn a_run_on_the_second_device_stays_there() {
    if !library::fits() {
        return;
    }
    in_parallel(&CASES, |case| {
        let trial = Trial::new();
        let line = format!("{} --name second --device cuda:1 --quiet", case.flags);
        let mut command = trial.command(case.experiment, &line);
        simulate(&mut command);
        command.env("SIMULATED_CUDA_DEVICES", "2");
        finish(command).expect(0);
    });
}

#[test]
fn points_of_a_sweep_go_round_over_the_gpus_that_the_environment_lists() {
    if !library::fits() {
        return;
    }
    for (visible, flags, expected) in [
        (Some("5,GPU-8a1f"), "", ["5", "GPU-8a1f"]),
        (None, "", ["0", "1"]),
        (Some("5,6,7"), "--gpus 7,5", ["5", "7"]),
    ] {
        let trial = Trial::new();
        let path = |name: &str| trial.bench.path(name);
        // The experiment, which notes what it can see.
        let script = format!(
            "#!/bin/sh\n[ \"$1\" = --check ] || echo \"$CUDA_VISIBLE_DEVICES\" >>{}\nexec {} \"$@\"\n",
            path("seen").display(),
            program("selector_mnist").display()
        );
        fs::create_dir(path("tools")).unwrap();
        fs::write(path("tools/noting"), script).unwrap();
        fs::set_permissions(path("tools/noting"), fs::Permissions::from_mode(0o755)).unwrap();
        let line =
            "sweep noting --data digits --epochs 1 --hidden 8 --device cuda --grid seed=0..3";
        let mut command = trial.command("lab", &format!("{line} --name s --quiet {flags}"));
        simulate(&mut command);
        let tools = format!("{}:{}", path("tools").display(), std::env::var("PATH").unwrap());
        command.env("PATH", tools).env("SIMULATED_CUDA_DEVICES", "2");
        if let Some(visible) = visible {
            command.env("CUDA_VISIBLE_DEVICES", visible);
        }
        finish(command).expect(0);
        let seen = fs::read_to_string(path("seen")).unwrap();
        let mut seen: Vec<&str> = seen.lines().collect();
        assert_eq!(seen.len(), 4, "{seen:?}");
        seen.sort_unstable();
        seen.dedup();
        assert_eq!(seen, expected);
    }
}
