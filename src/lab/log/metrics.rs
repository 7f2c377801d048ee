//! Metrics that stay on the device until they are logged, and then come over in one copy.

use anyhow::{Result, bail, ensure};
use tch::{Device, Kind, Tensor, no_grad_guard};

use crate::lab::statistics::mean_and_sd;
use crate::lab::store::{Persist, StateReader, StateWriter};
use crate::lab::tensor::to_host;

/// How the values of one interval become one number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Reduce {
    Mean,
    Last,
}

impl Reduce {
    /// What the kept value of so many values is divided by.
    fn divisor(self, count: u64) -> f64 {
        match self {
            Self::Mean => count as f64,
            Self::Last => 1.0,
        }
    }

    /// The number that a checkpoint has for it.
    fn code(self) -> f64 {
        match self {
            Self::Mean => 1.0,
            Self::Last => 0.0,
        }
    }
}

#[derive(Debug)]
struct Metric {
    tag: String,
    reduce: Reduce,
    /// Sum or last value since the last take: `[]` or `[replicate]`.
    value: Tensor,
    count: u64,
}

/// The value of a metric over one interval, for each replicate.
#[derive(Debug, Clone, PartialEq)]
pub struct Reading {
    /// The metric's tag.
    pub tag: String,
    /// One value, or one a replicate.
    pub values: Vec<f64>,
}

impl Reading {
    /// The tag and its value; for several replicates their mean, `<tag>/sd`, their standard
    /// deviation, and each as `<tag>/r<i>`.
    pub fn tagged(&self) -> Vec<(String, f64)> {
        let (mean, sd) = mean_and_sd(&self.values);
        let mut tagged = vec![(self.tag.clone(), mean)];
        if self.values.len() > 1 {
            tagged.push((format!("{}/sd", self.tag), sd));
            let each = self.values.iter().enumerate();
            tagged.extend(each.map(|(i, value)| (format!("{}/r{i}", self.tag), *value)));
        }
        tagged
    }
}

/// Whether a tag of [`Reading::tagged`] is that of one replicate.
pub fn is_replicate(tag: &str) -> bool {
    let number = tag.rsplit_once("/r").map_or("", |(_, number)| number);
    !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit())
}

/// What was read of a metric since the last evaluation.
#[derive(Debug)]
struct Epoch {
    tag: String,
    sums: Vec<f64>,
    count: f64,
}

/// Values by tag since the last [`Metrics::take`], and since the last [`Metrics::take_epoch`].
#[derive(Debug)]
pub struct Metrics {
    metrics: Vec<Metric>,
    epoch: Vec<Epoch>,
    replicates: i64,
    device: Device,
}

impl Metrics {
    /// No values yet, of a run of so many replicates on this device.
    pub fn new(replicates: i64, device: Device) -> Self {
        Self { metrics: Vec::new(), epoch: Vec::new(), replicates, device }
    }

    /// Adds a value whose mean over the interval is logged.
    ///
    /// - value: `[]` or `[replicate]`
    pub fn mean(&mut self, tag: &str, value: &Tensor) {
        self.put(tag, value, Reduce::Mean);
    }

    /// Sets a value of which the last in the interval is logged.
    ///
    /// - value: `[]` or `[replicate]`
    pub fn last(&mut self, tag: &str, value: &Tensor) {
        self.put(tag, value, Reduce::Last);
    }

    fn put(&mut self, tag: &str, value: &Tensor, reduce: Reduce) {
        let _guard = no_grad_guard();
        // A value of one replicate may come with that axis, and is kept without it.
        let value = &if value.numel() == 1 { value.detach().reshape([]) } else { value.detach() };
        let known = self.metrics.iter_mut().find(|metric| metric.tag == tag);
        let Some(metric) = known else {
            let value = value.copy();
            self.metrics.push(Metric { tag: tag.into(), reduce, value, count: 1 });
            return;
        };
        match reduce {
            Reduce::Mean if metric.count > 0 => _ = metric.value.g_add_(value),
            Reduce::Mean | Reduce::Last => metric.value.copy_(value),
        }
        metric.count += 1;
    }

    /// Reads everything since the last call in one copy, and starts the next interval. `extra` (a
    /// tensor of any shape, or none) comes over in the same copy and is given back flat.
    ///
    /// # Errors
    /// Where the device can't be read.
    pub fn take(&mut self, extra: Option<&Tensor>) -> Result<(Vec<Reading>, Vec<f64>)> {
        let _guard = no_grad_guard();
        let fresh: Vec<&mut Metric> = self.metrics.iter_mut().filter(|m| m.count > 0).collect();
        let parts: Vec<Tensor> = fresh
            .iter()
            .map(|metric| &metric.value)
            .chain(extra)
            .map(|value| value.to_kind(Kind::Double).reshape([-1]))
            .collect();
        if parts.is_empty() {
            return Ok((Vec::new(), Vec::new()));
        }
        let mut numbers = to_host::values(&Tensor::cat(&parts, 0))?;
        let mut readings = Vec::with_capacity(fresh.len());
        for metric in fresh {
            let rest = numbers.split_off(metric.value.numel());
            let mut values = std::mem::replace(&mut numbers, rest);
            let count = metric.reduce.divisor(metric.count);
            add_to_epoch(&mut self.epoch, &metric.tag, &values, count);
            values.iter_mut().for_each(|value| *value /= count);
            metric.count = 0;
            readings.push(Reading { tag: metric.tag.clone(), values });
        }
        Ok((readings, numbers))
    }

    /// The mean of everything that was taken since the last call, and starts the next epoch.
    pub fn take_epoch(&mut self) -> Vec<Reading> {
        let mean = |epoch: Epoch| Reading {
            tag: epoch.tag,
            values: epoch.sums.iter().map(|sum| sum / epoch.count).collect(),
        };
        self.epoch.drain(..).map(mean).collect()
    }
}

/// What a checkpoint needs of an interval and an epoch that are under way:
///
/// - `state.lab.interval.<tag>`: `[]` or `[replicate]`, the sum or the last value
/// - `state.lab.interval_counts.<tag>`: the count, and 1 for a mean or 0 for a last value
/// - `state.lab.epoch.<tag>`: the count, and the sum of each replicate
impl Persist for Metrics {
    fn save(&self, writer: &mut StateWriter) -> Result<()> {
        for metric in self.metrics.iter().filter(|metric| metric.count > 0) {
            let counts = vec![metric.count as f64, metric.reduce.code()];
            writer.auxiliary(format!("{INTERVAL}{}", metric.tag), &metric.value);
            writer.number(format!("{COUNTS}{}", metric.tag), &counts);
        }
        for epoch in &self.epoch {
            let numbers: Vec<f64> = [&[epoch.count], epoch.sums.as_slice()].concat();
            writer.number(format!("{EPOCH}{}", epoch.tag), &numbers);
        }
        Ok(())
    }

    fn load(&mut self, reader: &mut StateReader) -> Result<()> {
        let Self { metrics, epoch, replicates, device } = self;
        let file = reader.file().display();
        metrics.clear();
        epoch.clear();
        for tag in reader.names_after(INTERVAL) {
            let value = reader.tensor(&format!("{INTERVAL}{tag}"))?;
            let size = value.size();
            let good = size.is_empty() || (*replicates > 1 && size == [*replicates]);
            ensure!(good, "{file}: {INTERVAL}{tag} is {size:?}, of {replicates} replicates");
            let mut counts: Vec<f64> = Vec::new();
            reader.number(&format!("{COUNTS}{tag}"), &mut counts)?;
            let [count, mean] = counts[..] else {
                bail!("{file}: {COUNTS}{tag} must be two numbers")
            };
            let reduce = if mean == 1.0 { Reduce::Mean } else { Reduce::Last };
            let (value, count) = (value.to_device(*device).copy(), count as u64);
            metrics.push(Metric { tag, reduce, value, count });
        }
        for tag in reader.names_after(EPOCH) {
            let mut numbers: Vec<f64> = Vec::new();
            reader.number(&format!("{EPOCH}{tag}"), &mut numbers)?;
            let good = numbers.len() == 2 || numbers.len() as i64 == 1 + *replicates;
            ensure!(good, "{file}: {EPOCH}{tag} has {} numbers", numbers.len());
            let Some((count, sums)) = numbers.split_first() else {
                bail!("{file}: {EPOCH}{tag} is empty")
            };
            add_to_epoch(epoch, &tag, sums, *count);
        }
        Ok(())
    }
}

const INTERVAL: &str = "state.lab.interval.";
const COUNTS: &str = "state.lab.interval_counts.";
const EPOCH: &str = "state.lab.epoch.";

fn add_to_epoch(epochs: &mut Vec<Epoch>, tag: &str, sums: &[f64], count: f64) {
    match epochs.iter_mut().find(|epoch| epoch.tag == tag) {
        Some(epoch) => {
            epoch.count += count;
            epoch.sums.iter_mut().zip(sums).for_each(|(sum, more)| *sum += more);
        }
        None => epochs.push(Epoch { tag: tag.into(), sums: sums.to_vec(), count }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn number(value: f64) -> Tensor {
        Tensor::from(value)
    }

    #[test]
    fn replicates_have_tags_of_their_own() {
        let reading = Reading { tag: "a/rate".into(), values: vec![1.0, 3.0] };
        let tags: Vec<String> = reading.tagged().into_iter().map(|(tag, _)| tag).collect();
        assert_eq!(tags, ["a/rate", "a/rate/sd", "a/rate/r0", "a/rate/r1"]);
        let each: Vec<bool> = tags.iter().map(|tag| is_replicate(tag)).collect();
        assert_eq!(each, [false, false, true, true]);
    }

    #[test]
    fn one_read_for_all_and_a_fresh_interval() {
        let mut metrics = Metrics::new(2, Device::Cpu);
        for value in [1.0, 2.0, 6.0] {
            metrics.mean("loss", &number(value));
            metrics.last("lr", &number(value));
            metrics.mean("each", &Tensor::from_slice(&[value, 10.0 * value]));
        }
        let before = to_host::count();
        let (readings, extra) = metrics.take(Some(&number(7.0))).unwrap();
        assert_eq!(to_host::count(), before + 1);
        let values: Vec<Vec<f64>> = readings.into_iter().map(|reading| reading.values).collect();
        assert_eq!(values, [vec![3.0], vec![6.0], vec![3.0, 30.0]]);
        assert_eq!(extra, [7.0]);
        metrics.mean("loss", &number(5.0));
        let (readings, _) = metrics.take(None).unwrap();
        assert_eq!(readings, [Reading { tag: "loss".into(), values: vec![5.0] }]);
        let epoch: Vec<Vec<f64>> =
            metrics.take_epoch().into_iter().map(|reading| reading.values).collect();
        assert_eq!(epoch, [vec![14.0 / 4.0], vec![6.0], vec![3.0, 30.0]]);
        assert!(metrics.take_epoch().is_empty());
    }
}
