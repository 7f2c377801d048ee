//! What a text is worth without a model.

use crate::data::text::TextData;
use crate::selector::usage::entropy;

/// What a model could know of a text without looking at its order, in nats a word.
#[derive(Debug, Clone, Copy)]
pub struct Baselines {
    /// ln V: all words alike.
    pub uniform: f64,
    /// Entropy of the frequencies of the words to learn from.
    pub unigram: f64,
    /// Cross-entropy of the held-out words under those frequencies, each count one larger.
    pub held_out: f64,
}

impl Baselines {
    /// Counts the words of a text.
    pub fn of(text: &TextData) -> Self {
        let size = text.vocabulary.len();
        let count = |tokens: &[i64]| {
            let mut counts = vec![0.0_f64; size];
            tokens.iter().for_each(|token| counts[*token as usize] += 1.0);
            counts
        };
        let (train, held_out) = (count(&text.train), count(&text.held_out));
        let words = text.train.len() as f64;
        let shares: Vec<f64> = train.iter().map(|n| n / words).collect();
        let smooth = |n: &f64| -((n + 1.0) / (words + size as f64)).ln();
        let cross: f64 = held_out.iter().zip(&train).map(|(m, n)| m * smooth(n)).sum();
        Self {
            uniform: (size as f64).ln(),
            unigram: entropy(&shares),
            held_out: cross / text.held_out.len() as f64,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::text::{Vocabulary, tokens};

    #[test]
    fn baselines_of_a_small_text() {
        let words = tokens("a a b b");
        let vocabulary = Vocabulary::of(&words, 9);
        let text = TextData {
            name: String::new(),
            train: vocabulary.encode(&words),
            held_out: vocabulary.encode(&tokens("a c")),
            vocabulary,
            source: serde_json::Value::Null,
        };
        let found = Baselines::of(&text);
        assert!((found.uniform - 3f64.ln()).abs() < 1e-15);
        assert!((found.unigram - 2f64.ln()).abs() < 1e-15);
        // a: (2 + 1) / (4 + 3), unknown: (0 + 1) / (4 + 3)
        let expected = -((3.0 / 7.0_f64).ln() + (1.0 / 7.0_f64).ln()) / 2.0;
        assert!((found.held_out - expected).abs() < 1e-15);
    }
}
