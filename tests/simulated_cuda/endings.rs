//! How runs on CUDA end that don't come to their end: numbers that are not finite, signals, and
//! devices that are not there.

use rustix::process::{Pid, Signal, kill_process};

use crate::bench::{On, Trial, finish, simulate};
use crate::common::{in_time, wait_until};
use crate::library;

/// Runs whose numbers overflow, between two log entries.
const OVERFLOWS: [(&str, &str); 5] = [
    ("selector_mnist", "--data digits --lr 100 --hidden 16,16,16,16 --log-every 7"),
    ("selector_continual", "--data digits --lr 1e4 --hidden 16,16,16,16 --log-every 7"),
    (
        "selector_transformer",
        "--layers 1 --d-model 16 --heads 2 --feedforward 24 --vocab 150 --sequence 12 --batch-size 4 \
         --evaluate-every 20 --eval-sequences 6 --sample-words 5 --log-every 5 --steps 40 \
         --optimizer sgd --lr 1e25",
    ),
    (
        "efficient_coding",
        "--kernel-size 6 --neurons 8 --batch-size 32 --eval-patches 64 --covariance-batches 2 \
         --image-every 0 --lr 1e10 --log-every 10 --steps 80",
    ),
    ("one_neuron", "--lr 1e308 --optimizer adam --steps 200 --log-every 100 --record-every 50"),
];

#[test]
fn the_first_step_that_is_not_finite_is_named_as_on_the_cpu() {
    if !library::fits() {
        return;
    }
    for (experiment, flags) in OVERFLOWS {
        let said = [On::Cpu, On::Cuda].map(|on| {
            let outcome =
                Trial::new().run(on, experiment, &format!("{flags} --name run")).expect(3);
            let errors = outcome.stderr.lines().filter(|line| line.starts_with("error: "));
            errors.map(String::from).collect::<Vec<_>>()
        });
        assert_eq!((said[0].len(), said[1].len()), (1, 1), "{said:?}");
        assert_eq!(said[0], said[1], "{experiment}");
    }
}

#[test]
fn a_signal_ends_a_run_with_its_code_and_the_run_goes_on() {
    if !library::fits() {
        return;
    }
    let run = "--data digits --hidden 16,16 --epochs 50 --log-every 5 --optimizer adam";
    for (number, code) in [(Signal::TERM, 143), (Signal::INT, 130)] {
        let trial = in_time(|_| {
            let trial = Trial::new();
            let mut child = trial.spawn(On::Cuda, "selector_mnist", &format!("{run} --name run"));
            wait_until("it logs", || trial.entries_so_far("selector_mnist", "run") > 5);
            kill_process(Pid::from_child(&child), number).unwrap();
            let status = child.wait().unwrap();
            (!status.success()).then(|| {
                assert_eq!(status.code(), Some(code));
                trial
            })
        });
        let summary = trial.summary("selector_mnist", "run");
        assert_eq!(summary["status"], "interrupted");
        let steps = summary["steps"].as_u64().unwrap();
        trial.run(On::Cuda, "selector_mnist", "--resume run").expect(0);
        let ended = trial.summary("selector_mnist", "run");
        assert_eq!(ended["status"], "done");
        assert!(ended["steps"].as_u64().unwrap() > steps, "{ended}");
    }
}

#[test]
fn a_device_that_is_not_there_is_one_line() {
    if !library::fits() {
        return;
    }
    let run = "--data digits --epochs 1 --name run --quiet";
    for (device, visible, said) in [
        ("cuda:9", None, "this machine has 1 CUDA device(s), cuda:0 to cuda:0"),
        ("cuda:0", Some(""), "libtorch sees no CUDA device here"),
        ("cuda", Some(""), "libtorch sees no CUDA device here"),
    ] {
        let trial = Trial::new();
        let mut command = trial.command("selector_mnist", &format!("{run} --device {device}"));
        simulate(&mut command);
        if let Some(visible) = visible {
            command.env("CUDA_VISIBLE_DEVICES", visible);
        }
        let outcome = finish(command).expect(1);
        assert!(outcome.error().contains(said), "{outcome:?}");
    }
}

#[test]
fn what_is_of_the_cpu_is_refused_on_cuda() {
    if !library::fits() {
        return;
    }
    let refused = |experiment: &str, flags: &str| {
        let trial = Trial::new();
        let line = format!("{flags} --name run --quiet --device cuda:0");
        let mut command = trial.command(experiment, &line);
        simulate(&mut command);
        finish(command).code == Some(2)
    };
    for (experiment, flags) in [
        (
            "selector_mnist",
            "--data digits --epochs 1 --num-computation 4 --compute gather --rule switch",
        ),
        ("one_neuron", "--steps 50 --engine rows"),
    ] {
        assert!(refused(experiment, flags), "{experiment} {flags}");
    }
}

#[test]
fn a_run_that_does_not_fit_says_what_is_free_and_what_makes_it_smaller() {
    if !library::fits() {
        return;
    }
    const MNIST: &str = "--hidden, --num-computation, --batch-size or --replicates";
    for (experiment, flags, start, end) in [
        (
            "selector_mnist",
            "--data digits --hidden 4096,4096 --num-computation 1",
            "not enough memory on GPU 0: 66.00 MiB more were asked for, and ",
            MNIST,
        ),
        (
            "selector_transformer",
            "--steps 1",
            "not enough memory on GPU 0: this transformer needs ",
            "--vocab, --sequence or --batch-size",
        ),
    ] {
        let trial = Trial::new();
        let mut command =
            trial.command(experiment, &format!("{flags} --name run --quiet --device cuda:0"));
        simulate(&mut command);
        command.env("SIMULATED_CUDA_MEMORY", "50000000");
        let outcome = finish(command).expect(1);
        let error = outcome.error().trim_start_matches("error: ");
        assert!(error.starts_with(start) && error.ends_with(end), "{error}");
        assert!(error.contains(" MiB are free; use a smaller --"), "{error}");
        assert_eq!(outcome.stderr.lines().count(), 1, "{outcome:?}");
    }
}
