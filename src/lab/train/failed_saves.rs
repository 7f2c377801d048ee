//! When saves that fail end a run.

use std::time::{Duration, Instant};

/// Failed saves in a row that end a run.
const MAX_FAILED_SAVES: u32 = 3;
/// Time that they must span: a disk may be full, or away, for a moment.
const MIN_FAILING: Duration = Duration::from_secs(60);
/// Least time between two warnings of failed saves.
const WARN_EVERY: Duration = Duration::from_secs(10);

/// Saves that failed, since the last that did not.
#[derive(Debug, Default)]
pub(super) struct FailedSaves {
    count: u32,
    /// When the first of them failed.
    first: Option<Instant>,
    /// When one was last warned of.
    warned: Option<Instant>,
}

impl FailedSaves {
    /// Counts one, and says whether they end the run.
    pub fn add(&mut self, now: Instant) -> bool {
        self.count += 1;
        let first = *self.first.get_or_insert(now);
        self.count >= MAX_FAILED_SAVES && now.duration_since(first) >= MIN_FAILING
    }

    /// Whether a warning is due.
    pub fn warns(&mut self, now: Instant) -> bool {
        let due = self.warned.is_none_or(|last| now.duration_since(last) >= WARN_EVERY);
        if due {
            self.warned = Some(now);
        }
        due
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn three_failed_saves_end_a_run_after_a_minute() {
        let begun = Instant::now();
        let at = |seconds: u64| begun + Duration::from_secs(seconds);
        let mut quick = FailedSaves::default();
        assert!((0..60).all(|second| !quick.add(at(second))));
        assert!(quick.add(at(60)));
        let mut slow = FailedSaves::default();
        assert!(!slow.add(at(0)) && !slow.add(at(3600)) && slow.add(at(7200)));
    }

    #[test]
    fn failed_saves_are_warned_of_now_and_then() {
        let begun = Instant::now();
        let mut failed = FailedSaves::default();
        let warned = (0..25).filter(|second| failed.warns(begun + Duration::from_secs(*second)));
        assert_eq!(warned.collect::<Vec<_>>(), [0, 10, 20]);
    }
}
