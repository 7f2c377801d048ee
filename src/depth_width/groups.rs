//! Groups results so that each group is one panel or one curve, and names panels and curves.

use super::descent::{Init, Point, PointResult};
use crate::lab::figure::Series;

/// Panels and curves that a figure has at most; the run's CSV file has all of them.
pub(super) const MOST: usize = 6;

/// The values of several seeds at one place of an axis.
pub(super) struct Sample {
    pub(super) x: f64,
    /// One for each seed.
    pub(super) values: Vec<f64>,
}

/// Groups the results by `key`, in the order in which the keys first appear.
pub(super) fn groups<K: PartialEq>(
    results: &[PointResult],
    key: impl Fn(&Point) -> K,
) -> Vec<Vec<PointResult>> {
    let mut groups: Vec<(K, Vec<PointResult>)> = Vec::new();
    for found in results {
        let mine = key(&found.point);
        match groups.iter_mut().find(|(known, _)| *known == mine) {
            Some((_, group)) => group.push(found.clone()),
            None => groups.push((mine, vec![found.clone()])),
        }
    }
    groups.into_iter().map(|(_, group)| group).collect()
}

impl Point {
    /// The file name of the map over learning rate and width, of which everything else is fixed.
    pub(super) fn tag_of_plane(&self) -> String {
        format!("{}_{}_d{}", self.optimizer.name(), self.init.name(), self.depth)
    }

    /// The optimizer, its learning rate and the initialisation, for a title.
    pub(super) fn rule(&self) -> String {
        format!("{} at {}, {}", self.rule_label(), self.lr, self.init_label())
    }

    /// The optimizer, for a title.
    pub(super) fn rule_label(&self) -> &'static str {
        self.optimizer.title()
    }

    /// The initialisation, for a title.
    pub(super) fn init_label(&self) -> &'static str {
        match self.init {
            Init::Default => "default init",
            Init::He => "He init",
        }
    }
}

/// The mean over seeds, with a band from the minimum to the maximum.
pub(super) fn series(label: &str, samples: &[Sample]) -> Series {
    let fold =
        |pick: &dyn Fn(&[f64]) -> f64| samples.iter().map(|sample| pick(&sample.values)).collect();
    let mean = fold(&|v| v.iter().sum::<f64>() / v.len() as f64);
    let low = fold(&|v| v.iter().copied().fold(f64::INFINITY, f64::min));
    let high = fold(&|v| v.iter().copied().fold(f64::NEG_INFINITY, f64::max));
    let x = samples.iter().map(|sample| sample.x).collect();
    Series { marker: true, ..Series::new(label, x, mean).with_band(low, high) }
}
