//! What the training loop itself carries from step to step, beside the experiment's state.

use anyhow::Result;

use crate::lab::store::checkpoint::Score;
use crate::lab::store::{Persist, StateReader, StateWriter};

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
    /// Why the experiment said that the run is over, where it did so before its last step.
    pub ended: Option<String>,
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
    pub fn out_of_patience(&self, patience: u64) -> bool {
        patience > 0 && self.since_best >= patience
    }

    /// Whether no step is left of a run of so many steps, with this patience.
    pub fn is_over(&self, steps: u64, patience: u64) -> bool {
        self.step >= steps || self.ended.is_some() || self.out_of_patience(patience)
    }
}

impl Persist for Progress {
    fn save(&self, writer: &mut StateWriter) -> Result<()> {
        writer.number("state.lab.step", &self.step);
        writer.number("state.lab.evaluations", &self.evaluations);
        writer.number("state.lab.since_best", &self.since_best);
        if let Some(reason) = &self.ended {
            writer.number("state.lab.ended", reason);
        }
        if let Some((score, step)) = &self.best {
            writer.number("state.lab.best.tag", &score.tag);
            writer.number("state.lab.best.value", &score.value);
            writer.number("state.lab.best.higher_is_better", &score.higher_is_better);
            writer.number("state.lab.best.step", step);
        }
        Ok(())
    }

    fn load(&mut self, reader: &mut StateReader) -> Result<()> {
        *self = Self::default();
        reader.number("state.lab.step", &mut self.step)?;
        reader.number("state.lab.evaluations", &mut self.evaluations)?;
        reader.number("state.lab.since_best", &mut self.since_best)?;
        if reader.has("state.lab.ended") {
            reader.number("state.lab.ended", self.ended.insert(String::new()))?;
        }
        if reader.has("state.lab.best.value") {
            let none = Score { tag: String::new(), value: 0.0, higher_is_better: false };
            let (score, step) = self.best.insert((none, 0));
            reader.number("state.lab.best.tag", &mut score.tag)?;
            reader.number("state.lab.best.value", &mut score.value)?;
            reader.number("state.lab.best.higher_is_better", &mut score.higher_is_better)?;
            reader.number("state.lab.best.step", step)?;
        }
        Ok(())
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
