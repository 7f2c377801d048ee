//! Curves of runs, from `metrics.jsonl`.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::path::Path;

use anyhow::{Context, Result};
use serde_json::Value;

use crate::lab::counts::counted;
use crate::lab::error::one_line;
use crate::lab::log::console::Console;
use crate::lab::statistics::mean_and_sd;
use crate::lab::store::regular;

/// (step, value), in the order in which they were logged.
pub type Curve = Vec<(u64, f64)>;

/// The curves of the tags that are wanted in a run folder, and how many lines of its log are damaged
/// and left out. A last line that is torn is no damage: the run was killed while it wrote it, or
/// writes it now.
///
/// # Errors
/// Where there is no log.
pub fn read(run: &Path, wanted: impl Fn(&str) -> bool) -> Result<(BTreeMap<String, Curve>, usize)> {
    let mut curves = BTreeMap::<String, Curve>::new();
    let damaged = for_each_entry(run, |entry| {
        let step = entry["step"].as_u64().unwrap_or_default();
        let values = entry["values"].as_object().into_iter().flatten();
        for (tag, value) in values.filter(|(tag, _)| wanted(tag)) {
            let point = (step, value.as_f64().unwrap_or(f64::NAN));
            match curves.get_mut(tag) {
                Some(curve) => curve.push(point),
                None => drop(curves.insert(tag.clone(), vec![point])),
            }
        }
        Ok(())
    })?;
    Ok((curves, damaged))
}

/// As [`read`], as far as the log can be read: what can't is said.
pub fn read_or_say(run: &Path, wanted: impl Fn(&str) -> bool) -> BTreeMap<String, Curve> {
    let console = Console::new(false, false);
    match read(run, wanted) {
        Ok((curves, 0)) => curves,
        Ok((curves, damaged)) => {
            let path = run.join("metrics.jsonl");
            let lines = counted(damaged, "damaged line");
            console.warn(&format!("{}: {lines} left out", path.display()));
            curves
        }
        Err(error) => {
            console.warn(&one_line(&error));
            BTreeMap::new()
        }
    }
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

/// Which points of a curve draw the same picture in so many columns: of each column the first, the
/// lowest, the highest and the last, and the first that is not finite, which is a gap. Indices in
/// their order; the positions must not fall.
pub fn thinned(x: &[f64], y: &[f64], columns: usize) -> Vec<usize> {
    if x.len() <= 4 * columns {
        return (0..x.len()).collect();
    }
    let (first, span) = (x[0], (x[x.len() - 1] - x[0]).max(f64::MIN_POSITIVE));
    let column = |index: &usize| ((x[*index] - first) / span * columns as f64) as usize;
    let all: Vec<usize> = (0..x.len()).collect();
    let mut kept = Vec::new();
    for group in all.chunk_by(|a, b| column(a) == column(b)) {
        let finite = || group.iter().copied().filter(|index| y[*index].is_finite());
        let by_value = |a: &usize, b: &usize| y[*a].total_cmp(&y[*b]);
        let gap = group.iter().copied().find(|index| !y[*index].is_finite());
        let ends = [group.first().copied(), group.last().copied()];
        let extremes = [finite().min_by(by_value), finite().max_by(by_value), gap];
        let mut some: Vec<usize> = ends.into_iter().chain(extremes).flatten().collect();
        some.sort_unstable();
        some.dedup();
        kept.extend(some);
    }
    kept
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
    fn a_thinned_curve_keeps_its_ends_extremes_and_gaps() {
        let x: Vec<f64> = (0..100_000).map(f64::from).collect();
        let mut y: Vec<f64> = x.iter().map(|x| (x / 1e4).sin()).collect();
        (y[77_777], y[33_333], y[50_001]) = (9.0, -9.0, f64::NAN);
        let kept = thinned(&x, &y, 300);
        assert!(kept.len() <= 5 * 301 && kept.is_sorted(), "{}", kept.len());
        for index in [0, 33_333, 50_001, 77_777, 99_999] {
            assert!(kept.contains(&index), "{index}");
        }
        assert_eq!(thinned(&[7.0], &[1.0], 300), [0]);
        assert!(thinned(&[], &[], 300).is_empty());
        // All points at one step, and none that can be drawn.
        assert!(thinned(&[7.0; 5000], &[f64::NAN; 5000], 300).len() <= 3);
    }

    #[test]
    fn a_damaged_line_costs_itself() {
        let folder = tempfile::tempdir().unwrap();
        let lines = b"{\"step\":1,\"values\":{\"a\":1}}\n{\"step\":2,\"values\":{\"a\xff\":7}}\n\
            {\"step\":3,\"values\":{\"a\":null}}\n{\"st";
        std::fs::write(folder.path().join("metrics.jsonl"), lines).unwrap();
        let (curves, damaged) = read(folder.path(), |tag| tag == "a").unwrap();
        assert_eq!((curves["a"][0], damaged), ((1, 1.0), 1));
        assert!(curves["a"][1].1.is_nan() && curves["a"].len() == 2);
    }
}
