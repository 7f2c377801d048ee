//! A run whose layers grow and shrink continues bit for bit from any of its checkpoints, and what
//! can't be is refused in one line.

#![allow(clippy::unwrap_used)]

mod common;

use common::Bench;
use neuron_lab::lab::store::checkpoint::Checkpoint;

const RUN: &str = "--data digits --hidden 16,16 --optimizer adam --explore gumbel --balance bias \
                   --lazy --grow 2:5@epoch2 --shrink 5:3@epoch3 --epochs 3 --quiet";

#[test]
fn a_run_that_changes_its_size_resumes_bit_for_bit() {
    let bench = Bench::new();
    bench.run(&format!("{RUN} --name whole")).expect(0);
    // In the middle of the first epoch, just before the layers grow, while they are large, just
    // before they shrink, and after.
    for (i, step) in [11, 23, 30, 46, 60].into_iter().enumerate() {
        let name = format!("part{i}");
        bench.run(&format!("{RUN} --name {name} --steps {step}")).expect(0);
        bench.run(&format!("--resume {name} --steps 69 --quiet")).expect(0);
        let model = |run: &str| {
            let manifest = bench.checkpoints(run).join("step-00000069.json");
            let tensors = Checkpoint::read(&manifest).unwrap().tensors.into_iter();
            // An evaluation in between counts as one, and is no part of the model.
            tensors.filter(|(name, _)| !name.starts_with("state.lab.")).collect::<Vec<_>>()
        };
        assert!(model(&name) == model("whole"), "stopped at {step}");
    }
    // A checkpoint is evaluated with the K that it has; a new run begins with that of its settings.
    let folder = bench.checkpoints("whole");
    bench.run(&format!("--eval {} --quiet", folder.display())).expect(0);
    let newest = folder.join("step-00000069.safetensors");
    let start = |choices: i64| {
        let network = "--data digits --hidden 16,16 --balance bias --steps 5 --quiet";
        let line = format!("{network} --num-computation {choices} --name from{choices}");
        bench.run(&format!("{line} --init-from {}", newest.display()))
    };
    start(3).expect(0);
    assert!(start(2).expect(1).error().contains("layer1.computation.weight is [3, 16, 64]"));
}

/// The step of a change depends on the batch size, the size of a checkpoint does not.
#[test]
fn a_grown_checkpoint_is_evaluated_with_any_batch_size() {
    let bench = Bench::new();
    bench.run(&format!("{RUN} --name grown --steps 46")).expect(0);
    let grown = bench.checkpoints("grown").join("step-00000046.json");
    let weight = &Checkpoint::read(&grown).unwrap().tensors["layer1.computation.weight"];
    assert_eq!(weight.size(), [5, 16, 64]);
    let evaluate = |flags: &str| {
        let line = format!("--eval {} --json --quiet {flags}", grown.display());
        bench.run(&line).expect(0).stdout
    };
    let expected = evaluate("");
    assert!(expected.contains("eval/accuracy"), "{expected}");
    // With 720 images in a batch, an epoch has two steps; with 10, it has more than the run had.
    for batch in [720, 10] {
        assert_eq!(evaluate(&format!("--batch-size {batch}")), expected, "{batch}");
    }
}

#[test]
fn a_change_that_never_comes_is_no_error() {
    let bench = Bench::new();
    let line = "--data digits --hidden 4 --steps 2 --quiet --name a";
    bench.run(&format!("{line} --grow 2:5@epoch18446744073709551615")).expect(0);
}

#[test]
fn what_can_not_be_is_refused_in_one_line() {
    let bench = Bench::new();
    for (flags, words) in [
        ("--num-computation 0", "--num-computation 0: expected 1 to"),
        ("--num-computation 40000", "expected 1 to 32767"),
        ("--grow 5:2@epoch3", "use --shrink"),
        ("--grow 2:2@epoch3", "2 is no more than 2"),
        ("--shrink 2:5@epoch3", "use --grow"),
        ("--grow 2:5", "e.g. 2:5@epoch3"),
        ("--grow 2:5@epoch1", "epoch from 2 on"),
        ("--grow 2:40000@epoch2", "--grow 2:40000@epoch2: expected at most 32767"),
        ("--grow 3:5@epoch2", "there are 2 computation neurons at epoch 2, not 3"),
        ("--grow 2:3@epoch2,3:5@epoch2", "3:5@epoch2: K changes at epoch 2 already"),
        ("--grow 2:5@epoch2 --shrink 5:3@epoch2", "5:3@epoch2: K changes at epoch 2 already"),
        ("--grow 2:5@epoch2 --selector tree", "--selector softmax or low-rank"),
        ("--balance loss --compute streaming", "--balance bias"),
        ("--balance loss --rule frozen", "--balance bias"),
        ("--compute gather", "--rule full-ste needs every computation neuron"),
        ("--compute gather --rule soft", "--rule soft needs every computation neuron"),
        ("--rule switch --ste-sign as-printed", "--rule full-ste or hidden"),
        ("--selector none", "--num-computation 1"),
        ("--selector low-rank --rank 0", "--rank 0: expected 1 or more"),
        ("--explore gaussian --explore-scale=-1", "--explore-scale -1"),
        ("--selector tree --num-computation 1", "use --num-computation 2 or --selector softmax"),
    ] {
        let outcome = bench.run(&format!("--data digits {flags}")).expect(2);
        assert!(outcome.error().contains(words), "{flags}: {}", outcome.error());
    }
}

#[test]
fn a_thousand_computation_neurons_train() {
    let bench = Bench::new();
    let flags = "--data digits --hidden 16,16 --num-computation 1000 --steps 20 --log-every 20";
    for rule in ["full-ste", "selected-only"] {
        bench.run(&format!("{flags} --rule {rule} --name {rule} --quiet")).expect(0);
        let loss = bench.summary(rule)["best"].clone();
        assert!(!loss.is_null(), "{:?}", bench.summary(rule));
    }
}
