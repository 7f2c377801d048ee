//! How the points of a sweep are doing, and which of them are to be stopped early.

use std::collections::{HashMap, HashSet};
use std::io::{BufRead, BufReader, Seek, SeekFrom};

use anyhow::Result;
use serde_json::Value;

use super::grid::Point;
use super::manifest::Sweep;
use super::median::{MedianRule, Track};
use crate::lab::store::record::EarlyStop;
use crate::lab::store::regular;

/// Looks at the logs of a sweep's points for its median rule.
pub struct Watch<'a> {
    sweep: &'a Sweep,
    rule: &'a MedianRule,
    /// The tag that the points are compared by and whether higher is better, once one of them has a
    /// checkpoint that says so.
    score: Option<(String, bool)>,
    logs: HashMap<&'a str, Log>,
}

/// What was read of a log.
#[derive(Default)]
struct Log {
    /// Bytes that were read.
    read: u64,
    track: Track,
}

impl<'a> Watch<'a> {
    /// A watch over a sweep that has a rule; none over another.
    pub fn over(sweep: &'a Sweep) -> Option<Self> {
        let rule = sweep.stop.as_ref()?;
        Some(Self { sweep, rule, score: None, logs: HashMap::new() })
    }

    /// Forgets what was read of a point: its log goes back to its checkpoint when it is begun again.
    pub fn forget(&mut self, point: &Point) {
        self.logs.remove(point.name.as_str());
    }

    /// Looks at all logs again: the running points to stop, each with the reason. Points that are
    /// neither running nor `waiting` are over.
    pub fn look(
        &mut self,
        running: &HashSet<&str>,
        waiting: &HashSet<&str>,
    ) -> Vec<(&'a Point, EarlyStop)> {
        self.find_score(running);
        let Some((tag, higher)) = self.score.clone() else { return Vec::new() };
        for point in &self.sweep.points {
            let name = point.name.as_str();
            let log = self.logs.entry(name).or_default();
            let path = self.sweep.run_folder(point).join("metrics.jsonl");
            // One that can't be read now may be a second later.
            let _ = log.follow(&path, &tag, higher);
            log.track.over = !running.contains(name) && !waiting.contains(name);
        }
        let mut stopped = Vec::new();
        for point in self.sweep.points.iter().filter(|point| running.contains(point.name.as_str()))
        {
            let others = self.sweep.points.iter().filter(|other| other.name != point.name);
            let others: Vec<&Track> = others.map(|other| &self.logs[&*other.name].track).collect();
            let track = &self.logs[&*point.name].track;
            let Some(verdict) = self.rule.judge(track, point.steps, &others) else { continue };
            let value =
                |loss: f64| Some(if higher { -loss } else { loss }).filter(|v| v.is_finite());
            let reason = EarlyStop {
                rule: "median".into(),
                step: verdict.step,
                tag: tag.clone(),
                best: value(verdict.best),
                median: value(verdict.median),
            };
            // From now on it counts with what it has.
            if let Some(log) = self.logs.get_mut(&*point.name) {
                log.track.over = true;
            }
            stopped.push((point, reason));
        }
        stopped
    }

    /// Takes the score of any point that has a checkpoint with one.
    fn find_score(&mut self, running: &HashSet<&str>) {
        if self.score.is_some() {
            return;
        }
        let begun = self.sweep.points.iter();
        let begun = begun.filter(|point| running.contains(point.name.as_str()));
        let mut scores = begun.filter_map(|point| self.sweep.run(point)?.score());
        self.score = scores.next().map(|score| (score.tag, score.higher_is_better));
    }
}

impl Log {
    /// Reads what was added to a log since the last time: the entries that have a tag.
    fn follow(&mut self, path: &std::path::Path, tag: &str, higher: bool) -> Result<()> {
        let mut file = regular::open(path)?;
        let length = file.metadata()?.len();
        if length < self.read {
            *self = Self::default();
        }
        if length == self.read {
            return Ok(());
        }
        file.seek(SeekFrom::Start(self.read))?;
        let mut lines = BufReader::new(file);
        let mut line = Vec::new();
        while lines.read_until(b'\n', &mut line)? > 0 && line.ends_with(b"\n") {
            self.read += line.len() as u64;
            let entry = serde_json::from_slice::<Value>(&line).unwrap_or_default();
            if let (Some(step), Some(value)) = (entry["step"].as_u64(), entry["values"].get(tag)) {
                let value = value.as_f64().unwrap_or(f64::NAN);
                self.track.losses.push((step, if higher { -value } else { value }));
            }
            line.clear();
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn a_log_is_read_on_and_from_the_start_where_it_went_back() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("metrics.jsonl");
        let line = |step: u64, value: &str| {
            format!("{{\"step\":{step},\"values\":{{\"acc\":{value},\"x\":1}}}}\n")
        };
        let mut log = Log::default();
        assert!(log.follow(&path, "acc", true).is_err());
        fs::write(&path, line(1, "0.5") + "{\"step\":2,").unwrap();
        log.follow(&path, "acc", true).unwrap();
        assert_eq!(log.track.losses, [(1, -0.5)]);
        fs::write(&path, line(1, "0.5") + &line(2, "null") + "rubbish\n" + &line(3, "0.7"))
            .unwrap();
        log.follow(&path, "acc", true).unwrap();
        assert_eq!((log.track.losses.len(), log.track.losses[2]), (3, (3, -0.7)));
        assert!(log.track.losses[1].1.is_nan());
        fs::write(&path, line(1, "0.25")).unwrap();
        log.follow(&path, "acc", false).unwrap();
        assert_eq!(log.track.losses, [(1, 0.25)]);
    }
}
