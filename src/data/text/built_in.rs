//! A small text of this project's own, for tests and machines without a network.

use super::raw_text::{NamedText, RawText};
use super::tokens::plain;

const TEXT: &str = include_str!("../../../assets/built_in_text.txt");

pub(super) const BUILT_IN: NamedText = NamedText {
    name: "built-in",
    read: |_data_dir| Ok(RawText { bytes: TEXT.into(), file: "the built-in text".into(), plain }),
};
