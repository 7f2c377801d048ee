//! Curves of runs, from `metrics.jsonl`.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::path::Path;

use anyhow::{Context, Result};
use serde_json::Value;

use crate::lab::statistics::mean_and_sd;
use crate::lab::store::regular;

/// (step, value), in the order in which they were logged.
pub type Curve = Vec<(u64, f64)>;

/// The curves of some tags in a run folder, and how many lines of its log are damaged and left out.
/// A last line that is torn is no damage: the run was killed while it wrote it, or writes it now.
///
/// # Errors
/// Where there is no log.
pub fn read(run: &Path, tags: &[String]) -> Result<(BTreeMap<String, Curve>, usize)> {
    let mut curves = BTreeMap::<String, Curve>::new();
    let damaged = for_each_entry(run, |entry| {
        let step = entry["step"].as_u64().unwrap_or_default();
        for tag in tags {
            if let Some(value) = entry["values"].get(tag) {
                let value = value.as_f64().unwrap_or(f64::NAN);
                curves.entry(tag.clone()).or_default().push((step, value));
            }
        }
        Ok(())
    })?;
    Ok((curves, damaged))
}

/// Gives every entry of a run's log, from the first to the last, to `take`; returns how many damaged
/// lines were left out, as [`read`] does.
///
/// # Errors
/// Where there is no log, and those of `take`.
pub fn for_each_entry(run: &Path, mut take: impl FnMut(&Value) -> Result<()>) -> Result<usize> {
    let path = run.join("metrics.jsonl");
    let read = || format!("reading {}", path.display());
    let mut file = BufReader::new(regular::open(&path).with_context(read)?);
    let (mut line, mut damaged) = (Vec::new(), 0);
    while file.read_until(b'\n', &mut line).with_context(read)? > 0 {
        let entry = serde_json::from_slice::<Value>(&line).unwrap_or_default();
        if entry["step"].is_u64() {
            take(&entry)?;
        } else {
            damaged += usize::from(line.ends_with(b"\n"));
        }
        line.clear();
    }
    Ok(damaged)
}

/// Several curves as one.
#[derive(Debug, Default)]
pub struct MeanCurve {
    /// The steps that all of them have.
    pub steps: Vec<f64>,
    /// The mean over the curves at each step.
    pub means: Vec<f64>,
    /// The standard deviation over the curves at each step.
    pub spreads: Vec<f64>,
}

/// The mean of several curves and their standard deviation, at the steps that all of them have.
pub fn mean(curves: &[Curve]) -> MeanCurve {
    let mut all = MeanCurve::default();
    let Some((first, others)) = curves.split_first() else { return all };
    for (step, value) in first.iter() {
        let at = |curve: &Curve| {
            let place = curve.binary_search_by_key(step, |(step, _)| *step).ok()?;
            Some(curve[place].1)
        };
        let rest: Option<Vec<f64>> = others.iter().map(at).collect();
        let Some(mut values) = rest else { continue };
        values.push(*value);
        let (mean, spread) = mean_and_sd(&values);
        all.steps.push(*step as f64);
        all.means.push(mean);
        all.spreads.push(spread);
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mean_over_the_common_steps() {
        let (a, b) = (vec![(1, 1.0), (2, 2.0), (3, 3.0)], vec![(2, 4.0), (3, 5.0)]);
        let MeanCurve { steps, means, spreads } = mean(&[a, b]);
        assert_eq!(steps, [2.0, 3.0]);
        assert_eq!(means, [3.0, 4.0]);
        assert!((spreads[0] - 2f64.sqrt()).abs() < 1e-12);
    }

    #[test]
    fn a_damaged_line_costs_itself() {
        let folder = tempfile::tempdir().unwrap();
        let lines = b"{\"step\":1,\"values\":{\"a\":1}}\n{\"step\":2,\"values\":{\"a\xff\":7}}\n\
            {\"step\":3,\"values\":{\"a\":null}}\n{\"st";
        std::fs::write(folder.path().join("metrics.jsonl"), lines).unwrap();
        let (curves, damaged) = read(folder.path(), &["a".into()]).unwrap();
        assert_eq!((curves["a"][0], damaged), ((1, 1.0), 1));
        assert!(curves["a"][1].1.is_nan() && curves["a"].len() == 2);
    }
}
