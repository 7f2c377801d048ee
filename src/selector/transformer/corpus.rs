//! Batches of a text on a device.

use anyhow::Result;
use tch::{Device, Kind, Tensor};

use crate::data::text::TextData;
use crate::lab::error::refuse;
use crate::lab::tensor::rng;

/// A text as tensors, in sequences of one length.
#[derive(Debug)]
pub struct Corpus {
    /// [token] i64
    train: Tensor,
    /// [token] i64
    held_out: Tensor,
    sequence: i64,
}

impl Corpus {
    /// Moves a text to the device.
    ///
    /// # Errors
    /// Exit code 2 where a part of the text is shorter than a sequence and the word after it.
    pub fn new(text: &TextData, sequence: i64, device: Device) -> Result<Self> {
        let shortest = text.train.len().min(text.held_out.len()) as i64;
        if shortest <= sequence {
            let (name, most) = (&text.name, shortest - 1);
            return Err(refuse(format!(
                "--sequence {sequence}: {name} has {} words to learn from and {} held out: at most \
                 {most}, or a longer text",
                text.train.len(),
                text.held_out.len(),
            )));
        }
        let tensor = |tokens: &[i64]| Tensor::from_slice(tokens).to_device(device);
        Ok(Self { train: tensor(&text.train), held_out: tensor(&text.held_out), sequence })
    }

    /// The batch of a step: sequences from anywhere in the text, by (seed, "batches", step).
    ///
    /// Gives the words and the words after them, [batch, time] i64 each.
    pub fn batch(&self, seed: u64, step: u64, size: i64) -> (Tensor, Tensor) {
        let starts = (self.train.size()[0] - self.sequence) as f64;
        let start = |word| (rng::unit(word) * starts) as i64;
        let words = rng::words(seed, "batches", step).take(size as usize);
        self.sequences(&self.train, &words.map(start).collect::<Vec<i64>>())
    }

    /// At most `most` sequences of the held-out text, as far apart as can be, `size` at a time.
    ///
    /// Gives words and the words after them, [batch, time] i64 each.
    pub fn held_out(&self, most: i64, size: i64) -> Vec<(Tensor, Tensor)> {
        let free = self.held_out.size()[0] - 1;
        let count = most.min(free / self.sequence);
        let starts: Vec<i64> = (0..count).map(|i| i * (free / count)).collect();
        starts.chunks(size as usize).map(|part| self.sequences(&self.held_out, part)).collect()
    }

    /// The first words of the held-out text: [time] i64.
    pub fn prompt(&self, words: i64) -> Tensor {
        self.held_out.narrow(0, 0, words.min(self.held_out.size()[0]))
    }

    fn sequences(&self, tokens: &Tensor, starts: &[i64]) -> (Tensor, Tensor) {
        let device = tokens.device();
        let starts = Tensor::from_slice(starts).to_device(device).unsqueeze(1);
        let places = starts + Tensor::arange(self.sequence, (Kind::Int64, device));
        (tokens.take(&places), tokens.take(&(places + 1)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    fn corpus(sequence: i64) -> Result<Corpus> {
        let mut text = crate::data::text::load("built-in", Path::new(""), 50)?;
        text.train = (0..500).collect();
        text.held_out = (1000..1100).collect();
        Corpus::new(&text, sequence, Device::Cpu)
    }

    #[test]
    fn a_batch_is_of_its_step_and_its_targets_are_the_next_words() {
        let corpus = corpus(8).unwrap();
        let (words, next) = corpus.batch(3, 7, 50);
        assert_eq!(words.size(), [50, 8]);
        assert_eq!(&words + 1, next);
        assert_eq!(words, corpus.batch(3, 7, 50).0);
        assert_ne!(words, corpus.batch(3, 8, 50).0);
        // Every start is as likely: the last word is a target too.
        let many = corpus.batch(0, 0, 20_000);
        assert_eq!((many.0.min(), many.1.max()), (Tensor::from(0i64), Tensor::from(499i64)));
    }

    #[test]
    fn held_out_sequences_do_not_overlap() {
        let corpus = corpus(8).unwrap();
        let parts = corpus.held_out(100, 5);
        let sizes: Vec<i64> = parts.iter().map(|(words, _)| words.size()[0]).collect();
        assert_eq!(sizes, [5, 5, 2]);
        let first = parts[0].0.select(1, 0);
        assert_eq!(first, Tensor::from_slice(&[1000i64, 1008, 1016, 1024, 1032]));
        assert_eq!(corpus.held_out(2, 5)[0].0.select(1, 0), Tensor::from_slice(&[1000i64, 1049]));
    }

    #[test]
    fn a_text_shorter_than_a_sequence_is_refused() {
        assert!(corpus(99).is_ok());
        let error = corpus(100).unwrap_err();
        assert_eq!(crate::lab::error::exit_status(&error), 2);
        assert!(error.to_string().contains("at most 99"), "{error}");
    }
}
