//! What the training loop itself carries from step to step, beside the experiment's state.

use anyhow::{Context, Result, bail};
use tch::Tensor;

use crate::lab::store::checkpoint::{Checkpoint, Score, State};
use crate::lab::tensor::to_host;

/// Steps and evaluations done, and the best result so far.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Progress {
    /// Steps done.
    pub step: u64,
    /// Evaluations done.
    pub evaluations: u64,
    /// Evaluations since the best one.
    pub since_best: u64,
    /// The best score so far, with its step.
    pub best: Option<(Score, u64)>,
}

impl Progress {
    /// Takes in the score of an evaluation, and says whether it is the best so far.
    pub fn compare(&mut self, score: Score) -> bool {
        let better = match &self.best {
            Some((best, _)) => score.beats(best.value),
            None => score.value.is_finite(),
        };
        self.since_best = if better { 0 } else { self.since_best + 1 };
        if better {
            self.best = Some((score, self.step));
        }
        better
    }

    /// Whether so many evaluations in a row were no better that the run is to stop; never for a
    /// patience of 0.
    pub fn tired(&self, patience: u64) -> bool {
        patience > 0 && self.since_best >= patience
    }

    /// `state.lab.progress`: [step, evaluations, since_best], and where there is a best result
    /// `state.lab.best`: [value, 1 if higher is better, step] and the bytes of its tag.
    pub fn state(&self) -> State {
        let counts = [self.step, self.evaluations, self.since_best].map(|count| count as f64);
        let mut state = vec![("state.lab.progress".into(), Tensor::from_slice(&counts))];
        if let Some((score, step)) = &self.best {
            let higher = f64::from(u8::from(score.higher_is_better));
            let numbers = Tensor::from_slice(&[score.value, higher, *step as f64]);
            state.push(("state.lab.best".into(), numbers));
            let tag = Tensor::from_slice(score.tag.as_bytes());
            state.push(("state.lab.best_tag".into(), tag));
        }
        state
    }

    /// Takes what [`Progress::state`] gave from a checkpoint.
    ///
    /// # Errors
    /// Where the checkpoint lacks it.
    pub fn restore(checkpoint: &Checkpoint) -> Result<Self> {
        let name = checkpoint.path.display();
        let numbers = |key: &str| -> Result<Vec<f64>> {
            let tensor = checkpoint.tensors.get(key);
            to_host::values(tensor.with_context(|| format!("{name} lacks {key}"))?)
        };
        let [step, evaluations, since_best] = numbers("state.lab.progress")?[..] else {
            bail!("{name}: state.lab.progress must be three numbers");
        };
        let mut best = None;
        if checkpoint.tensors.contains_key("state.lab.best") {
            let [value, higher, at] = numbers("state.lab.best")?[..] else {
                bail!("{name}: state.lab.best must be three numbers");
            };
            let bytes = numbers("state.lab.best_tag")?;
            let tag = bytes.iter().map(|byte| *byte as u8 as char).collect();
            best = Some((Score { tag, value, higher_is_better: higher == 1.0 }, at as u64));
        }
        let [step, evaluations, since_best] = [step, evaluations, since_best].map(|n| n as u64);
        Ok(Self { step, evaluations, since_best, best })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn score(value: f64) -> Score {
        Score { tag: "eval/accuracy".into(), value, higher_is_better: true }
    }

    #[test]
    fn only_a_better_result_resets_patience() {
        let mut progress = Progress { step: 10, ..Progress::default() };
        assert!(!progress.compare(score(f64::NAN)));
        assert!(progress.compare(score(0.5)));
        assert!(!progress.compare(score(0.5)));
        assert!(!progress.compare(score(f64::NAN)));
        assert_eq!(progress.since_best, 2);
        progress.step = 20;
        assert!(progress.compare(score(0.6)));
        assert_eq!(progress.best.map(|(_, step)| step), Some(20));
        assert_eq!(progress.since_best, 0);
    }
}
