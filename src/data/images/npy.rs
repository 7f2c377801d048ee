//! Arrays in NumPy's format, of the bytes and whole numbers that images and labels are.
//!
//! Source: `numpy.lib.format` in NumPy's reference.

use std::io::Read;

use anyhow::{Context, Result, bail, ensure};

const MAGIC: &[u8] = b"\x93NUMPY";
/// The most bytes of a header: NumPy itself takes no longer one.
const LONGEST_HEADER: usize = 10_000;

/// What the header of an array says.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Header {
    /// The type, as NumPy writes it: `|u1`.
    pub kind: String,
    /// The length of each axis.
    pub shape: Vec<usize>,
    /// Bytes of the header in the file.
    pub bytes: u64,
}

impl Header {
    /// Reads the header of an array whose last axis is the fastest.
    ///
    /// # Errors
    /// If it is none, or the first axis is the fastest.
    pub fn read(reader: &mut impl Read) -> Result<Self> {
        let mut start = [0; 8];
        reader.read_exact(&mut start).context("no NumPy array")?;
        ensure!(
            start.starts_with(MAGIC),
            "no NumPy array: starts with the bytes {:02x?}",
            &start[..6]
        );
        let mut length = [0; 4];
        let digits = match start[6] {
            1 => 2,
            2 | 3 => 4,
            version => bail!("NumPy's format {version}, expected 1, 2 or 3"),
        };
        reader.read_exact(&mut length[..digits]).context("ends in its header")?;
        let length = u32::from_le_bytes(length) as usize;
        ensure!(
            length <= LONGEST_HEADER,
            "a header of {length} bytes, expected {LONGEST_HEADER} at most"
        );
        let mut text = vec![0; length];
        reader.read_exact(&mut text).context("ends in its header")?;
        let text = String::from_utf8_lossy(&text);
        let bytes = (start.len() + digits + length) as u64;
        let header = Self::parse(&text, bytes);
        header.with_context(|| format!("the header {:?}", text.trim_end()))?
    }

    /// Parses a header such as `{'descr': '|u1', 'fortran_order': False, 'shape': (60000, 28, 28), }`.
    fn parse(text: &str, bytes: u64) -> Option<Result<Self>> {
        let value = |key: &str| Some(text.split_once(&format!("'{key}':"))?.1.trim_start());
        // The type of a table is a list.
        let kind = value("descr")?.strip_prefix('\'')?.split('\'').next()?.to_string();
        if value("fortran_order")?.starts_with("True") {
            return Some(Err(anyhow::anyhow!(
                "the first axis is the fastest (Fortran's order): save numpy.ascontiguousarray of it"
            )));
        }
        let axes = value("shape")?.strip_prefix('(')?.split(')').next()?.split(',').map(str::trim);
        let axes = axes.filter(|axis| !axis.is_empty()).map(str::parse);
        let shape = axes.collect::<Result<_, _>>().ok()?;
        Some(Ok(Self { kind, shape, bytes }))
    }
}

/// Labels as bytes.
///
/// - kind: the type of the numbers, as NumPy writes it
///
/// # Errors
/// If they are no whole numbers, or one of them is not in 0 to 255.
pub(super) fn labels(kind: &str, values: &[u8]) -> Result<Vec<u8>> {
    let size = size_of_whole(kind)
        .with_context(|| format!("the type {kind}, expected whole numbers such as <i8 or |u1"))?;
    let signed = kind.as_bytes()[1] == b'i';
    let number = |bytes: &[u8]| {
        let negative = signed && bytes.last().is_some_and(|last| last & 0x80 != 0);
        let mut whole = [if negative { 0xff } else { 0 }; 16];
        whole[..size].copy_from_slice(bytes);
        i128::from_le_bytes(whole)
    };
    let label = |number: i128| {
        u8::try_from(number).map_err(|_| anyhow::anyhow!("the label {number}, expected 0 to 255"))
    };
    values.chunks_exact(size).map(|bytes| label(number(bytes))).collect()
}

/// The bytes of a whole number of this type, the lowest first.
pub(super) fn size_of_whole(kind: &str) -> Option<usize> {
    match kind {
        "|u1" | "|i1" => Some(1),
        "<u2" | "<i2" => Some(2),
        "<u4" | "<i4" => Some(4),
        "<u8" | "<i8" => Some(8),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_is_read_as_numpy_writes_it() {
        let read = |text: &str| {
            let mut file =
                [MAGIC, &[1, 0], &(text.len() as u16).to_le_bytes(), text.as_bytes()].concat();
            file.extend(b"values");
            Header::read(&mut &file[..])
        };
        let header =
            read("{'descr': '|u1', 'fortran_order': False, 'shape': (60000, 28, 28), }    \n")
                .unwrap();
        assert_eq!(header, Header { kind: "|u1".into(), shape: vec![60000, 28, 28], bytes: 83 });
        assert_eq!(
            read("{'shape': (7,), 'descr': '<i8', 'fortran_order': False}").unwrap().shape,
            [7]
        );
        for (text, words) in [
            ("{'descr': '|u1', 'fortran_order': True, 'shape': (2, 3), }", "ascontiguousarray"),
            ("{'descr': [('x', '<f4')], 'fortran_order': False, 'shape': (2,), }", "the header"),
            ("{'descr': '|u1', 'fortran_order': False, 'shape': (-2,), }", "the header"),
            ("{}", "the header"),
        ] {
            let line = format!("{:#}", read(text).unwrap_err());
            assert!(line.contains(words), "{line}");
        }
        for (file, words) in [
            (&b"\x93NUM"[..], "no NumPy array"),
            (b"PK\x03\x04....", "starts with the bytes [50"),
            (b"\x93NUMPY\x09\x00", "format 9"),
            (b"\x93NUMPY\x01\x00\xff\x00{", "ends in its header"),
            (b"\x93NUMPY\x02\x00\xff\xff\xff\xff", "4294967295 bytes"),
        ] {
            let line = format!("{:#}", Header::read(&mut &file[..]).unwrap_err());
            assert!(line.contains(words), "{line}");
        }
    }

    #[test]
    fn labels_are_whole_numbers_that_a_byte_holds() {
        assert_eq!(labels("|u1", &[0, 255]).unwrap(), [0, 255]);
        assert_eq!(labels("<i8", &[7, 0, 0, 0, 0, 0, 0, 0]).unwrap(), [7]);
        assert_eq!(labels("<u2", &[9, 0, 8, 0]).unwrap(), [9, 8]);
        for (kind, values, words) in [
            ("<i2", &[255, 255][..], "the label -1, expected 0 to 255"),
            ("<u2", &[0, 1], "the label 256"),
            ("<f4", &[0; 4], "the type <f4, expected whole numbers"),
            (">i8", &[0; 8], "the type >i8"),
        ] {
            assert!(labels(kind, values).unwrap_err().to_string().contains(words));
        }
    }
}
