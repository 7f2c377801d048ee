//! The tables.

use anyhow::Result;
use neuron_lab::lab::statistics::{mean, mean_and_sd};

use super::run::Run;
use super::{ENTROPIES, EPOCH, GRADIENTS, GUIDED, LINEARS, NARROW, WIDE};

/// The steps over which the notebook's kind of average is taken, the beginning of training.
pub const BEGINNING: f64 = 300.0;
/// The runs of a few hundred steps: name, label, and the notebook's loss.
const BEGINNINGS: [(&str, &str, &str); 15] = [
    ("epoch-k1", "L = 2, K = 1", "8.1562"),
    ("epoch-k2", "L = 2, K = 2", "8.2926"),
    ("epoch-k2-hidden", "L = 2, K = 2, `hidden`", ""),
    ("narrow-k5", "L = 2, K = 5", "8.3156"),
    ("epoch-k5-hidden", "L = 2, K = 5, `hidden`", ""),
    ("k50", "L = 2, K = 50", "8.3408"),
    ("k75", "L = 2, K = 75", "8.3711"),
    ("k100", "L = 2, K = 100", ""),
    ("linear-k2", "L = 2, K = 2, linear layers only", "8.3382"),
    ("unscaled", "L = 2, K = 5, embeddings not scaled", ""),
    ("l16-k1", "L = 16, K = 1", ""),
    ("l16-k2", "L = 16, K = 2", ""),
    ("l16-k5", "L = 16, K = 5", "8.2488"),
    ("wide-start", "d = 256, V = 4000, K = 5", ""),
    ("wide-start-hidden", "d = 256, V = 4000, K = 5, `hidden`", ""),
];

/// Mean ± standard deviation of several values; of one the value.
fn cell(values: &[f64]) -> String {
    let (mean, sd) = mean_and_sd(values);
    if values.len() > 1 { format!("{mean:.3} ± {sd:.3}") } else { format!("{mean:.3}") }
}

fn last(runs: &[Run], tag: &str) -> Result<Vec<f64>> {
    runs.iter().map(|run| run.last(tag)).collect()
}

/// One value of each run less that of the run of the same seed with K = 1.
fn above(runs: &[Run], base: &[Run], value: impl Fn(&Run) -> Result<f64>) -> Result<String> {
    let pair = |(run, base): (&Run, &Run)| Ok(value(run)? - value(base)?);
    let differences: Vec<f64> = runs.iter().zip(base).map(pair).collect::<Result<_>>()?;
    if differences.is_empty() {
        return Ok(String::new());
    }
    let (mean, sd) = mean_and_sd(&differences);
    Ok(if runs.len() > 1 { format!("{mean:+.3} ± {sd:.3}") } else { format!("{mean:+.3}") })
}

/// A table of runs over an epoch.
fn whole(rows: &[(&str, &str)]) -> Result<()> {
    let Some((first, _)) = rows.first() else { return Ok(()) };
    let base = Run::seeds(first)?;
    println!(
        "\n| run | seeds | steps | average loss | last tenth | held out | above K = 1, held out | below ln V, \
         held out |\n|---|---|---|---|---|---|---|---|"
    );
    for (name, label) in rows {
        let runs = Run::seeds(name)?;
        let Some(steps) = runs.first().map(Run::steps) else { continue };
        let average = |from: f64| -> Vec<f64> {
            runs.iter().map(|run| run.loss(from * steps, steps)).collect()
        };
        println!(
            "| {label} | {} | {steps} | {} | {} | {} | {} | {} |",
            runs.len(),
            cell(&average(0.0)),
            cell(&average(0.9)),
            cell(&last(&runs, "eval/loss")?),
            above(&runs, &base, |run| run.last("eval/loss"))?,
            cell(&last(&runs, "eval/below_uniform")?),
        );
    }
    Ok(())
}

/// One epoch at d = 64, every rule and number of computation neurons.
pub fn epoch() -> Result<()> {
    whole(&EPOCH.map(|(name, label, _)| (name, label)))
}

/// Noise and balance: the loss, and means over all linear layers of what the selections are like.
pub fn guided() -> Result<()> {
    println!(
        "\n| what leads the selections | seeds | held out | entropy | neuron entropy | dominated | never used |\n\
         |---|---|---|---|---|---|---|"
    );
    for (name, label, _) in GUIDED {
        let runs = Run::seeds(name)?;
        if runs.is_empty() {
            continue;
        }
        let over_layers = |tag: &str| -> Result<String> {
            let each = |run: &Run| -> Result<f64> {
                let values = LINEARS.map(|layer| run.last(&format!("{tag}/{layer}")));
                Ok(mean(&values.into_iter().collect::<Result<Vec<_>>>()?))
            };
            Ok(cell(&runs.iter().map(each).collect::<Result<Vec<_>>>()?))
        };
        println!(
            "| {label} | {} | {} | {} | {} | {} | {} |",
            runs.len(),
            cell(&last(&runs, "eval/loss")?),
            over_layers("entropy")?,
            over_layers("neuron_entropy")?,
            over_layers("dominance")?,
            over_layers("never_used")?,
        );
    }
    Ok(())
}

/// One epoch at the sizes that fit the notebook's entropies and losses.
pub fn wide() -> Result<()> {
    whole(&[("wide-k1", "K = 1"), ("wide-k2", "K = 2"), ("wide-k5", "K = 5")])
}

/// The first steps, whose average is what the notebook's losses look like.
pub fn beginnings() -> Result<()> {
    println!(
        "\n| run | seeds | average of the first 20 steps | of the first 300 | the notebook |\n\
         |---|---|---|---|---|"
    );
    for (name, label, notebook) in BEGINNINGS {
        let runs = Run::seeds(name)?;
        if runs.is_empty() {
            continue;
        }
        let of = |to: f64| -> Vec<f64> { runs.iter().map(|run| run.loss(0.0, to)).collect() };
        println!(
            "| {label} | {} | {} | {} | {notebook} |",
            runs.len(),
            cell(&of(20.0)),
            cell(&of(BEGINNING)),
        );
    }
    Ok(())
}

/// A value of each seed's run, as a mean ± standard deviation.
fn over_seeds(runs: &[Run], value: impl Fn(&Run) -> f64) -> String {
    cell(&runs.iter().map(value).collect::<Vec<_>>())
}

/// The notebook's table beside two widths after 300 steps. Gradients are over that of the first linear1.
pub fn monitoring() -> Result<()> {
    let (wide, narrow) = (Run::seeds(WIDE)?, Run::seeds(NARROW)?);
    if wide.is_empty() || narrow.is_empty() {
        return Ok(());
    }
    println!(
        "\n| layer | entropy, d = 256 | d = 64 | the notebook's | gradient, d = 256 | d = 64 | \
         the notebook's | dominated, d = 256 | never used |\n|---|---|---|---|---|---|---|---|---|"
    );
    for ((layer, entropy), gradient) in LINEARS.iter().zip(ENTROPIES).zip(GRADIENTS) {
        let last = |tag: &str| {
            let tag = format!("{tag}/{layer}");
            move |run: &Run| run.at(&tag, run.steps())
        };
        let relative = |run: &Run| run.gradient(layer) / run.gradient(LINEARS[4]);
        println!(
            "| `{layer}` | {} | {} | {entropy:.3} | {} | {} | {:.3} | {} | {} |",
            over_seeds(&wide, last("entropy")),
            over_seeds(&narrow, last("entropy")),
            over_seeds(&wide, relative),
            over_seeds(&narrow, relative),
            gradient / GRADIENTS[4],
            over_seeds(&wide, last("dominance")),
            over_seeds(&wide, last("never_used")),
        );
    }
    Ok(())
}
