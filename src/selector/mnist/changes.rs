//! The changes of K as the flags `--grow` and `--shrink` give them.

use anyhow::Result;

use crate::lab::error::refuse;
use crate::selector::growth::Change;
use crate::selector::layer::check::MOST_CHOICES;

/// Which of the two flags a change is from.
#[derive(Clone, Copy)]
enum Direction {
    Grow,
    Shrink,
}

impl Direction {
    fn flag(self) -> &'static str {
        match self {
            Self::Grow => "--grow",
            Self::Shrink => "--shrink",
        }
    }
}

/// A change, and how it was given.
struct Given<'a> {
    direction: Direction,
    text: &'a str,
    change: Change,
}

/// Reads the changes of `--grow` and `--shrink`, in order of time.
///
/// # Errors
/// Exit code 2 for one that can't be read, that goes the other way or too far, that doesn't begin
/// with the K that there is, or that is the second of its epoch.
pub(super) fn parse_changes(
    choices: i64,
    grow: &[String],
    shrink: &[String],
) -> Result<Vec<Change>> {
    let mut changes = Vec::new();
    for (direction, texts) in [(Direction::Grow, grow), (Direction::Shrink, shrink)] {
        for text in texts {
            changes.push(Given { direction, text, change: parse(direction, text)? });
        }
    }
    changes.sort_by_key(|given| given.change.epoch);
    let mut now = choices;
    let mut last = None;
    for Given { direction, text, change } in &changes {
        let flag = direction.flag();
        if last.replace(change.epoch) == Some(change.epoch) {
            return Err(refuse(format!(
                "{flag} {text}: K changes at epoch {} already; give one change an epoch",
                change.epoch
            )));
        }
        if change.from != now {
            return Err(refuse(format!(
                "{flag} {text}: there are {now} computation neurons at epoch {}, not {}",
                change.epoch, change.from
            )));
        }
        now = change.to;
    }
    Ok(changes.into_iter().map(|given| given.change).collect())
}

fn parse(direction: Direction, text: &str) -> Result<Change> {
    let parts = text.split_once("@epoch").and_then(|(sizes, epoch)| {
        let (from, to) = sizes.split_once(':')?;
        Some(Change { from: from.parse().ok()?, to: to.parse().ok()?, epoch: epoch.parse().ok()? })
    });
    let valid = |change: &Change| change.epoch > 1 && change.from > 0 && change.to > 0;
    let Some(change) = parts.filter(valid) else {
        return Err(refuse(format!(
            "{} {text}: expected K before, K after and an epoch from 2 on, e.g. 2:5@epoch3",
            direction.flag()
        )));
    };
    let Change { from, to, .. } = change;
    match direction {
        Direction::Grow if to <= from => Err(refuse(format!(
            "--grow {text}: {to} is no more than {from}; to have fewer use --shrink"
        ))),
        Direction::Shrink if to >= from => Err(refuse(format!(
            "--shrink {text}: {to} is no less than {from}; to have more use --grow"
        ))),
        Direction::Grow if to > MOST_CHOICES => Err(refuse(format!(
            "--grow {text}: expected at most {MOST_CHOICES} computation neurons"
        ))),
        Direction::Grow | Direction::Shrink => Ok(change),
    }
}
