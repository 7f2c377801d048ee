//! The end of a run's `metrics.jsonl`: its entries from the last to the first.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::Path;

use serde_json::Value;

use crate::lab::store::regular;

/// Bytes that are read at a time; more where a line is longer than that.
const BLOCK: u64 = 1 << 16;

/// Bytes at the end of a log in which entries are looked for: a look at a run takes no longer for a
/// log without end.
const MOST: u64 = 1 << 24;

/// The lines of a file from the last to the first, without their ends.
struct Lines {
    file: File,
    /// Where what was read begins.
    start: u64,
    /// Where no more is read.
    limit: u64,
    /// What was read and is before every line that was given; none after the first line.
    rest: Option<Vec<u8>>,
}

impl Lines {
    fn open(path: &Path) -> io::Result<Self> {
        let file = regular::open(path)?;
        let start = file.metadata()?.len();
        Ok(Self { file, start, limit: start.saturating_sub(MOST), rest: Some(Vec::new()) })
    }

    /// Puts another block before the rest; false where there is none.
    fn read_block(&mut self) -> io::Result<bool> {
        let rest = self.rest.get_or_insert_default();
        let length = BLOCK.max(rest.len() as u64).min(self.start - self.limit);
        if length == 0 {
            return Ok(false);
        }
        self.start -= length;
        self.file.seek(SeekFrom::Start(self.start))?;
        let mut block = Vec::new();
        (&self.file).take(length).read_to_end(&mut block)?;
        block.append(rest);
        *rest = block;
        Ok(true)
    }
}

impl Iterator for Lines {
    type Item = Vec<u8>;

    fn next(&mut self) -> Option<Vec<u8>> {
        loop {
            let rest = self.rest.as_mut()?;
            if let Some(end) = rest.iter().rposition(|byte| *byte == b'\n') {
                let line = rest.split_off(end + 1);
                rest.pop();
                return Some(line);
            }
            if !self.read_block().unwrap_or(false) {
                // What comes after the limit is the end of a line that began before it.
                return self.rest.take().filter(|_| self.start == 0);
            }
        }
    }
}

/// The entries of a log from the last to the first; none for a line that is damaged. A last line
/// that is torn is no damage: the run was killed while it wrote it, or writes it now.
///
/// # Errors
/// Where there is no such file.
pub fn entries(path: &Path) -> io::Result<impl Iterator<Item = Option<Value>> + use<>> {
    let entry = |(place, line): (usize, Vec<u8>)| {
        let entry = serde_json::from_slice::<Value>(&line).ok();
        let torn = place == 0 && entry.is_none();
        (!torn && !line.is_empty()).then_some(entry)
    };
    Ok(Lines::open(path)?.enumerate().filter_map(entry))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn of(bytes: &[u8]) -> Vec<Option<Value>> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("metrics.jsonl");
        std::fs::write(&path, bytes).unwrap();
        entries(&path).unwrap().collect()
    }

    #[test]
    fn lines_of_any_length_from_the_last_to_the_first() {
        assert!(of(b"").is_empty() && of(b"{\"st").is_empty());
        assert_eq!(of(b"1\n\n{\"a\xff\": 0}\n2\n{\"st"), [Some(json!(2)), None, Some(json!(1))]);
        assert_eq!(of(b"1\n2"), [Some(json!(2)), Some(json!(1))]);
        let long = vec![7; 100_000];
        let text = format!("{}\n{}\n3\n", json!(long), json!(long));
        assert_eq!(of(text.as_bytes()), [Some(json!(3)), Some(json!(long)), Some(json!(long))]);
    }

    #[test]
    fn a_log_without_end_is_not_read_to_its_beginning() {
        let line = format!("\"{}\"\n", "x".repeat(999_997));
        assert_eq!(of(line.repeat(20).as_bytes()).len(), 16);
    }
}
