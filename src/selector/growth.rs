//! More or fewer computation neurons during training, with the optimizer's state carried along.
//!
//! Growth from K to K' copies the selection and computation rows in turn (row k' is a copy of row
//! k' mod K) and adds noise to the copies. Without noise the network is exactly the same, since the
//! first of equal logits wins, and the copies are never selected. The optimizer's state of a copy
//! begins at zero. Shrinking keeps, for each neuron, those that it selected most in the epoch before.

use anyhow::Result;
use tch::{Device, Kind, Tensor};

use crate::lab::error::refuse;
use crate::lab::tensor::rng;

/// A change of K.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Change {
    /// K before.
    pub from: i64,
    /// K from then on.
    pub to: i64,
    /// The epoch before whose first step it happens, from 1.
    pub epoch: u64,
}

/// Reads the changes of `--grow` and `--shrink`, in order of time.
///
/// # Errors
/// Exit code 2 for one that can't be read, that goes the other way, that doesn't begin with the K
/// that there is, or that is the second of its epoch.
pub fn changes(choices: i64, grow: &[String], shrink: &[String]) -> Result<Vec<Change>> {
    let mut changes = Vec::new();
    for (flag, texts) in [("grow", grow), ("shrink", shrink)] {
        for text in texts {
            changes.push((flag, text, parse(flag, text)?));
        }
    }
    changes.sort_by_key(|(_, _, change)| change.epoch);
    let mut now = choices;
    let mut last = None;
    for (flag, text, change) in &changes {
        if last.replace(change.epoch) == Some(change.epoch) {
            return Err(refuse(format!(
                "--{flag} {text}: K changes at epoch {} already; give one change an epoch",
                change.epoch
            )));
        }
        if change.from != now {
            return Err(refuse(format!(
                "--{flag} {text}: there are {now} computation neurons at epoch {}, not {}",
                change.epoch, change.from
            )));
        }
        now = change.to;
    }
    Ok(changes.into_iter().map(|(.., change)| change).collect())
}

fn parse(flag: &str, text: &str) -> Result<Change> {
    let parts = text.split_once("@epoch").and_then(|(sizes, epoch)| {
        let (from, to) = sizes.split_once(':')?;
        Some(Change { from: from.parse().ok()?, to: to.parse().ok()?, epoch: epoch.parse().ok()? })
    });
    let Some(change) = parts.filter(|change| change.epoch > 1 && change.from > 0 && change.to > 0)
    else {
        return Err(refuse(format!(
            "--{flag} {text}: expected K before, K after and an epoch from 2 on, e.g. 2:5@epoch3"
        )));
    };
    match (flag, change.to.cmp(&change.from)) {
        ("grow", std::cmp::Ordering::Greater) | ("shrink", std::cmp::Ordering::Less) => Ok(change),
        ("grow", _) => Err(refuse(format!(
            "--grow {text}: {} is no more than {}; to have fewer use --shrink",
            change.to, change.from
        ))),
        _ => Err(refuse(format!(
            "--shrink {text}: {} is no less than {}; to have more use --grow",
            change.to, change.from
        ))),
    }
}

/// Which computation neuron each row of the changed layer was: [.., K', N] i64.
///
/// - tally: how often each was selected, [.., K, N]
pub fn origins(change: Change, tally: &Tensor) -> Tensor {
    if change.to > change.from {
        let rows = Tensor::arange(change.to, (Kind::Int64, tally.device())).remainder(change.from);
        let mut size = tally.size();
        let axis = size.len() - 2;
        size[axis] = change.to;
        return rows.unsqueeze(-1).expand(size, false).contiguous();
    }
    let most_used = (-tally).argsort_stable(true, -2, false);
    most_used.narrow(-2, 0, change.to).sort(-2, false).0
}

/// The rows of a parameter or of a moment after the change: [.., K', N] or [.., K', N, D].
///
/// - old: [.., K, N] or [.., K, N, D]; origins: [.., K', N]
pub fn rows(old: &Tensor, origins: &Tensor) -> Tensor {
    if old.dim() == origins.dim() {
        return old.gather(-2, origins, false);
    }
    let mut size = origins.size();
    size.push(old.size()[old.dim() - 1]);
    old.gather(-3, &origins.unsqueeze(-1).expand(size, false), false)
}

/// What a change adds to the copies of a parameter, and to nothing else: like `new`.
///
/// - replicates: whether `new` has an axis of replicates in front
pub fn noise(
    new: &Tensor,
    change: Change,
    (name, seed, step): (&str, u64, u64),
    (scale, replicates): (f64, bool),
) -> Tensor {
    let size = new.size();
    let (lead, own) = if replicates { (size[0], &size[1..]) } else { (1, &size[..]) };
    let draw = |replicate: i64| {
        rng::seed_torch(seed.wrapping_add(replicate as u64), &format!("grow.{name}"), step);
        let noise = Tensor::randn(own, (Kind::Float, Device::Cpu)) * scale;
        _ = noise.narrow(0, 0, change.from.min(change.to)).zero_();
        noise
    };
    let each: Vec<Tensor> = (0..lead).map(draw).collect();
    Tensor::stack(&each, 0).view_as(new).to_device(new.device()).to_kind(new.kind())
}
