//! The points of a grid.

use std::collections::HashSet;

use anyhow::Result;
use serde::{Deserialize, Serialize};

use crate::lab::error::refuse;
use crate::lab::store::folder::check_name;

/// Most values of a range.
const LONGEST_RANGE: i64 = 100_000;

/// Most points of a sweep.
pub const MOST_POINTS: usize = 100_000;

/// A setting and the values that it takes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Axis {
    /// The setting, as its flag is called without the dashes.
    pub key: String,
    /// Its values, as they are typed.
    pub values: Vec<String>,
}

/// A point of the grid.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Point {
    /// The name of its run folder.
    pub name: String,
    /// The flags that are its own.
    pub arguments: Vec<String>,
    /// The steps of its plan, where they are known.
    #[serde(default)]
    pub steps: Option<u64>,
}

/// A value for each of some settings.
pub type Combination = Vec<(String, String)>;

/// Reads the words of a flag: `lr=1e-3,1e-2`, `seed=0..9` (both ends included), or, for values that have commas
/// themselves, `hidden=64,64;128,128`.
///
/// # Errors
/// Exit code 2 for anything else, and for a value that comes twice.
pub fn axis(flag: &str, text: &str) -> Result<Axis> {
    let wrong = |what: &str| refuse(format!("{flag} {text}: {what}"));
    let (key, values) =
        text.split_once('=').ok_or_else(|| wrong("expected KEY=VALUE,VALUE,... or KEY=0..9"))?;
    let key = key.trim_start_matches('-').replace('_', "-");
    let numbers = values.split_once("..").map(|(a, b)| (a.parse::<i64>(), b.parse::<i64>()));
    let values: Vec<String> = match numbers {
        Some((Ok(first), Ok(last))) if is_range(first, last) => {
            (first..=last).map(|value| value.to_string()).collect()
        }
        Some(_) => {
            let what = "expected a range such as 0..9, from the lower to the higher";
            let drawn = if flag == "--set" { "; log:A..B and lin:A..B draw others" } else { "" };
            return Err(wrong(&format!("{what}{drawn}")));
        }
        None => {
            let comma = if values.contains(';') { ';' } else { ',' };
            values.split(comma).map(|value| value.trim().to_string()).collect()
        }
    };
    if key.is_empty() || values.iter().any(String::is_empty) {
        return Err(wrong("a name or a value is missing"));
    }
    let mut known = HashSet::new();
    if let Some(twice) = values.iter().find(|value| !known.insert(*value)) {
        let commas = "values that have commas are separated by semicolons";
        return Err(wrong(&format!("{twice} comes twice; {commas}")));
    }
    Ok(Axis { key, values })
}

/// Whether two numbers are the ends of a range that is not too long.
fn is_range(first: i64, last: i64) -> bool {
    last.checked_sub(first).is_some_and(|length| (0..LONGEST_RANGE).contains(&length))
}

/// Every combination of the axes, the last one fastest: one of nothing where there is no axis.
///
/// # Errors
/// Exit code 2 where two axes have the same key, or there are too many points.
pub fn combinations(axes: &[Axis]) -> Result<Vec<Combination>> {
    refuse_twins(axes.iter().map(|axis| axis.key.as_str()))?;
    let lengths = || axes.iter().map(|axis| axis.values.len());
    let count = lengths().try_fold(1, |count: usize, length| count.checked_mul(length));
    if count.is_none_or(|count| count > MOST_POINTS) {
        let product = lengths().map(|length| length.to_string()).collect::<Vec<_>>().join(" x ");
        return Err(refuse(format!(
            "--grid: {product} points; at most {MOST_POINTS} are possible"
        )));
    }
    let mut all: Vec<Combination> = vec![Vec::new()];
    for axis in axes {
        let values: Vec<Combination> =
            axis.values.iter().map(|value| vec![(axis.key.clone(), value.clone())]).collect();
        all = crossed(&all, &values);
    }
    Ok(all)
}

/// Each of some combinations with each of others, the others fastest.
pub fn crossed(outer: &[Combination], inner: &[Combination]) -> Vec<Combination> {
    let with = |outer: &Combination| {
        let outer = outer.clone();
        inner.iter().map(move |inner| [&outer[..], inner].concat())
    };
    outer.iter().flat_map(with).collect()
}

/// Refuses a setting that is swept twice.
///
/// # Errors
/// Exit code 2.
pub fn refuse_twins<'a>(keys: impl Iterator<Item = &'a str>) -> Result<()> {
    let mut known = HashSet::new();
    match keys.into_iter().find(|key| !known.insert(*key)) {
        Some(key) => Err(refuse(format!("{key} is swept twice: --grid and --set take it once"))),
        None => Ok(()),
    }
}

/// A point for each combination.
pub fn points(combinations: &[Combination]) -> Vec<Point> {
    let point = |(number, pairs): (usize, &Combination)| Point {
        name: name(number, pairs),
        arguments: pairs.iter().map(|(key, value)| format!("--{key}={value}")).collect(),
        steps: None,
    };
    combinations.iter().enumerate().map(point).collect()
}

/// `lr=0.01,seed=3`; where that is no name for a folder, the point's number.
fn name(number: usize, pairs: &[(String, String)]) -> String {
    let words: Vec<String> = pairs.iter().map(|(key, value)| format!("{key}={value}")).collect();
    let name = words.join(",");
    if check_name(&name).is_ok() && name.len() <= 120 { name } else { format!("point-{number:05}") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lab::error::exit_status;

    #[test]
    fn axes() {
        assert_eq!(axis("--grid", "seed=0..3").unwrap().values, ["0", "1", "2", "3"]);
        assert_eq!(axis("--grid", "lr=1e-3,1e-2").unwrap().values, ["1e-3", "1e-2"]);
        assert_eq!(axis("--grid", "hidden=64,64;128").unwrap().values, ["64,64", "128"]);
        assert_eq!(axis("--grid", "--batch_size=1,2").unwrap().key, "batch-size");
        let all = format!("seed={}..{}", i64::MIN, i64::MAX);
        for wrong in ["lr", "lr=", "=1", "lr=1,,2", "lr=1,1", "seed=3..1", "seed=0..x", &all] {
            assert_eq!(exit_status(&axis("--grid", wrong).unwrap_err()), 2, "{wrong}");
        }
        let said = |flag, text| axis(flag, text).unwrap_err().to_string();
        assert!(said("--grid", "hidden=64,64").ends_with("separated by semicolons"));
        assert!(said("--set", "lr=1e-3..1").ends_with("log:A..B and lin:A..B draw others"));
    }

    #[test]
    fn every_combination_has_a_name_of_its_own() {
        let axes = [axis("--grid", "lr=1e-3,1e-2").unwrap(), axis("--grid", "seed=0..2").unwrap()];
        let all = points(&combinations(&axes).unwrap());
        assert_eq!(all.len(), 6);
        assert_eq!(all[1].name, "lr=1e-3,seed=1");
        assert_eq!(all[5].arguments, ["--lr=1e-2", "--seed=2"]);
        let odd = points(&combinations(&[axis("--grid", "data=my data,/a/b").unwrap()]).unwrap());
        assert_eq!(odd[1].name, "point-00001");
        assert!(combinations(&[axes[0].clone(), axes[0].clone()]).is_err());
        assert_eq!(combinations(&[]).unwrap(), [Combination::new()]);
        let keys = ["a", "b", "c", "d", "e"];
        let many = keys.map(|key| axis("--grid", &format!("{key}=1..100000")).unwrap());
        assert_eq!(combinations(&many[..1]).unwrap().len(), 100_000);
        assert_eq!(exit_status(&combinations(&many[..2]).unwrap_err()), 2);
        assert!(combinations(&many).unwrap_err().to_string().contains("100000 x 100000"));
    }
}
