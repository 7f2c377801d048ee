//! Batches of a text on a device.

use anyhow::{Result, ensure};
use tch::{Device, Tensor};

use crate::data::text::TextData;
use crate::lab::tensor::rng;
use crate::lab::tensor::to_device::upload;

/// Sequences of words.
#[derive(Debug)]
pub struct TokenBatch {
    /// `[batch, time]` i64
    pub tokens: Tensor,
    /// The word after each: `[batch, time]` i64.
    pub next: Tensor,
}

/// A text as tensors, in sequences of one length.
#[derive(Debug)]
pub struct Corpus {
    /// `[token]` i64
    train: Tensor,
    /// `[token]` i64
    held_out: Tensor,
    sequence: i64,
}

impl Corpus {
    /// The longest sequences that a text has: with the word after them they fit into each of its
    /// parts.
    pub fn longest_sequence(text: &TextData) -> i64 {
        text.train.len().min(text.held_out.len()) as i64 - 1
    }

    /// Moves a text to the device.
    ///
    /// # Errors
    /// Sequences longer than [`Corpus::longest_sequence`].
    pub fn new(text: &TextData, sequence: i64, device: Device) -> Result<Self> {
        let longest = Self::longest_sequence(text);
        ensure!(sequence <= longest, "{}: no sequences of {sequence} words", text.name);
        let tensor = |tokens: &[i64]| Tensor::from_slice(tokens).to_device(device);
        Ok(Self { train: tensor(&text.train), held_out: tensor(&text.held_out), sequence })
    }

    /// The batch of a step: `size` sequences from anywhere in the text, by (seed, "batches", step).
    pub fn batch(&self, seed: u64, step: u64, size: i64) -> TokenBatch {
        let starts = (self.train.size()[0] - self.sequence) as f64;
        let start = |word| (rng::unit(word) * starts) as i64;
        let words = rng::words(seed, "batches", step).take(size as usize);
        self.sequences(&self.train, &words.map(start).collect::<Vec<i64>>())
    }

    /// At most `most` sequences of the held-out text, as far apart as can be, `size` at a time.
    pub fn held_out(&self, most: i64, size: i64) -> Vec<TokenBatch> {
        let free = self.held_out.size()[0] - 1;
        let count = most.min(free / self.sequence);
        let starts: Vec<i64> = (0..count).map(|i| i * (free / count)).collect();
        starts.chunks(size as usize).map(|part| self.sequences(&self.held_out, part)).collect()
    }

    /// The first words of the held-out text: `[time]` i64.
    pub fn prompt(&self, words: i64) -> Tensor {
        self.held_out.narrow(0, 0, words.min(self.held_out.size()[0]))
    }

    fn sequences(&self, tokens: &Tensor, starts: &[i64]) -> TokenBatch {
        // Of all words and of those after them, so that a device has nothing to do but to look up.
        let place = |after: i64| {
            starts.iter().flat_map(move |start| (start + after..).take(self.sequence as usize))
        };
        let places: Vec<i64> = place(0).chain(place(1)).collect();
        let places = Tensor::from_slice(&places).view([2, starts.len() as i64, self.sequence]);
        let both = tokens.take(&upload(&places, tokens.device()));
        TokenBatch { tokens: both.get(0), next: both.get(1) }
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
        let TokenBatch { tokens: words, next } = corpus.batch(3, 7, 50);
        assert_eq!(words.size(), [50, 8]);
        assert_eq!(&words + 1, next);
        assert_eq!(words, corpus.batch(3, 7, 50).tokens);
        assert_ne!(words, corpus.batch(3, 8, 50).tokens);
        // Every start is as likely: the last word is a target too.
        let many = corpus.batch(0, 0, 20_000);
        assert_eq!(
            (many.tokens.min(), many.next.max()),
            (Tensor::from(0i64), Tensor::from(499i64))
        );
    }

    #[test]
    fn held_out_sequences_do_not_overlap() {
        let corpus = corpus(8).unwrap();
        let parts = corpus.held_out(100, 5);
        let sizes: Vec<i64> = parts.iter().map(|part| part.tokens.size()[0]).collect();
        assert_eq!(sizes, [5, 5, 2]);
        let first = parts[0].tokens.select(1, 0);
        assert_eq!(first, Tensor::from_slice(&[1000i64, 1008, 1016, 1024, 1032]));
        assert_eq!(
            corpus.held_out(2, 5)[0].tokens.select(1, 0),
            Tensor::from_slice(&[1000i64, 1049])
        );
    }

    #[test]
    fn a_text_shorter_than_a_sequence_is_no_corpus() {
        assert!(corpus(99).is_ok());
        assert!(corpus(100).is_err());
    }
}
