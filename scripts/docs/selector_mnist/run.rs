//! What a run logged, epoch by epoch and seed by seed.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use neuron_lab::lab::figure::Series;
use neuron_lab::lab::statistics::mean_and_sd;
use serde_json::Value;

/// Steps of an epoch: 60 000 images in batches of 64.
const EPOCH: u64 = 938;
pub const EPOCHS: u64 = 5;

/// Every seed's value of a tag at the end of an epoch: (epoch, tag) to one value a seed.
pub struct Run {
    values: BTreeMap<(u64, String), Vec<f64>>,
}

impl Run {
    pub fn read(preset: &str) -> Result<Self> {
        let path = Path::new("runs/selector_mnist").join(format!("docs-{preset}/metrics.jsonl"));
        let text = fs::read_to_string(&path).with_context(|| format!("{}", path.display()))?;
        let mut values = BTreeMap::new();
        for line in text.lines() {
            let entry: Value = serde_json::from_str(line)?;
            let step = entry["step"].as_u64().context("step")?;
            let Some(map) = entry["values"].as_object().filter(|_| step % EPOCH == 0) else {
                continue;
            };
            for tag in map.keys().filter_map(|key| key.strip_suffix("/r0")) {
                let each = (0..).map_while(|r| map.get(&format!("{tag}/r{r}"))?.as_f64());
                values.insert((step / EPOCH, tag.to_string()), each.collect::<Vec<f64>>());
            }
        }
        let last = (EPOCHS, "eval/accuracy".to_string());
        anyhow::ensure!(values.contains_key(&last), "{} has not ended", path.display());
        Ok(Self { values })
    }

    pub fn each(&self, epoch: u64, tag: &str) -> Result<&[f64]> {
        let values = self.values.get(&(epoch, tag.to_string()));
        Ok(values.with_context(|| format!("no {tag} in epoch {epoch}"))?)
    }

    /// Mean ± standard deviation, with the range of the seeds in brackets.
    pub fn cell(&self, epoch: u64, tag: &str, scale: f64, decimals: usize) -> Result<String> {
        let values: Vec<f64> = self.each(epoch, tag)?.iter().map(|value| scale * value).collect();
        let (mean, sd) = mean_and_sd(&values);
        let low = values.iter().copied().fold(f64::INFINITY, f64::min);
        let high = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        Ok(format!("{mean:.decimals$} ± {sd:.decimals$} ({low:.decimals$}..{high:.decimals$})"))
    }

    /// The curve of a tag over epochs, with a band of one standard deviation.
    pub fn curve(&self, tag: &str, label: &str) -> Result<Series> {
        let (mut x, mut y, mut low, mut high) = (vec![], vec![], vec![], vec![]);
        for epoch in 1..=EPOCHS {
            let (mean, sd) = mean_and_sd(self.each(epoch, tag)?);
            x.push(epoch as f64);
            y.push(mean);
            low.push(mean - sd);
            high.push(mean + sd);
        }
        Ok(Series { marker: true, ..Series::new(label, x, y).with_band(low, high) })
    }
}
