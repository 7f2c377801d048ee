//! The control for learning less: permuted MNIST without a method at several learning rates.

use anyhow::Result;

use super::run::{AVERAGE, FORGETTING, Run, cell, difference};

/// Networks: in the names of runs, and on the page.
pub const FAMILIES: [(&str, &str); 5] = [
    ("mlp-440", "MLP 440-440"),
    ("mlp-170", "MLP 170-170"),
    ("k5-frozen", "K = 5, selectors frozen"),
    ("k2-frozen", "K = 2, selectors frozen"),
    ("k2", "K = 2, learned"),
];

/// Learning rates, as in the names of runs, falling.
const RATES: [&str; 5] = ["0.01", "0.005", "0.003", "0.002", "0.001"];

/// The runs of a network, by falling learning rate.
pub fn read(family: &str) -> Result<Vec<(&'static str, Run)>> {
    let mut runs = Vec::new();
    for rate in RATES {
        runs.extend(Run::read(&format!("rate-{family}-{rate}"))?.map(|run| (rate, run)));
    }
    Ok(runs)
}

/// What each seed of a network forgets where it has learnt as much as `learnt`, between the two
/// learning rates around it. None where a seed has learnt less or more at every rate.
fn forgotten_at(runs: &[(&str, Run)], learnt: &[f64]) -> Option<Vec<f64>> {
    let of = |(seed, at): (usize, &f64)| {
        runs.windows(2).find_map(|pair| {
            let [(_, fast), (_, slow)] = pair else { return None };
            let (high, low) = (fast.when_learnt()[seed], slow.when_learnt()[seed]);
            let (most, least) = (fast.end(FORGETTING)[seed], slow.end(FORGETTING)[seed]);
            let inside = (low..=high).contains(at);
            inside.then(|| least + (most - least) * (at - low) / (high - low))
        })
    };
    learnt.iter().enumerate().map(of).collect()
}

/// What every network learns and forgets at every rate, and how much more the perceptrons forget at
/// the rate where they learn as much as a selector network.
pub fn print() -> Result<()> {
    println!("\n| network | learning rate | when learnt | forgetting | mean of five |");
    for (family, name) in FAMILIES {
        for (rate, run) in read(family)? {
            let learnt = cell(&run.when_learnt());
            let [forgotten, mean] = [FORGETTING, AVERAGE].map(|tag| cell(run.end(tag)));
            println!("| {name} | {rate} | {learnt} | {forgotten} | {mean} |");
        }
    }
    for perceptron in ["mlp-440", "mlp-170"] {
        let runs = read(perceptron)?;
        for network in ["k5-frozen", "k2-frozen", "k2"] {
            for (rate, run) in read(network)? {
                for (slower, other) in &runs {
                    let learnt = difference(&run.when_learnt(), &other.when_learnt())?;
                    let [forgotten, mean] =
                        [FORGETTING, AVERAGE].map(|tag| difference(run.end(tag), other.end(tag)));
                    println!(
                        "{network} at {rate} - {perceptron} at {slower}: when learnt {learnt}; \
                         forgetting {}; mean of five {}",
                        forgotten?, mean?
                    );
                }
                let forgotten = forgotten_at(&runs, &run.when_learnt());
                let Some(forgotten) = forgotten else { continue };
                let less = difference(run.end(FORGETTING), &forgotten)?;
                println!(
                    "{network} at {rate} - {perceptron} that learns as much, forgetting: {less}"
                );
            }
        }
    }
    Ok(())
}
