//! Text as words, and words as numbers.

use std::collections::HashMap;

/// The number and the name of every word that is not in the vocabulary.
pub const UNKNOWN: (i64, &str) = (0, "<unk>");

/// Marks that are tokens of their own; all others are dropped.
const MARKS: [char; 6] = ['.', ',', ';', ':', '!', '?'];

/// The tokens of a text in lower case: words (letters, with apostrophes inside), numbers, and the
/// marks `. , ; : ! ?`.
pub fn tokens(text: &str) -> Vec<&str> {
    let mut found = Vec::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let length = match first {
            _ if first.is_alphabetic() => word(rest),
            _ if first.is_ascii_digit() => {
                rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len())
            }
            _ => first.len_utf8(),
        };
        let (token, after) = rest.split_at(length);
        if first.is_alphanumeric() || MARKS.contains(&first) {
            found.push(token);
        }
        rest = after;
    }
    found
}

/// Bytes of the word that a text begins with: letters, and apostrophes between two of them.
fn word(text: &str) -> usize {
    let mut characters = text.char_indices().peekable();
    while let Some((at, character)) = characters.next() {
        let inside = |next: Option<&(usize, char)>| next.is_some_and(|(_, c)| c.is_alphabetic());
        let goes_on = character == '\'' && inside(characters.peek());
        if !character.is_alphabetic() && !goes_on {
            return at;
        }
    }
    text.len()
}

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
    use super::*;

    #[test]
    fn words_numbers_and_marks() {
        let found = tokens("don't stop -- it's 1790's \"été\", o'clock; 3rd 'quoted' (end)!");
        let expected = "don't stop it's 1790 s été , o'clock ; 3 rd quoted end !";
        assert_eq!(found.join(" "), expected);
        assert!(tokens(" \n'\u{2014}()").is_empty());
    }

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
