//! A step of `efficient_coding` that is not finite changes nothing, under every constraint.

#![allow(clippy::unwrap_used)]

use std::ffi::OsString;
use std::fs;
use std::path::Path;
use std::process::Command;

use neuron_lab::efficient_coding::EfficientCoding;
use neuron_lab::lab::error::Failure;
use neuron_lab::lab::store::checkpoint::{self, Checkpoint, Manifest};
use neuron_lab::lab::store::durable;
use neuron_lab::lab::train::finite::FinitePolicy;
use neuron_lab::lab::train::session::Session;
use neuron_lab::lab::{NamedTensors, Persist, StateWriter, open_session};
use tch::{Tensor, no_grad_guard};

const TINY: &str = "--device cpu --threads 1 --kernel-size 6 --neurons 7 --batch-size 20 \
                    --eval-patches 64 --covariance-batches 2 --image-every 0 --log-every 5 \
                    --evaluate-every 50 --lr 0.02";

/// Every constraint, with all that a step changes: optimizers' state, sums, and jitter at every step.
const CONSTRAINTS: [&str; 14] = [
    "lagrange --optimizer adam",
    "gamma-v1",
    "gamma-v2 --optimizer adam",
    "none",
    "two-losses --variant alternate --legacy-logging",
    "two-losses --variant leak --optimizer momentum",
    "two-losses --variant clean --optimizer adam",
    "project --optimizer adam",
    "total-derivative",
    "exact --legacy-logging",
    "exact --gain-smoothing 0.9",
    "pi --optimizer momentum",
    "pi --legacy-logging --centring-stop 200",
    "exact --gain-smoothing 0.9 --optimizer adam --replicates 2",
];

/// Steps before the one that is not finite; under `alternate` that one moves the filters.
const BEFORE: u64 = 3;

/// Where a poison sits, and which gradients it reaches.
#[derive(Debug, Clone, Copy)]
enum Poison {
    /// A NaN among the filters: the loss and every gradient are NaN.
    Filters,
    /// The scale of a profile overflows: its filter, the loss and the gradients of the rates are
    /// finite, the gradient by the scale itself is not.
    Scale,
}

impl Poison {
    fn flags(self) -> &'static str {
        match self {
            Self::Filters => "--jitter-stop 200 --jitter-interval 1",
            Self::Scale => {
                "--shape difference-of-gaussian --jitter-stop 200 --jitter-interval 1 \
                 --jitter-power 0.5"
            }
        }
    }

    /// Poisons the live tensors of a model.
    fn enter(self, state: &NamedTensors) {
        let _guard = no_grad_guard();
        let (name, value) = match self {
            Self::Filters => ("encoder.W", f64::NAN),
            Self::Scale => ("encoder.shape_function.shape_params", 100.0),
        };
        let (_, tensor) = state.iter().find(|(known, _)| known == name).unwrap();
        let _ = tensor.get(0).get(0).fill_(value);
    }
}

fn session(home: &Path, line: &str, name: &str) -> Session<EfficientCoding> {
    let (runs, checkpoints) = (home.join("runs"), home.join("checkpoints"));
    let words = format!("efficient_coding {line} --name {name}");
    let words: Vec<OsString> = words.split_whitespace().map(OsString::from).collect();
    let places = ["--runs".into(), runs.into(), "--checkpoints".into(), checkpoints.into()];
    open_session::<EfficientCoding>(words.into_iter().chain(places)).unwrap()
}

/// Every tensor of a checkpoint as it is now, shared with the live model.
fn tensors(session: &Session<EfficientCoding>) -> NamedTensors {
    let mut writer = StateWriter::default();
    session.experiment().save(&mut writer).unwrap();
    writer.tensors().map(|(name, tensor)| (name.clone(), tensor.shallow_clone())).collect()
}

fn copy(state: NamedTensors) -> NamedTensors {
    state.into_iter().map(|(name, tensor)| (name, tensor.copy())).collect()
}

/// The names of the tensors that differ, NaN being equal to NaN.
fn changed(before: &NamedTensors, after: &NamedTensors) -> Vec<String> {
    assert_eq!(before.len(), after.len());
    let pairs = before.iter().zip(after);
    let differ = pairs.filter(|((_, old), (_, new))| !old.allclose(new, 0.0, 0.0, true));
    differ.map(|((name, _), _)| name.clone()).collect()
}

#[test]
fn a_step_that_is_not_finite_changes_nothing() {
    tch::set_num_threads(1);
    let (home, mut faults) = (tempfile::tempdir().unwrap(), Vec::new());
    for policy in [FinitePolicy::EveryStep, FinitePolicy::WhenLogging] {
        for poison in [Poison::Filters, Poison::Scale] {
            for (i, constraint) in CONSTRAINTS.iter().enumerate() {
                let context = format!("{constraint}, {poison:?}, {policy:?}");
                let line = format!("{TINY} {} --constraint {constraint}", poison.flags());
                let mut session =
                    session(home.path(), &line, &format!("{i}-{poison:?}-{policy:?}"));
                session.set_finite_policy(policy);
                (0..BEFORE).for_each(|_| session.one_step().unwrap());
                poison.enter(&tensors(&session));
                let before = copy(tensors(&session));
                let error = loop {
                    if let Err(error) = session.one_step() {
                        break error;
                    }
                };
                for name in changed(&before, &tensors(&session)) {
                    faults.push(format!("{context}: {name}"));
                }
                match error.downcast_ref::<Failure>() {
                    Some(Failure::NonFinite { step }) => assert_eq!(*step, BEFORE + 1, "{context}"),
                    other => panic!("{context}: {other:?}, {error:?}"),
                }
            }
        }
    }
    assert!(faults.is_empty(), "changed:\n{}", faults.join("\n"));
}

fn run(home: &Path, line: &str) -> (Option<i32>, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_efficient_coding"));
    command.env_remove("RUST_BACKTRACE").env_remove("RUST_LIB_BACKTRACE");
    let output = command.args(line.split_whitespace()).current_dir(home).output().unwrap();
    (output.status.code(), String::from_utf8(output.stderr).unwrap())
}

#[test]
fn the_program_ends_with_exit_code_3_and_names_the_step() {
    let home = tempfile::tempdir().unwrap();
    for (i, constraint) in CONSTRAINTS.iter().enumerate() {
        let flags = Poison::Scale.flags();
        let line = format!("{TINY} {flags} --constraint {constraint} --name c{i} --quiet");
        assert_eq!(
            run(home.path(), &format!("{line} --steps {BEFORE}")).0,
            Some(0),
            "{constraint}"
        );
        let folder = home.path().join(format!("checkpoints/efficient_coding/c{i}"));
        let newest = || Checkpoint::read(&Manifest::list(&folder)[0]).unwrap();
        let mut last = newest();
        let state: NamedTensors = last.tensors.into_iter().collect();
        Poison::Scale.enter(&state);
        fs::write(&last.path, checkpoint::serialize(&state).unwrap()).unwrap();
        (last.manifest.sha256, last.manifest.bytes) = durable::sha256(&last.path).unwrap();
        last.manifest.write(&folder).unwrap();
        let (code, said) = run(home.path(), &format!("--resume c{i} --steps 20 --quiet"));
        let named = format!("at step {}:", BEFORE + 1);
        assert!(code == Some(3) && said.contains(&named), "{constraint}: {code:?} {said}");
        let kept = newest();
        assert_eq!(kept.manifest.step, BEFORE);
        let kept: Vec<(String, Tensor)> =
            state.iter().map(|(name, _)| (name.clone(), kept.tensors[name].copy())).collect();
        assert_eq!(changed(&state, &kept), [""; 0], "{constraint}");
    }
}

#[test]
fn a_learning_rate_beyond_all_measure_ends_with_exit_code_3() {
    let home = tempfile::tempdir().unwrap();
    // With pictures of an evaluation, whose eigenvalues are of what is no number by then.
    let flags =
        TINY.replace("--lr 0.02", "--lr 1e30").replace("--image-every 0", "--image-every 1");
    for (i, constraint) in CONSTRAINTS.iter().enumerate() {
        // Under gamma-v2 rates and filters stay finite, however far a step is.
        let expected = if constraint.starts_with("gamma-v2") { Some(0) } else { Some(3) };
        let line = format!("{flags} --constraint {constraint} --steps 20 --name c{i} --quiet");
        let (code, said) = run(home.path(), &line);
        assert_eq!(code, expected, "{constraint}: {said}");
        assert!(said.lines().count() <= 1 && !said.contains("linalg"), "{constraint}: {said}");
    }
}

#[test]
fn a_covariance_without_a_root_is_one_line_without_the_words_of_libtorch() {
    let home = tempfile::tempdir().unwrap();
    let line = "--device cpu --data dead-leaves --leaf-images 1 --image-size 32 --kernel-size 24 --steps 1";
    let (code, said) = run(home.path(), line);
    let expected = "error: the covariance of dead-leaves is not positive definite: more or other \
                    patches, or a smaller --kernel-size\n";
    assert_eq!((code, said.as_str()), (Some(1), expected));
}
