//! What the page of `one_neuron` claims, over seeds of the lab's own random numbers. The ranges are
//! from an independent implementation in NumPy with 20 seeds.

#![allow(clippy::unwrap_used)]

mod one_neuron;

use one_neuron::{Run, close, train, within};

/// Mean of the last 20 records of each seed.
fn ends(run: &Run, point: &str) -> Vec<f64> {
    run.each(&format!("train/end/{point}"))
}

fn mean(run: &Run, point: &str) -> f64 {
    run.last(&format!("train/end/{point}"))
}

#[test]
#[ignore = "trains many seeds: scripts/test runs it"]
fn the_table_and_its_order() {
    let run = train("--preset table --replicates 8 --log-every 10000");
    let ranges = [
        ("sgd_correct_lr1e-3", 0.160, 0.195),
        ("sgd_averaged_lr1e-3", 0.190, 0.260),
        ("sgd-plus_correct_lr1e-3", 0.100, 0.120),
        ("sgd-plus_averaged-x2_lr1e-3", 0.175, 0.215),
        ("adam_correct_lr1e-3", 0.093, 0.112),
        ("adam_averaged_lr1e-3", 0.170, 0.200),
        ("sgd_correct_lr5e-2", 0.088, 0.108),
        ("sgd-plus_correct_lr5e-2", 0.088, 0.108),
        ("adam_correct_lr5e-2", 0.088, 0.108),
        ("sgd_averaged_lr5e-2", 0.158, 0.180),
        ("sgd-plus_averaged_lr5e-2", 0.130, 0.158),
        ("adam_averaged_lr5e-2", 0.130, 0.158),
    ];
    for (point, low, high) in ranges {
        within(point, mean(&run, point), low, high);
    }
    // Every seed: the rows of a seed share data, initial parameters and batches.
    let order = ["adam_correct", "sgd-plus_correct", "sgd_correct", "sgd_averaged"];
    let curves = order.map(|point| ends(&run, &format!("{point}_lr1e-3")));
    for pair in curves.windows(2) {
        assert_eq!(pair[0].len(), 8);
        assert!(pair[0].iter().zip(&pair[1]).all(|(better, worse)| better < worse), "{pair:?}");
    }
    for optimizer in ["sgd", "sgd-plus", "adam"] {
        let correct = ends(&run, &format!("{optimizer}_correct_lr1e-3"));
        let averaged = ends(&run, &format!("{optimizer}_averaged_lr1e-3"));
        assert!(correct.iter().zip(&averaged).all(|(good, bad)| good < bad), "{optimizer}");
    }
    // At the plateau of averaged SGD the mean step has shrunk to about 1/n of the gradient's.
    within("ratio", run.last("gradient/length_ratio/sgd_averaged_lr1e-3"), 0.02, 0.25);
}

#[test]
#[ignore = "trains many seeds: scripts/test runs it"]
fn the_larger_the_batch_the_worse() {
    let run = train("--preset batch-law --replicates 6 --log-every 10000");
    for (size, correct, averaged) in
        [(2, 0.1994, 0.2500), (8, 0.1002, 0.1710), (32, 0.0854, 0.2020), (128, 0.0830, 0.2220)]
    {
        let name = |rule: &str| format!("{rule}_b{size}");
        close(&name("correct"), mean(&run, &name("correct")), correct, 0.006);
        close(&name("averaged-x2"), mean(&run, &name("averaged-x2")), averaged, 0.015);
    }
    // With one sample there is nothing to average: the same steps, bit for bit.
    assert_eq!(ends(&run, "correct_b1"), ends(&run, "averaged-x2_b1"));
    close("batches of one", mean(&run, "correct_b1"), 0.25, 0.003);
}

#[test]
#[ignore = "trains many seeds: scripts/test runs it"]
fn ascent_ends_in_one_class() {
    let run = train(
        "--sign ascend --optimizer sgd,sgd-plus,adam --gradient correct,averaged --replicates 5",
    );
    for optimizer in ["sgd", "sgd-plus", "adam"] {
        for gradient in ["correct", "averaged"] {
            let point = format!("{optimizer}_{gradient}");
            within(&point, mean(&run, &point), 0.43, 0.51);
            close(&point, run.last(&format!("eval/accuracy/{point}")), 0.5, 0.02);
            let bias = run.history(&format!("params/bias.1/{point}"));
            assert!(
                bias.windows(2).all(|pair| 0.0 < pair[0].1 && pair[0].1 < pair[1].1),
                "{bias:?}"
            );
        }
    }
}

#[test]
#[ignore = "trains many seeds: scripts/test runs it"]
fn the_wrong_sign_of_later_versions() {
    let run = train("--gradient package-1.1.5 --lr 0.001,0.05 --replicates 8");
    within("lr 1e-3", mean(&run, "lr1e-3"), 0.16, 0.27);
    within("lr 5e-2", mean(&run, "lr5e-2"), 0.69, 0.71);
    close("accuracy", run.last("eval/accuracy/lr5e-2"), 0.128, 0.02);
    let fixed = train("--gradient package-1.1.5 --sign descend --replicates 8");
    close("with the sign fixed", fixed.last("train/end"), 0.2033, 0.02);
}

#[test]
#[ignore = "trains many seeds: scripts/test runs it"]
fn the_network() {
    let run = train("--preset multi --replicates 6 --log-every 10000");
    for (point, low, high) in [
        ("sgd_correct_lr1e-3", 0.236, 0.249),
        ("sgd-plus_correct_lr1e-3", 0.105, 0.145),
        ("adam_correct_lr1e-3", 0.090, 0.105),
        ("sgd_correct_lr5e-2", 0.083, 0.105),
        ("sgd-plus_correct_lr5e-2", 0.083, 0.105),
        ("adam_correct_lr5e-2", 0.083, 0.105),
        ("sgd_averaged_lr1e-3", 0.18, 0.25),
        ("sgd_averaged_lr5e-2", 0.18, 0.25),
    ] {
        within(point, mean(&run, point), low, high);
    }
    let later = train("--model multi --gradient package-1.1.5 --lr 0.001,0.05 --replicates 6");
    within("package 1.1.5, 1e-3", mean(&later, "lr1e-3"), 0.25, 0.265);
    within("package 1.1.5, 5e-2", mean(&later, "lr5e-2"), 0.09, 0.21);
}
