//! Text for language models.
//!
//! [`load`] takes a name or a file and gives the text as numbers of words, in two parts. The text
//! is cut into a hundred pieces of equal length, and every tenth of them is held out, so that both
//! parts are from the whole text; the words and their frequencies come from the other ninety.

mod built_in;
mod raw_text;
mod sotu;
mod tokens;
mod words;

use std::path::Path;

use anyhow::{Result, anyhow, bail, ensure};
use serde_json::{Value, json};

use crate::lab::error::refuse;
use crate::lab::store::durable::sha256_of;
use raw_text::{NamedText, RawText};
pub use tokens::tokens;
pub use words::{UNKNOWN, Vocabulary};

/// The texts that are known by name, each in a file of its own.
const TEXTS: &[NamedText] = &[built_in::BUILT_IN, sotu::SOTU];

/// Pieces that a text is cut into.
const PIECES: usize = 100;
/// One piece in so many is held out.
const HELD_OUT: usize = 10;

/// A text as numbers.
#[derive(Debug)]
pub struct TextData {
    /// The name it is known by, or its file.
    pub name: String,
    /// What the numbers are.
    pub vocabulary: Vocabulary,
    /// The tokens to learn from: `[token]`.
    pub train: Vec<i64>,
    /// The tokens to evaluate on: `[token]`.
    pub held_out: Vec<i64>,
    /// Where the text came from: the file with its SHA-256, for the run's provenance.
    pub source: Value,
}

/// Loads a text that is known by name, or a UTF-8 file, with a vocabulary of at most `size` words.
///
/// # Errors
/// If the name is unknown, the file is missing or is not UTF-8, a known text has another SHA-256,
/// or the text is too short to have two parts.
pub fn load(selection: &str, data_dir: &Path, size: usize) -> Result<TextData> {
    let RawText { bytes, file, plain } = read(selection, data_dir)?;
    let text = std::str::from_utf8(&bytes).map_err(|error| {
        let (at, from) = (error.valid_up_to(), likely_encoding(&bytes));
        // Without -f, iconv takes the file for what the terminal has, which is UTF-8.
        anyhow!(
            "{file}: not UTF-8 at byte {at}: convert it, by `iconv -f {from} -t UTF-8 OLD >NEW` if \
             it is {from}"
        )
    })?;
    let text = plain(text);
    let (train, held_out) = split(&tokens(&text));
    ensure!(!train.is_empty() && !held_out.is_empty(), "{file}: too short to have two parts");
    let vocabulary = Vocabulary::of(&train, size);
    let sum = sha256_of(&[&bytes]);
    Ok(TextData {
        name: selection.into(),
        train: vocabulary.encode(&train),
        held_out: vocabulary.encode(&held_out),
        vocabulary,
        source: json!({"name": selection, "files": [{"file": file, "sha256": sum}]}),
    })
}

/// The text of a name or a file.
fn read(selection: &str, data_dir: &Path) -> Result<RawText> {
    if let Some(text) = TEXTS.iter().find(|text| text.name == selection) {
        return (text.read)(data_dir);
    }
    let path = Path::new(selection);
    if path.is_file() {
        return RawText::read(path);
    }
    let names: Vec<&str> = TEXTS.iter().map(|text| text.name).collect();
    let names = names.join(", ");
    if selection.contains(['/', '.']) {
        bail!("no file {selection}: give a UTF-8 text file, or one of {names}")
    }
    Err(refuse(format!("--data {selection}: there are {names}, or give a UTF-8 text file")))
}

/// The encoding that a text which is not UTF-8 is likely to have, as `iconv` calls it.
fn likely_encoding(bytes: &[u8]) -> &'static str {
    let marked = bytes.starts_with(&[0xff, 0xfe]) || bytes.starts_with(&[0xfe, 0xff]);
    if marked { "UTF-16" } else { "ISO-8859-1" }
}

/// The tokens to learn from, and those that are held out.
fn split<'a>(tokens: &[&'a str]) -> (Vec<&'a str>, Vec<&'a str>) {
    let (mut train, mut held_out) = (Vec::new(), Vec::new());
    for piece in 0..PIECES {
        let edge = |piece: usize| piece * tokens.len() / PIECES;
        let part = &tokens[edge(piece)..edge(piece + 1)];
        let target = if piece % HELD_OUT == HELD_OUT - 1 { &mut held_out } else { &mut train };
        target.extend_from_slice(part);
    }
    (train, held_out)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn a_tenth_is_held_out_all_over_the_text() {
        let all: Vec<String> = (0..1000).map(|i: usize| i.to_string()).collect();
        let all: Vec<&str> = all.iter().map(String::as_str).collect();
        let (train, held_out) = split(&all);
        assert_eq!((train.len(), held_out.len()), (900, 100));
        assert_eq!((held_out[0], held_out[99]), ("90", "999"));
        assert_eq!((train[89], train[90]), ("89", "100"));
    }

    #[test]
    fn the_built_in_text_needs_no_file() {
        let data = load("built-in", Path::new("/nonexistent"), 300).unwrap();
        assert_eq!(data.vocabulary.len(), 300);
        assert!(data.train.len() > 1800 && data.held_out.len() > 200, "{}", data.train.len());
        assert!(data.train.iter().all(|token| (0..300).contains(token)));
        let start = data.vocabulary.decode(&data.train[..6]);
        assert!(start.starts_with("the river comes down from the"), "{start}");
    }

    #[test]
    fn a_bad_file_is_named_with_what_to_do() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.txt");
        let name = path.to_str().unwrap();
        let refusal = |bytes: &[u8]| {
            fs::write(&path, bytes).unwrap();
            load(name, folder.path(), 10).unwrap_err().to_string()
        };
        let line = refusal(b"caf\xe9");
        assert!(line.contains("a.txt: not UTF-8 at byte 3: convert it, by `iconv -f ISO-8859-1"));
        assert!(refusal(b"\xff\xfec\0a\0").contains("`iconv -f UTF-16 -t UTF-8 OLD >NEW`"));
        assert!(refusal(b"").contains("too short"));
        let error = |name: &str| load(name, folder.path(), 10).unwrap_err().to_string();
        assert!(error("sotu").contains("scripts/data text"));
        assert!(error("sotv").contains("there are built-in, sotu"));
        assert!(error("no/file.txt").contains("no file no/file.txt"));
        fs::create_dir(folder.path().join("text")).unwrap();
        fs::write(folder.path().join("text/sotu.txt"), b"another text").unwrap();
        assert!(error("sotu").contains("expected 805ccd2b"));
    }
}
