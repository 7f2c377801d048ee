//! What `metrics.jsonl` has of a run that goes on: its lines up to the checkpoint.

use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom, Write};
use std::ops::Range;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use serde::Deserialize;
use serde_json::{Map, Value};

use crate::lab::log::tensorboard::EVENTS;
use crate::lab::store::{durable, regular};

/// A line of `metrics.jsonl`, but for the time.
#[derive(Debug, Deserialize)]
pub(super) struct Entry {
    /// Steps done.
    pub step: u64,
    /// Value by tag.
    pub values: Map<String, Value>,
}

/// Which lines stay.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Recalled {
    /// Their bytes, in order.
    ranges: Vec<Range<u64>>,
    /// Lines that are no log entry, or whose step does not fit between those around it.
    pub damaged: usize,
}

impl Recalled {
    /// How many bytes stay.
    pub fn length(&self) -> u64 {
        self.ranges.iter().map(|range| range.end - range.start).sum()
    }

    fn keep(&mut self, range: Range<u64>) {
        match self.ranges.last_mut().filter(|last| last.end == range.start) {
            Some(last) => last.end = range.end,
            None => self.ranges.push(range),
        }
    }
}

/// Renames the log of a run that begins at its first step, where there is one of an earlier process
/// that left no checkpoint: it comes again, and what TensorBoard reads must not be there twice. The
/// new path of `metrics.jsonl`, if it had a line.
///
/// # Errors
/// What the file system says.
pub(super) fn set_aside(folder: &Path) -> Result<Option<PathBuf>> {
    let lines = folder.join("metrics.jsonl");
    let mut kept = None;
    if fs::metadata(&lines).is_ok_and(|found| found.len() > 0) {
        let path = durable::free_name(&lines, "earlier");
        fs::rename(&lines, &path).with_context(|| format!("renaming {}", lines.display()))?;
        kept = Some(path);
    }
    for entry in fs::read_dir(folder)?.flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        if let Some(rest) = name.strip_prefix(EVENTS) {
            // TensorBoard reads every file that has its own word in the name.
            fs::rename(entry.path(), folder.join(format!("earlier-events.{rest}")))?;
        }
    }
    Ok(kept)
}

/// Reads the lines up to `step`, each of which `remember` is given. Later ones will be logged again,
/// and so will a last one without its end. A damaged line costs itself.
///
/// # Errors
/// What the file system says.
pub(super) fn recall(
    lines: impl Read,
    step: u64,
    mut remember: impl FnMut(&Entry),
) -> io::Result<Recalled> {
    let mut reader = BufReader::new(lines);
    let mut recalled = Recalled::default();
    // The step of the last line that stays, and the line that waits for the step of the next.
    let (mut before, mut waiting) = (0, None::<(Entry, Range<u64>)>);
    let mut judge = |recalled: &mut Recalled, (entry, range): (Entry, Range<u64>), next: u64| {
        // Of two that are not in order, the one that fits with neither neighbour is damaged.
        if entry.step < before || (entry.step > next && next >= before) {
            recalled.damaged += 1;
        } else if entry.step <= step {
            before = entry.step;
            remember(&entry);
            recalled.keep(range);
        }
    };
    let (mut line, mut at) = (Vec::new(), 0);
    while reader.read_until(b'\n', &mut line)? > 0 && line.ends_with(b"\n") {
        let range = at..at + line.len() as u64;
        at = range.end;
        match serde_json::from_slice::<Entry>(&line) {
            Ok(entry) => {
                let next = entry.step;
                if let Some(last) = waiting.replace((entry, range)) {
                    judge(&mut recalled, last, next);
                }
            }
            Err(_) => recalled.damaged += 1,
        }
        line.clear();
    }
    if let Some(last) = waiting {
        judge(&mut recalled, last, u64::MAX);
    }
    Ok(recalled)
}

/// Leaves the damaged lines out of a file, which is kept beside it as it was; the path of that.
///
/// # Errors
/// Where there is no room for both; the file is then as it was.
pub(super) fn leave_damage_out(path: &Path, recalled: &Recalled) -> Result<PathBuf> {
    let kept = durable::free_name(path, "damaged");
    fs::hard_link(path, &kept)
        .or_else(|_| fs::copy(path, &kept).map(drop))
        .with_context(|| format!("keeping the damaged {}", path.display()))?;
    let mut whole = regular::open(path)?;
    durable::atomic_write(path, |draft| {
        let mut draft = File::create(draft)?;
        for range in &recalled.ranges {
            whole.seek(SeekFrom::Start(range.start))?;
            io::copy(&mut (&whole).take(range.end - range.start), &mut draft)?;
        }
        Ok(draft.flush()?)
    })?;
    Ok(kept)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A log whose lines have these steps, and what is recalled of it.
    fn recalled(log: &[u8], step: u64) -> (Vec<u64>, Recalled) {
        let mut steps = Vec::new();
        let recalled = recall(log, step, |entry| steps.push(entry.step)).unwrap();
        (steps, recalled)
    }

    fn log(steps: &[u64]) -> Vec<u8> {
        let line = |step: &u64| format!("{{\"step\":{step},\"time\":0.5,\"values\":{{}}}}\n");
        steps.iter().map(line).collect::<String>().into_bytes()
    }

    #[test]
    fn later_lines_are_forgotten_and_are_no_damage() {
        let log = log(&[10, 20, 20, 30, 40]);
        let (steps, recalled) = recalled(&log, 25);
        assert_eq!(steps, [10, 20, 20]);
        let whole = std::iter::once(0..recalled.length()).collect();
        assert_eq!(recalled, Recalled { ranges: whole, damaged: 0 });
        assert!(log[recalled.length() as usize..].starts_with(b"{\"step\":30"));
    }

    #[test]
    fn a_step_that_is_out_of_order_costs_its_line() {
        for (damaged, expected) in [
            ([90, 20, 30, 40], vec![20, 30, 40]),
            ([10, 90, 30, 40], vec![10, 30, 40]),
            ([10, 20, 1, 40], vec![10, 20, 40]),
            ([10, 20, 30, 1], vec![10, 20, 30]),
            // Later than the checkpoint: that alone must not end the log.
            ([10, 900, 30, 40], vec![10, 30, 40]),
        ] {
            let (steps, recalled) = recalled(&log(&damaged), 100);
            assert_eq!((steps, recalled.damaged), (expected, 1), "{damaged:?}");
        }
    }

    #[test]
    fn a_flipped_bit_costs_one_line_or_two() {
        let whole = log(&[5, 10, 10, 15, 20, 25]);
        for position in 0..whole.len() - 1 {
            for bit in 0..8 {
                let mut flipped = whole.clone();
                flipped[position] ^= 1 << bit;
                let (steps, recalled) = recalled(&flipped, 25);
                // Without the end of a line, the next one is lost with it.
                let least = if whole[position] == b'\n' { 4 } else { 5 };
                let context = format!("bit {bit} of byte {position}: {steps:?}");
                assert!(steps.len() >= least, "{context}");
                // A last line that says a later step is one that will be logged again.
                let last = position >= whole.len() - log(&[25]).len();
                assert!(steps.len() == 6 || recalled.damaged > 0 || last, "{context}");
            }
        }
    }

    #[test]
    fn an_earlier_log_is_kept_where_tensorboard_does_not_see_it() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(set_aside(folder.path()).unwrap(), None);
        let path = |name: &str| folder.path().join(name);
        fs::write(path("metrics.jsonl"), log(&[5])).unwrap();
        fs::write(path("events.out.tfevents.1.a"), b"events").unwrap();
        fs::write(path("config.json"), b"{}").unwrap();
        let kept = set_aside(folder.path()).unwrap();
        assert_eq!(kept, Some(path("earlier-metrics.jsonl")));
        assert_eq!(fs::read(path("earlier-metrics.jsonl")).unwrap(), log(&[5]));
        assert_eq!(fs::read(path("earlier-events.1.a")).unwrap(), b"events");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 3);
    }

    #[test]
    fn the_damaged_file_is_kept_beside() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("metrics.jsonl");
        let whole = log(&[1, 2, 3, 4]);
        let mut damaged = whole.clone();
        damaged[whole.len() / 4 + 3] = 0xff;
        for name in ["damaged-metrics.jsonl", "damaged-2-metrics.jsonl"] {
            fs::write(&path, &damaged).unwrap();
            let (_, recalled) = recalled(&damaged, 3);
            let kept = leave_damage_out(&path, &recalled).unwrap();
            assert!(kept.ends_with(name) && fs::read(kept).unwrap() == damaged);
            assert_eq!(fs::read(&path).unwrap(), log(&[1, 3]));
        }
    }
}
