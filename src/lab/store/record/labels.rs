//! What people say of a run.

use std::path::Path;

use anyhow::Result;
use serde::{Deserialize, Serialize};

use super::RecordFile;
use crate::lab::error::refuse;

/// The most characters of a note.
const LONGEST_NOTE: usize = 2000;

/// The most characters of a tag.
const LONGEST_TAG: usize = 60;

/// `labels.json`: a note and tags, by which people find a run again. They say nothing of what is
/// computed and may change at any time; a run that has none may have no such file.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Labels {
    /// A remark in words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
    /// Words to filter by, in alphabetical order, each once.
    #[serde(default)]
    pub tags: Vec<String>,
}

impl RecordFile for Labels {
    const FILE: &'static str = "labels.json";
}

impl Labels {
    /// The labels of the run in a folder; none where nobody gave any.
    ///
    /// # Errors
    /// Where there are some that can't be read.
    pub fn of(folder: &Path) -> Result<Self> {
        match folder.join(Self::FILE).symlink_metadata() {
            Ok(_) => Self::read(folder),
            Err(_) => Ok(Self::default()),
        }
    }

    /// Puts a note in the place of that which is there; one without words takes it away.
    ///
    /// # Errors
    /// Exit code 2 where it is too long.
    pub fn set_note(&mut self, note: &str) -> Result<()> {
        let (note, count) = (note.trim(), note.chars().count());
        if count > LONGEST_NOTE {
            return Err(refuse(format!(
                "a note of {count} characters: {LONGEST_NOTE} are the most; put more into a file \
                 in the run folder"
            )));
        }
        self.note = (!note.is_empty()).then(|| note.into());
        Ok(())
    }

    /// Adds tags; those that are there already stay.
    ///
    /// # Errors
    /// Exit code 2 where a tag is empty or too long, or has a comma or a control character.
    pub fn add_tags(&mut self, tags: &[String]) -> Result<()> {
        for tag in tags.iter().map(|tag| tag.trim()) {
            let count = tag.chars().count();
            if count == 0 || count > LONGEST_TAG {
                return Err(refuse(format!(
                    "a tag of {count} characters: 1 to {LONGEST_TAG} are right"
                )));
            }
            if tag.contains(|c: char| c.is_control() || c == ',') {
                return Err(refuse(format!(
                    "the tag \"{tag}\" has a comma or a control character: commas separate tags"
                )));
            }
            self.tags.push(tag.into());
        }
        self.tags.sort();
        self.tags.dedup();
        Ok(())
    }

    /// Takes tags away.
    ///
    /// # Errors
    /// Exit code 2 where the run has no such tag.
    pub fn remove_tags(&mut self, tags: &[String]) -> Result<()> {
        for tag in tags.iter().map(|tag| tag.trim()) {
            let place = self.tags.iter().position(|known| known == tag);
            let place = place.ok_or_else(|| refuse(format!("the run has no tag \"{tag}\"")))?;
            self.tags.remove(place);
        }
        Ok(())
    }

    /// Whether nothing is said.
    pub fn is_empty(&self) -> bool {
        self.note.is_none() && self.tags.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tags(text: &str) -> Vec<String> {
        text.split(',').map(str::to_string).collect()
    }

    #[test]
    fn tags_are_sorted_and_there_once() {
        let mut labels = Labels::default();
        labels.add_tags(&tags("paper, b,a,b")).unwrap();
        assert_eq!(labels.tags, tags("a,b,paper"));
        labels.remove_tags(&tags("b")).unwrap();
        assert_eq!(labels.tags, tags("a,paper"));
        assert!(labels.remove_tags(&tags("b")).is_err());
    }

    #[test]
    fn what_can_be_no_label() {
        let mut labels = Labels::default();
        for tag in ["", " ", "a\nb", "a,b", &"x".repeat(61)] {
            assert!(labels.add_tags(&[tag.to_string()]).is_err(), "{tag}");
        }
        let error = labels.set_note(&"x".repeat(1_000_000)).unwrap_err().to_string();
        assert!(error.len() < 200 && error.contains("1000000"), "{error}");
        assert!(labels.is_empty());
        labels.set_note(" why\n").unwrap();
        assert_eq!(labels.note.as_deref(), Some("why"));
        labels.set_note("").unwrap();
        assert!(labels.is_empty());
    }
}
