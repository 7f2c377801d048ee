//! The median rule: which point of a sweep is not worth going on with.

use anyhow::Result;
use serde::{Deserialize, Serialize};

use super::grid::Point;
use crate::lab::error::refuse;

/// Other points that must have come as far before one is stopped, where nothing else is asked for.
const OTHERS: usize = 4;

/// Stops a point whose best result is worse than the median of what the others had reached at the
/// same step.
///
/// It is the median stopping rule of Golovin et al. 2017, "Google Vizier: A Service for Black-Box
/// Optimization", with the best result of the others in the place of their running mean. Those that
/// were stopped before count with what they had: otherwise every evaluation would stop half of the
/// points that are left.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct MedianRule {
    /// Steps before which no point is stopped; by default a quarter of its own.
    pub grace: Option<u64>,
    /// Other points that must have come as far.
    pub others: usize,
}

/// The evaluations of a point so far.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Track {
    /// (step, loss), in their order; lower is better, and what isn't finite is worst.
    pub losses: Vec<(u64, f64)>,
    /// Whether it goes no further.
    pub over: bool,
}

/// Why a point is stopped.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Verdict {
    /// The step of its last evaluation.
    pub step: u64,
    /// Its lowest loss by then.
    pub best: f64,
    /// The median of those of the others.
    pub median: f64,
}

impl MedianRule {
    /// Reads `median`, `median:grace=500`, `median:grace=500,others=8`.
    ///
    /// # Errors
    /// Exit code 2 for anything else.
    pub fn parse(text: &str) -> Result<Self> {
        let wrong = |what: &str| refuse(format!("--stop {text}: {what}"));
        let mut rule = Self { grace: None, others: OTHERS };
        let (kind, options) = text.split_once(':').unwrap_or((text, ""));
        if kind != "median" {
            return Err(wrong("expected median, or median:grace=STEPS,others=POINTS"));
        }
        for option in options.split(',').filter(|_| text.contains(':')) {
            let (key, value) = option.split_once('=').unwrap_or((option, ""));
            match (key, value.parse::<u64>()) {
                ("grace", Ok(steps)) => rule.grace = Some(steps),
                ("others", Ok(points)) if (1..=1_000_000).contains(&points) => {
                    rule.others = points as usize;
                }
                ("grace" | "others", _) => {
                    return Err(wrong("grace counts steps, others counts points, from 1"));
                }
                _ => return Err(wrong("expected median:grace=STEPS,others=POINTS")),
            }
        }
        Ok(rule)
    }

    /// Refuses points for which there is no grace to go by.
    ///
    /// # Errors
    /// Exit code 2.
    pub fn suits(&self, points: &[Point]) -> Result<()> {
        if self.grace.is_none() && points.iter().any(|point| point.steps.is_none()) {
            let why = "the experiment does not know beforehand how many steps it takes";
            return Err(refuse(format!("--stop median: {why}; use --stop median:grace=STEPS")));
        }
        Ok(())
    }

    /// Whether a point that has `steps` to take in all is to be stopped at its last evaluation.
    pub fn judge(&self, track: &Track, steps: Option<u64>, others: &[&Track]) -> Option<Verdict> {
        let (step, _) = *track.losses.last()?;
        let grace = self.grace.or(steps.map(|steps| steps / 4))?;
        if track.over || step < grace || steps.is_some_and(|steps| step >= steps) {
            return None;
        }
        let best = track.best_by(step)?;
        let mut reached: Vec<f64> = others.iter().filter_map(|other| other.best_by(step)).collect();
        if reached.len() < self.others {
            return None;
        }
        reached.sort_by(f64::total_cmp);
        let (low, high) = (reached[(reached.len() - 1) / 2], reached[reached.len() / 2]);
        let median = if low == high { low } else { (low + high) / 2.0 };
        (best > median).then_some(Verdict { step, best, median })
    }
}

impl Track {
    /// The lowest loss up to a step; none where the point has not come so far, and may still.
    fn best_by(&self, step: u64) -> Option<f64> {
        let (last, _) = self.losses.last()?;
        if *last < step && !self.over {
            return None;
        }
        let until = self.losses.iter().filter(|(at, _)| *at <= step);
        let finite = until.map(|(_, loss)| if loss.is_nan() { f64::INFINITY } else { *loss });
        Some(finite.fold(f64::INFINITY, f64::min))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lab::error::exit_status;

    fn track(losses: &[f64], over: bool) -> Track {
        let losses = losses.iter().enumerate();
        Track { losses: losses.map(|(i, loss)| (10 * (i as u64 + 1), *loss)).collect(), over }
    }

    #[test]
    fn a_table_of_decisions() {
        const NAN: f64 = f64::NAN;
        let rule = MedianRule { grace: Some(20), others: 3 };
        let going = |losses: &[f64]| track(losses, false);
        let good = [going(&[3.0, 1.0]), going(&[3.0, 2.0]), going(&[3.0, 3.0])];
        let cases: [(&str, Track, Vec<Track>, Option<f64>); 13] = [
            ("worse than the median", going(&[3.0, 2.5]), good.to_vec(), Some(2.0)),
            ("equal to the median", going(&[3.0, 2.0]), good.to_vec(), None),
            ("better", going(&[3.0, 1.5]), good.to_vec(), None),
            ("its best was better", going(&[1.5, 9.0]), good.to_vec(), None),
            ("within the grace", going(&[9.0]), good.to_vec(), None),
            ("too few others", going(&[3.0, 9.0]), good[..2].to_vec(), None),
            ("others are not there yet", going(&[3.0, 9.0, 9.0]), good.to_vec(), None),
            (
                "others that are over count with what they had",
                going(&[3.0, 9.0, 2.5]),
                good.iter().map(|other| Track { over: true, ..other.clone() }).collect(),
                Some(2.0),
            ),
            ("not finite", going(&[NAN, f64::INFINITY]), good.to_vec(), Some(2.0)),
            ("nobody is finite", going(&[NAN, NAN]), vec![going(&[NAN, NAN]); 3], None),
            (
                "an even number of others",
                going(&[3.0, 2.6]),
                [&good[..], &[going(&[9.0, 4.0])]].concat(),
                Some(2.5),
            ),
            ("nothing evaluated", going(&[]), good.to_vec(), None),
            ("over already", track(&[3.0, 9.0], true), good.to_vec(), None),
        ];
        for (what, point, others, median) in cases {
            let others: Vec<&Track> = others.iter().collect();
            let verdict = rule.judge(&point, Some(100), &others);
            assert_eq!(verdict.map(|verdict| verdict.median), median, "{what}");
        }
        // The last step is the end of the point anyway, and a quarter of the steps is the grace.
        let others: Vec<&Track> = good.iter().collect();
        let bad = going(&[3.0, 9.0]);
        assert_eq!(rule.judge(&bad, Some(20), &others), None);
        let rule = MedianRule { grace: None, others: 3 };
        assert_eq!(rule.judge(&bad, Some(81), &others).map(|verdict| verdict.step), Some(20));
        assert_eq!(rule.judge(&bad, Some(84), &others), None);
        assert_eq!(rule.judge(&bad, None, &others), None);
    }

    #[test]
    fn stopped_points_do_not_raise_the_bar_for_those_that_are_left() {
        // Eight points that stay in their order: the upper half is never stopped, however often
        // they are judged, since the lower half still counts.
        let rule = MedianRule { grace: Some(0), others: 4 };
        let mut tracks: Vec<Track> = (0..8).map(|_| Track::default()).collect();
        for step in 1..=20 {
            for (index, track) in tracks.iter_mut().enumerate().filter(|(_, track)| !track.over) {
                track.losses.push((step, (index as f64 + 1.0) / step as f64));
            }
            for index in 0..tracks.len() {
                let others: Vec<&Track> =
                    (0..8).filter(|other| *other != index).map(|other| &tracks[other]).collect();
                let stopped = rule.judge(&tracks[index], Some(100), &others).is_some();
                tracks[index].over |= stopped;
            }
        }
        let left: Vec<usize> = (0..8).filter(|index| !tracks[*index].over).collect();
        assert_eq!(left, [0, 1, 2, 3]);
    }

    #[test]
    fn rules_as_they_are_typed() {
        let rule = |grace, others| MedianRule { grace, others };
        assert_eq!(MedianRule::parse("median").unwrap(), rule(None, OTHERS));
        assert_eq!(MedianRule::parse("median:grace=50").unwrap(), rule(Some(50), OTHERS));
        assert_eq!(MedianRule::parse("median:others=2,grace=0").unwrap(), rule(Some(0), 2));
        for text in [
            "",
            "mean",
            "median:",
            "median:grace",
            "median:grace=-1",
            "median:others=0",
            "median:graze=1",
            "median:grace=1,",
            "median:grace=0.5",
        ] {
            assert_eq!(exit_status(&MedianRule::parse(text).unwrap_err()), 2, "{text}");
        }
    }
}
