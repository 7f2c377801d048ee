//! How a run stands.

use serde::{Deserialize, Serialize};

/// How a run stands, as `summary.json` has it under `status`. `Running` is written when a run starts and
/// whenever it is resumed. No process writes `Crashed` of itself: a reader concludes it of a run that
/// says `running` and that no process has locked. What is said of each is in `--help`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum Status {
    /// A process computes it
    Running,
    /// It came to its end
    Done,
    /// It was asked to stop, and saved first
    Interrupted,
    /// A sweep that compared it with others ended it early; it was saved first
    Stopped,
    /// It stopped at a loss or a gradient that was not finite
    NonFinite,
    /// It ended on another error
    Failed,
    /// It ended without a word: killed, or the machine went down
    Crashed,
}

impl Status {
    /// As `summary.json` has it.
    pub fn name(self) -> &'static str {
        match self {
            Status::Running => "running",
            Status::Done => "done",
            Status::Interrupted => "interrupted",
            Status::Stopped => "stopped",
            Status::NonFinite => "non-finite",
            Status::Failed => "failed",
            Status::Crashed => "crashed",
        }
    }

    /// Whether the run came to its end.
    pub fn is_done(self) -> bool {
        match self {
            Status::Done => true,
            Status::Running | Status::Interrupted | Status::Stopped | Status::NonFinite => false,
            Status::Failed | Status::Crashed => false,
        }
    }

    /// Whether the run came to its end as it should; none where it is to go on later.
    pub fn outcome(self) -> Option<bool> {
        match self {
            Status::Done => Some(true),
            Status::Interrupted => None,
            Status::Running | Status::Stopped | Status::NonFinite => Some(false),
            Status::Failed | Status::Crashed => Some(false),
        }
    }

    /// Whether a sweep has no need to go on with it: running it again would change nothing, or is not
    /// worth it.
    pub fn is_final(self) -> bool {
        match self {
            Status::Done | Status::Stopped | Status::NonFinite => true,
            Status::Running | Status::Interrupted | Status::Failed | Status::Crashed => false,
        }
    }

    /// Whether the run stands still before its end.
    pub fn is_broken_off(self) -> bool {
        match self {
            Status::Interrupted | Status::Stopped | Status::NonFinite => true,
            Status::Failed | Status::Crashed => true,
            Status::Running | Status::Done => false,
        }
    }

    /// Whether the process that wrote this had come to an end of some kind.
    pub fn is_end(self) -> bool {
        match self {
            Status::Done | Status::Interrupted | Status::Stopped => true,
            Status::NonFinite | Status::Failed => true,
            Status::Running | Status::Crashed => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::ValueEnum;

    #[test]
    fn names_are_the_words_of_the_file() {
        for status in Status::value_variants() {
            assert_eq!(serde_json::json!(status), status.name());
        }
    }
}
