//! Random search: settings that are drawn from ranges and lists of choices.

use std::collections::HashSet;

use anyhow::Result;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::distribution::Distribution;
use super::grid::{MOST_POINTS, axis};
use crate::lab::error::refuse;
use crate::lab::tensor::rng::words;

/// How points are searched, as `sweep.json` keeps it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Search {
    /// How many points are drawn.
    pub random: usize,
    /// The seed that they are drawn from.
    pub seed: u64,
    /// What is drawn, as it was typed: `lr=log:1e-4..1e-1`.
    pub set: Vec<String>,
}

/// A setting that is drawn.
#[derive(Debug, Clone, PartialEq)]
pub struct Setting {
    /// The setting, as its flag is called without the dashes.
    pub key: String,
    /// Where its values come from.
    pub from: Distribution,
    /// As it was typed.
    text: String,
}

impl Search {
    /// Reads `random:50`.
    ///
    /// # Errors
    /// Exit code 2 for anything else, for no point, and for too many.
    pub fn parse(text: &str, seed: u64, set: &[String]) -> Result<Self> {
        let wrong = |what: String| refuse(format!("--search {text}: {what}"));
        let count = text.strip_prefix("random:").and_then(|count| count.parse::<usize>().ok());
        match count {
            Some(random) if (1..=MOST_POINTS).contains(&random) => {
                Ok(Self { random, seed, set: set.to_vec() })
            }
            Some(_) => Err(wrong(format!("1 to {MOST_POINTS} points are possible"))),
            None => Err(wrong("expected random:POINTS, such as random:50".into())),
        }
    }

    /// The settings of each point, in the order in which they were typed. The first points are the
    /// same however many are drawn, and no two are equal.
    ///
    /// # Errors
    /// Exit code 2 where a setting can't be understood or comes twice, or there are not so many
    /// different points.
    pub fn draw(&self, settings: &[Setting]) -> Result<Vec<Vec<(String, String)>>> {
        let wrong = |what: String| refuse(format!("--search random:{}: {what}", self.random));
        let mut counts = settings.iter().map(|setting| setting.from.count());
        let all = counts.try_fold(1_u64, |all, count| all.checked_mul(count?));
        if let Some(all) = all.filter(|all| *all < self.random as u64) {
            return Err(wrong(format!("these choices have {all} combinations in all")));
        }
        let mut known = HashSet::new();
        let mut points = Vec::new();
        // The last of as many combinations as there are points takes n (ln n + 20) draws, but for
        // one time in 10^8.
        for t in 0..40 * self.random as u64 + 1000 {
            if points.len() == self.random {
                break;
            }
            let draws = words(self.seed, "search", t);
            let pair =
                |(setting, word): (&Setting, u64)| (setting.key.clone(), setting.from.at(word));
            let point: Vec<(String, String)> = settings.iter().zip(draws).map(pair).collect();
            if known.insert(point.clone()) {
                points.push(point);
            }
        }
        if points.len() < self.random {
            let found = points.len();
            return Err(wrong(format!("only {found} different points are in these ranges")));
        }
        Ok(points)
    }
}

impl Setting {
    /// Reads `lr=log:1e-4..1e-1`, `lin:A..B`, `int:A..B`, or choices as `--grid` takes them.
    ///
    /// # Errors
    /// Exit code 2 for anything else.
    pub fn parse(text: &str) -> Result<Self> {
        let wrong = |what: &str| refuse(format!("--set {text}: {what}"));
        let (key, values) = text
            .split_once('=')
            .ok_or_else(|| wrong("expected KEY=log:A..B, lin:A..B, int:A..B or KEY=VALUE,VALUE"))?;
        let range = values.split_once(':').filter(|(kind, rest)| {
            rest.contains("..") && kind.chars().all(|c| c.is_ascii_alphabetic())
        });
        let Some((kind, ends)) = range else {
            let choices = axis("--set", text)?;
            return Ok(Self {
                key: choices.key,
                from: Distribution::Choice(choices.values),
                text: text.into(),
            });
        };
        let from = Distribution::parse(kind, ends).map_err(|what| wrong(&what))?;
        let key = key.trim_start_matches('-').replace('_', "-");
        if key.is_empty() {
            return Err(wrong("a name is missing"));
        }
        Ok(Self { key, from, text: text.into() })
    }

    /// Refuses a range for a setting that takes no such number, by the value that it has where
    /// nobody sets it.
    ///
    /// # Errors
    /// Exit code 2, with what would be right.
    pub fn suits(&self, config: &Map<String, Value>) -> Result<()> {
        let value = config.get(&self.key.replace('-', "_")).unwrap_or(&Value::Null);
        let one = value.as_array().map_or(Some(value), |list| list.first());
        let takes = match (one, &self.from) {
            // What has no value yet, or is unknown, the experiment itself judges.
            (None | Some(Value::Null), _) | (_, Distribution::Choice(_)) => return Ok(()),
            (Some(Value::Number(number)), Distribution::Int(..)) if !number.is_f64() => {
                return Ok(());
            }
            (Some(Value::Number(number)), _) if number.is_f64() => return Ok(()),
            (Some(Value::Number(_)), _) => "whole numbers: int:A..B",
            (Some(Value::Bool(_)), _) => "true or false: list them, true,false",
            (Some(Value::String(_) | Value::Array(_) | Value::Object(_)), _) => {
                "words: list them, a,b,c"
            }
        };
        Err(refuse(format!("--set {}: --{} takes {takes}", self.text, self.key)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lab::error::exit_status;
    use serde_json::json;

    fn search(random: usize, seed: u64) -> Search {
        Search { random, seed, set: Vec::new() }
    }

    fn settings(texts: &[&str]) -> Vec<Setting> {
        texts.iter().map(|text| Setting::parse(text).unwrap()).collect()
    }

    #[test]
    fn draws_have_their_distribution() {
        let all = settings(&["lr=log:1e-4..1e-1", "p=lin:-1..3", "k=int:2..5", "rule=a,b;c"]);
        assert_eq!(all[3].from, Distribution::Choice(vec!["a,b".into(), "c".into()]));
        let points = search(4000, 0).draw(&all).unwrap();
        let column = |index: usize| -> Vec<f64> {
            points.iter().map(|point| point[index].1.parse().unwrap()).collect()
        };
        let share = |values: &[f64], from: f64, to: f64| {
            let inside = values.iter().filter(|value| (from..to).contains(*value));
            inside.count() as f64 / values.len() as f64
        };
        // A third of the logarithms in each decade, a quarter of the numbers in each unit: within
        // four standard deviations of 4000 draws.
        let (lr, p, k) = (column(0), column(1), column(2));
        for decade in [1e-4, 1e-3, 1e-2] {
            assert!((share(&lr, decade, 10.0 * decade) - 1.0 / 3.0).abs() < 0.03, "{decade}");
        }
        for start in [-1.0, 0.0, 1.0, 2.0] {
            assert!((share(&p, start, start + 1.0) - 0.25).abs() < 0.028, "{start}");
        }
        for value in [2.0, 3.0, 4.0, 5.0] {
            assert!((share(&k, value, value + 0.5) - 0.25).abs() < 0.028, "{value}");
        }
        assert_eq!(share(&lr, 1e-4, 0.1 + 1e-12) + share(&p, -1.0, 3.0 + 1e-12), 2.0);
        assert!(points.iter().all(|point| point[0].1.len() <= 9), "{:?}", points[0]);
        // The same seed draws the same, also of fewer, and another seed draws others.
        assert_eq!(search(10, 0).draw(&all).unwrap(), points[..10]);
        assert_ne!(search(10, 1).draw(&all).unwrap(), points[..10]);
    }

    #[test]
    fn no_point_comes_twice_where_there_are_few() {
        let all = settings(&["k=int:0..9", "rule=a,b,c"]);
        let points = search(30, 7).draw(&all).unwrap();
        assert_eq!(points.iter().collect::<HashSet<_>>().len(), 30);
        let error = search(31, 7).draw(&all).unwrap_err();
        assert!(error.to_string().contains("30 combinations"), "{error}");
        let narrow = settings(&["x=lin:0.5..0.50000000000000011"]);
        let error = search(9, 0).draw(&narrow).unwrap_err();
        assert!(error.to_string().contains("different points are in these ranges"), "{error}");
        let wide = settings(&["k=int:-9223372036854775808..9223372036854775807"]);
        assert_eq!(search(3, 0).draw(&wide).unwrap().len(), 3);
    }

    #[test]
    fn what_can_be_no_search_is_one_line() {
        for text in ["random:0", "random:-1", "random", "bayes:5", "random:1e9", "random:100001"] {
            assert_eq!(exit_status(&Search::parse(text, 0, &[]).unwrap_err()), 2, "{text}");
        }
        for (text, said) in [
            ("lr", "expected KEY="),
            ("lr=log:0..1", "ends above 0"),
            ("lr=log:-1..1", "ends above 0"),
            ("lr=lin:1..1", "from the lower"),
            ("lr=lin:2..1", "from the lower"),
            ("lr=lin:0..inf", "no finite number"),
            ("lr=lin:0..", "no finite number"),
            ("lr=lin:-1.7e308..1.7e308", "too long"),
            ("k=int:0.5..2", "no whole number"),
            ("k=int:3..1", "from the lower"),
            ("lr=gauss:0..1", "there is no gauss"),
            ("=lin:0..1", "a name is missing"),
            ("lr=1,1", "comes twice"),
            ("lr=0.1..1", "expected a range such as 0..9"),
        ] {
            let error = Setting::parse(text).unwrap_err();
            assert_eq!(exit_status(&error), 2, "{text}");
            let line = error.to_string();
            assert!(line.contains(said) && line.contains("--set"), "{text}: {line}");
        }
    }

    #[test]
    fn a_range_is_for_what_takes_numbers() {
        let config = json!({"lr": 1.0, "hidden": [64, 64], "rule": "a", "on": true, "steps": null,
            "batch_size": 20, "names": ["a"], "none": []});
        let config = config.as_object().unwrap();
        for (text, said) in [
            ("lr=log:1..2", ""),
            ("lr=int:1..2", ""),
            ("batch-size=int:1..2", ""),
            ("batch-size=lin:1..2", "--batch-size takes whole numbers"),
            ("hidden=log:1..2", "--hidden takes whole numbers"),
            ("hidden=int:1..2", ""),
            ("rule=lin:0..1", "--rule takes words"),
            ("names=int:0..1", "--names takes words"),
            ("on=int:0..1", "--on takes true or false"),
            ("rule=a,b", ""),
            ("steps=int:1..2", ""),
            ("none=int:1..2", ""),
            ("unknown=lin:1..2", ""),
        ] {
            let suits = Setting::parse(text).unwrap().suits(config);
            let line = suits.err().map(|error| error.to_string()).unwrap_or_default();
            assert_eq!(line.is_empty(), said.is_empty(), "{text}: {line}");
            assert!(line.contains(said), "{text}: {line}");
        }
    }
}
