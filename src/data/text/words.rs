//! Words as numbers.

use std::collections::HashMap;

use super::tokens::MARKS;

/// The number and the name of every word that is not in the vocabulary.
pub const UNKNOWN: (i64, &str) = (0, "<unk>");

/// The words that a model knows, the most frequent ones of its training text.
#[derive(Debug, Clone)]
pub struct Vocabulary {
    words: Vec<String>,
    numbers: HashMap<String, i64>,
}

impl Vocabulary {
    /// [`UNKNOWN`] and the `size - 1` most frequent tokens, the first in the alphabet of equally
    /// frequent ones; fewer where the text has fewer.
    pub fn of(tokens: &[&str], size: usize) -> Self {
        let mut counts: HashMap<&str, u64> = HashMap::new();
        for token in tokens {
            *counts.entry(token).or_default() += 1;
        }
        let mut ordered: Vec<(&str, u64)> = counts.into_iter().collect();
        ordered.sort_by(|(a, n), (b, m)| m.cmp(n).then(a.cmp(b)));
        let known = ordered.iter().take(size.saturating_sub(1)).map(|(word, _)| *word);
        let words: Vec<String> = std::iter::once(UNKNOWN.1).chain(known).map(Into::into).collect();
        let numbers = words.iter().cloned().zip(0..).collect();
        Self { words, numbers }
    }

    /// How many words there are, [`UNKNOWN`] included (V).
    pub fn len(&self) -> usize {
        self.words.len()
    }

    /// The words in the order of their numbers.
    pub fn words(&self) -> &[String] {
        &self.words
    }

    /// Whether there is no word at all, which is never so: [`UNKNOWN`] is always there.
    pub fn is_empty(&self) -> bool {
        self.words.is_empty()
    }

    /// The number of each token.
    pub fn encode(&self, tokens: &[&str]) -> Vec<i64> {
        let number = |token: &&str| self.numbers.get(*token).copied().unwrap_or(UNKNOWN.0);
        tokens.iter().map(number).collect()
    }

    /// Numbers as text: a blank before every token that is not a mark.
    pub fn decode(&self, numbers: &[i64]) -> String {
        let mut text = String::new();
        for number in numbers {
            let word = usize::try_from(*number).ok().and_then(|number| self.words.get(number));
            let word = word.map_or(UNKNOWN.1, String::as_str);
            if !text.is_empty() && !word.starts_with(MARKS) {
                text.push(' ');
            }
            text.push_str(word);
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::super::tokens::tokens;
    use super::*;

    #[test]
    fn the_most_frequent_words_have_numbers() {
        let text = tokens("b a b c a b, d");
        let vocabulary = Vocabulary::of(&text, 4);
        assert_eq!(vocabulary.len(), 4);
        // b three times, a twice, then the comma, which is before the letters.
        assert_eq!(vocabulary.encode(&tokens("b a , c d")), [1, 2, 3, 0, 0]);
        assert_eq!(vocabulary.decode(&[2, 3, 1, 0, 99]), "a, b <unk> <unk>");
        assert_eq!(Vocabulary::of(&text, 100).len(), 6);
    }
}
