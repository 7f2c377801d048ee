//! What the log writes to TensorBoard alone.

use serde_json::{Map, Value};

use super::Log;
use crate::lab::figure::RgbImage;
use crate::lab::log::tensorboard::{Chart, Histogram};

impl Log {
    /// Writes a histogram of the finite ones among some values.
    pub fn histogram(&mut self, tag: &str, step: u64, values: &[f32]) {
        self.entry(tag, |events| {
            Ok(events.histogram(tag, step as i64, &Histogram::from_values(values))?)
        });
    }

    /// Writes a matrix as a picture to TensorBoard alone.
    pub fn image(&mut self, tag: &str, step: u64, image: &RgbImage) {
        self.entry(tag, |events| Ok(events.image(tag, step as i64, image)?));
    }

    /// Writes text in Markdown to TensorBoard.
    pub fn text(&mut self, tag: &str, step: u64, markdown: &str) {
        self.entry(tag, |events| Ok(events.text(tag, step as i64, markdown)?));
    }

    /// Writes the configuration as hyper-parameters, with the tags of the metrics to compare.
    pub fn hparams(&mut self, config: &Map<String, Value>, metric_tags: &[&str]) {
        self.entry("the hyper-parameters", |events| Ok(events.hparams_start(config, metric_tags)?));
    }

    /// Logs the edges of the bands that these charts show, from now on.
    pub fn bands(&mut self, charts: &[Chart]) {
        let banded = charts.iter().filter(|chart| chart.replicates > 1);
        self.banded = banded.flat_map(|chart| chart.tags.iter().cloned()).collect();
    }

    /// Writes the layout of TensorBoard's custom scalars, once for a run.
    pub fn charts(&mut self, charts: &[Chart]) {
        self.entry("the layout of charts", |events| Ok(events.custom_scalars(charts)?));
    }
}
