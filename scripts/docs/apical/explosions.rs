//! What becomes of every network of the sweeps on MNIST: when it explodes, or where it ends.

use anyhow::Result;
use neuron_lab::lab::statistics::quantile;

use super::run::Run;

/// The runs, by what follows `docs-` in their names.
const RUNS: [&str; 9] = [
    "sweep",
    "sweep-cosine",
    "sweep-bs1",
    "sweep-bs1-lr",
    "sweep-amax1",
    "common",
    "common-s9",
    "common-s14",
    "common-s19",
];

/// Prints, of each run that is there, a row for each pair of learning rates with the networks of all
/// seeds: the passes until it explodes with its lowest loss before, or its last loss.
pub fn show() -> Result<()> {
    for name in RUNS {
        let Ok(run) = Run::docs(name) else { continue };
        let (pairs, seeds) = (run.pairs(), run.seeds());
        let rates_w = run.rates("lr_w");
        let (mut exploded, mut last) = (0, Vec::new());
        println!("\n| {name}: lr_a | lr_w | explodes after (lowest loss before), or last loss |");
        println!("|---|---|---|");
        for (a, lr_a) in run.rates("lr_a").iter().enumerate() {
            for (w, lr_w) in rates_w.iter().enumerate() {
                let networks = (0..seeds).map(|seed| seed * pairs + a * rates_w.len() + w);
                let cells = networks.map(|network| {
                    let losses = run.epochs(network, "eval/loss").into_iter().map(|(_, loss)| loss);
                    let lowest = losses.fold(f64::NAN, f64::min);
                    match (run.last(network, "exploded_at"), run.last(network, "eval/loss")) {
                        (Some(passes), _) => {
                            exploded += 1;
                            format!("**{passes:.2}** ({lowest:.3})")
                        }
                        (None, Some(loss)) => {
                            last.push(loss);
                            format!("{loss:.3}")
                        }
                        (None, None) => String::new(),
                    }
                });
                println!("| {lr_a} | {lr_w:e} | {} |", cells.collect::<Vec<_>>().join(", "));
            }
        }
        println!(
            "\n{exploded} of {} explode; of the others the lowest last loss is {:.3}, the median {:.3}",
            pairs * seeds,
            quantile(&last, 0.0),
            quantile(&last, 0.5)
        );
    }
    Ok(())
}
