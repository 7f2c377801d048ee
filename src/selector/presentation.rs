//! How the experiments of this family name computation neurons and draw curves.

use crate::lab::figure::Series;
use crate::lab::log::run_log::Log;

/// Computation neurons up to which each has a letter and curves of its own; of more, only the
/// layer's measures are logged.
pub const LETTERS: i64 = 26;

/// The letter of a computation neuron: A, B, ...
pub fn letter(k: i64) -> char {
    char::from(b'A' + k.clamp(0, LETTERS - 1) as u8)
}

/// A curve of the log, with a band of one standard deviation where there are replicates.
pub fn curve(log: &Log, tag: &str, label: &str) -> Series {
    let (x, y): (Vec<f64>, Vec<f64>) =
        log.history(tag).iter().map(|(t, v)| (*t as f64, *v)).unzip();
    let sd: Vec<f64> = log.history(&format!("{tag}/sd")).iter().map(|(_, sd)| *sd).collect();
    if sd.len() != y.len() || y.is_empty() {
        return Series::new(label, x, y);
    }
    let edge = |sign: f64| y.iter().zip(&sd).map(|(y, sd)| y + sign * sd).collect();
    let (low, high) = (edge(-1.0), edge(1.0));
    Series::new(label, x, y).with_band(low, high)
}
