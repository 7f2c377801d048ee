//! Text as words, and words as numbers.

use std::collections::HashMap;

/// The number and the name of every word that is not in the vocabulary.
pub const UNKNOWN: (i64, &str) = (0, "<unk>");

/// Marks that are tokens of their own; all others are dropped.
const MARKS: [char; 6] = ['.', ',', ';', ':', '!', '?'];

/// The tokens of a text: words in lower case (letters, with apostrophes inside), numbers, and the
/// marks `. , ; : ! ?`.
pub fn tokens(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut characters = text.chars().flat_map(char::to_lowercase).peekable();
    let mut word = String::new();
    while let Some(character) = characters.next() {
        let next = characters.peek().copied();
        let apostrophe = character == '\'' && ends_with(&word, char::is_alphabetic);
        if character.is_alphabetic() || character.is_ascii_digit() {
            let same = |last: char| last.is_ascii_digit() == character.is_ascii_digit();
            if !ends_with(&word, same) {
                push(&mut found, &mut word);
            }
            word.push(character);
        } else if apostrophe && next.is_some_and(char::is_alphabetic) {
            word.push(character);
        } else {
            push(&mut found, &mut word);
            if MARKS.contains(&character) {
                found.push(character.to_string());
            }
        }
    }
    push(&mut found, &mut word);
    found
}

fn ends_with(word: &str, is: impl Fn(char) -> bool) -> bool {
    word.chars().next_back().is_some_and(is)
}

fn push(found: &mut Vec<String>, word: &mut String) {
    if !word.is_empty() {
        found.push(std::mem::take(word));
    }
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
    pub fn of(tokens: &[String], size: usize) -> Self {
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

    /// Never: [`UNKNOWN`] is always there.
    pub fn is_empty(&self) -> bool {
        self.words.is_empty()
    }

    /// The number of each token.
    pub fn encode(&self, tokens: &[String]) -> Vec<i64> {
        let number = |token| self.numbers.get(token).copied().unwrap_or(UNKNOWN.0);
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
        let found = tokens("Don't stop -- it's 1790's \"Été\", o'clock; 3rd 'quoted' (end)!");
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
