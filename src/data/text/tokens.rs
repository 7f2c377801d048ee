//! Text as tokens: words, numbers and marks.

use unicode_normalization::UnicodeNormalization;
use unicode_segmentation::UnicodeSegmentation;

/// Marks that are tokens of their own; all others are dropped.
pub(super) const MARKS: [char; 6] = ['.', ',', ';', ':', '!', '?'];
/// Says where a long word may be cut at the end of a line, and is no part of it.
const SOFT_HYPHEN: char = '\u{ad}';
/// The apostrophe of typography, and the letter that looks like it.
const APOSTROPHES: [char; 2] = ['\u{2019}', '\u{2bc}'];

/// A text in the one form of several that look alike: in lower case, accents composed with their
/// letters (NFC), apostrophes as a keyboard has them, without soft hyphens.
pub(super) fn plain(text: &str) -> String {
    let lower = text.to_lowercase();
    let kept = lower.nfc().filter(|character| *character != SOFT_HYPHEN);
    kept.map(|character| if APOSTROPHES.contains(&character) { '\'' } else { character }).collect()
}

/// The tokens of a text in lower case: words (letters, with apostrophes and accents inside), numbers, and
/// the marks `. , ; : ! ?`.
///
/// Words begin and end where the Unicode Standard says (Annex 29), so that each character is one in
/// a script that has no spaces between words, such as Chinese; and where digits, underscores or marks
/// are between letters.
pub fn tokens(text: &str) -> Vec<&str> {
    let ends_word = |c: char| c.is_ascii_digit() || c == '_' || MARKS.contains(&c);
    let mut found = Vec::new();
    for mut rest in text.split_word_bounds() {
        while let Some(first) = rest.chars().next() {
            let length = match first {
                _ if first.is_alphabetic() => rest.find(ends_word),
                _ if first.is_ascii_digit() => rest.find(|c: char| !c.is_ascii_digit()),
                _ => Some(first.len_utf8()),
            };
            let (token, after) = rest.split_at(length.unwrap_or(rest.len()));
            if first.is_alphanumeric() || MARKS.contains(&first) {
                found.push(token);
            }
            rest = after;
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn joined(text: &str) -> String {
        tokens(&plain(text)).join(" ")
    }

    #[test]
    fn words_numbers_and_marks() {
        let found = tokens("don't stop -- it's 1790's \"été\", o'clock; 3rd 'quoted' (end)!");
        let expected = "don't stop it's 1790 s été , o'clock ; 3 rd quoted end !";
        assert_eq!(found.join(" "), expected);
        assert!(tokens(" \n'\u{2014}()").is_empty());
        assert_eq!(
            joined("The U.S. spent 1,000.50 in a_b:c;d"),
            "the u . s . spent 1 , 000 . 50 in a b : c ; d"
        );
    }

    #[test]
    fn what_looks_alike_is_one_word() {
        assert_eq!(joined("Don\u{2019}t \u{2018}quote\u{2019} don\u{2bc}t"), "don't quote don't");
        assert_eq!(joined("Cafe\u{301} CAF\u{c9} caf\u{e9}"), "café café café");
        assert_eq!(joined("co\u{ad}operate"), "cooperate");
        assert_eq!(joined("\u{feff}the"), "the");
    }

    #[test]
    fn scripts_have_their_own_words() {
        // Signs of vowels that are no letters; a gershayim; no spaces; vowels above and below.
        assert_eq!(joined("नमस्ते दुनिया"), "नमस्ते दुनिया");
        assert_eq!(joined("צה\"ל, שלום"), "צה\"ל , שלום");
        assert_eq!(joined("我愛你"), "我 愛 你");
        assert_eq!(joined("안녕 세상"), "안녕 세상");
        assert_eq!(joined("カメラ"), "カメラ");
    }
}
