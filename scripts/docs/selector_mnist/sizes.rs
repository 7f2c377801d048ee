//! The table of other sizes: what they do to the numbers that the notebook printed.

use anyhow::Result;
use neuron_lab::lab::statistics::mean_and_sd;

use super::NOTEBOOK;
use super::run::{EPOCHS, Run};

/// Hidden layers, from narrow to wide, and a deeper network.
const SIZES: [&str; 5] = ["32,32", "64,64", "128,128", "256,256", "64,64,64"];
/// Presets, each with what its run of 64,64 is called.
const MODELS: [&str; 3] = ["as-printed", "consistent", "k1"];

/// Mean ± standard deviation of each hidden layer's cosine, of those that have any.
fn cosines(run: &Run, epoch: u64) -> Result<String> {
    let layers = (1..).map_while(|i| run.each(epoch, &format!("cosine/layer{i}")).ok());
    let cells = layers.map(|values| {
        let (mean, sd) = mean_and_sd(values);
        format!("{mean:.3} ± {sd:.3}")
    });
    let cells: Vec<String> = cells.collect();
    Ok(if cells.is_empty() { "none".into() } else { cells.join(", ") })
}

/// Prints the table, with the notebook's own numbers as its first row. A run that is not there is left
/// out.
pub fn print_sizes() -> Result<()> {
    println!(
        "\n| network | hidden | seeds | loss, epoch 1 | accuracy %, epoch 1 | accuracy %, epoch 5 | cosines, epoch 1 | cosines, epoch 5 |"
    );
    println!("|---|---|---|---|---|---|---|---|");
    let [first, .., last] = NOTEBOOK;
    let cosines_of = |row: [f64; 5]| format!("{:.3}, {:.3}", row[2], row[3]);
    println!(
        "| the notebook | ? | 1 | {:.3} | {:.2} | {:.2} | {} | {} |",
        first[0],
        100.0 * first[1],
        100.0 * last[1],
        cosines_of(first),
        cosines_of(last)
    );
    for model in MODELS {
        for hidden in SIZES {
            let name = if hidden == "64,64" { model.into() } else { format!("{model}-{hidden}") };
            let run = match Run::read(&name) {
                Ok(run) => run,
                Err(error) => {
                    println!("{name} is left out: {error:#}");
                    continue;
                }
            };
            let cell = |epoch: u64, tag: &str, scale: f64, decimals: usize| -> Result<String> {
                let (mean, sd) = mean_and_sd(run.each(epoch, tag)?);
                Ok(format!("{:.decimals$} ± {:.decimals$}", scale * mean, scale * sd))
            };
            println!(
                "| `{model}` | {hidden} | {} | {} | {} | {} | {} | {} |",
                run.each(1, "eval/accuracy")?.len(),
                cell(1, "train/epoch_loss", 1.0, 3)?,
                cell(1, "eval/accuracy", 100.0, 2)?,
                cell(EPOCHS, "eval/accuracy", 100.0, 2)?,
                cosines(&run, 1)?,
                cosines(&run, EPOCHS)?,
            );
        }
    }
    Ok(())
}
