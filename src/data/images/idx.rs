//! The idx format of MNIST, plain or gzip-compressed.
//!
//! An idx file is `00 00 <type> <axes>`, then a big-endian u32 for the length of each axis, then
//! the values in row-major order. Only type 08 (unsigned bytes) occurs in the sets read here.
//! Source: the description that LeCun, Cortes and Burges published with MNIST.

use std::io::{BufRead, BufReader, Read};
use std::path::Path;

use anyhow::{Context, Result, bail, ensure};

use super::gzip::Members;
use super::splits::MOST_UNPACKED;
use crate::lab::store::regular;

/// The type byte of unsigned bytes.
const UNSIGNED_BYTE: u8 = 0x08;
const GZIP_MAGIC: [u8; 2] = [0x1f, 0x8b];
/// Deflate cannot do better than 1 byte for 1032 (a 258-byte match in 2 bits).
const MAX_DEFLATE_RATIO: u64 = 1032;

/// The content of an idx file.
#[derive(Debug)]
pub(super) struct Idx {
    /// Length of each axis.
    pub shape: Vec<usize>,
    /// The values, row-major.
    pub values: Vec<u8>,
    /// The header as it stood in the file, for its hash.
    pub header: Vec<u8>,
}

/// Reads the idx file of unsigned bytes at `path`, which has one of these numbers of axes, the fewest
/// first; gzip is told by its content. If a `shape` is expected, the header must promise it.
///
/// # Errors
/// One line that names the file, what was found and what was expected. The header's promise is
/// held against the size of the file before anything is allocated for it.
pub(super) fn read(path: &Path, axes: &[usize], shape: Option<&[usize]>) -> Result<Idx> {
    read_checked(path, axes, shape).with_context(|| path.display().to_string())
}

fn read_checked(path: &Path, axes: &[usize], shape: Option<&[usize]>) -> Result<Idx> {
    let file = regular::open(path)?;
    let size = file.metadata()?.len();
    let mut reader = BufReader::new(file);
    if reader.fill_buf()?.starts_with(&GZIP_MAGIC) {
        let limit = size.saturating_mul(MAX_DEFLATE_RATIO);
        read_stream(Members::new(reader), axes, shape, |promised| {
            ensure!(
                promised <= limit,
                "the header promises {promised} bytes, but {size} compressed bytes hold {limit} at most"
            );
            ensure!(
                promised <= MOST_UNPACKED,
                "the header promises {promised} bytes, and a compressed file may hold \
                 {MOST_UNPACKED}: unpack it first, by gunzip"
            );
            Ok(())
        })
    } else {
        read_stream(reader, axes, shape, |promised| {
            ensure!(
                promised == size,
                "the file has {size} bytes, expected {promised} by its header"
            );
            Ok(())
        })
    }
}

/// Reads header and values; `plausible` judges how many bytes the header promises in all.
fn read_stream(
    mut reader: impl Read,
    axes: &[usize],
    expected: Option<&[usize]>,
    plausible: impl FnOnce(u64) -> Result<()>,
) -> Result<Idx> {
    let mut header = read_up_to(&mut reader, 4 + 4 * axes[0] as u64)?;
    let count = axes.iter().find(|axes| header.get(3) == Some(&(**axes as u8))).unwrap_or(&axes[0]);
    header.extend(read_up_to(&mut reader, 4 * (count - axes[0]) as u64)?);
    let header_len = 4 + 4 * *count as u64;
    ensure!(
        header.len() as u64 == header_len,
        "the file ends after {} bytes, expected an idx header of {header_len}",
        header.len()
    );
    let magic = [0, 0, UNSIGNED_BYTE, *count as u8];
    let words: Vec<String> = axes.iter().map(usize::to_string).collect();
    ensure!(
        header[..4] == magic,
        "starts with the bytes {:02x?}, expected {magic:02x?} (idx, unsigned bytes, {} axes)",
        &header[..4],
        words.join(" or ")
    );
    let lengths = header[4..].chunks_exact(4).map(|b| u32::from_be_bytes([b[0], b[1], b[2], b[3]]));
    let shape: Vec<usize> = lengths.map(|length| length as usize).collect();
    if let Some(expected) = expected {
        ensure!(shape == expected, "the header says {}, expected {}", by(&shape), by(expected));
    }
    ensure!(!shape.contains(&0), "the header says {}, expected no empty axis", by(&shape));
    let count = shape.iter().try_fold(1u64, |count, &length| count.checked_mul(length as u64));
    let Some(promised) = count.and_then(|count| count.checked_add(header_len)) else {
        bail!("the header says {}, which no file can hold", by(&shape));
    };
    plausible(promised)?;
    let count = promised - header_len;
    // One byte more than promised, so that a longer stream is seen and gzip's checksum is read.
    let values = read_up_to(&mut reader, count + 1)?;
    let found = values.len() as u64;
    ensure!(found >= count, "ends after {found} values, expected {count} ({})", by(&shape));
    ensure!(found == count, "goes on after {count} values ({}), expected its end", by(&shape));
    Ok(Idx { shape, values, header })
}

/// Up to `limit` bytes; the buffer grows with what arrives.
fn read_up_to(reader: &mut impl Read, limit: u64) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    reader
        .take(limit)
        .read_to_end(&mut bytes)
        .with_context(|| format!("damaged after {} bytes", bytes.len()))?;
    Ok(bytes)
}

/// A shape in words: `60000 x 28 x 28`.
fn by(shape: &[usize]) -> String {
    shape.iter().map(usize::to_string).collect::<Vec<_>>().join(" x ")
}

#[cfg(test)]
pub(super) mod tests {
    use std::io::Write;

    use super::*;

    /// The bytes of an idx file with a header for `shape`.
    pub fn encode(shape: &[u32], values: &[u8]) -> Vec<u8> {
        let mut bytes = vec![0, 0, UNSIGNED_BYTE, shape.len() as u8];
        shape.iter().for_each(|length| bytes.extend(length.to_be_bytes()));
        bytes.extend(values);
        bytes
    }

    pub fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    /// Reads `bytes` as a file of 3 axes; gives the error as the one line that a user sees.
    fn read_bytes(bytes: &[u8]) -> Result<Idx, String> {
        let file = tempfile::NamedTempFile::with_suffix("-images").unwrap();
        std::fs::write(file.path(), bytes).unwrap();
        read(file.path(), &[3], None).map_err(|error| {
            let line = format!("{error:#}");
            assert!(line.contains(file.path().to_str().unwrap()), "{line} names no file");
            assert!(!line.contains('\n'), "{line} is more than a line");
            line
        })
    }

    fn assert_refused(bytes: &[u8], words: &[&str]) {
        let line = read_bytes(bytes).unwrap_err();
        words.iter().for_each(|word| assert!(line.contains(word), "'{line}' lacks '{word}'"));
    }

    #[test]
    fn reads_plain_and_compressed_files_alike() {
        let values: Vec<u8> = (0..24).collect();
        let bytes = encode(&[2, 3, 4], &values);
        for file in [bytes.clone(), gzip(&bytes)] {
            let idx = read_bytes(&file).unwrap();
            assert_eq!((idx.shape, idx.values), (vec![2, 3, 4], values.clone()));
            assert_eq!(idx.header, bytes[..16]);
        }
    }

    #[test]
    fn a_file_cut_anywhere_is_refused() {
        let bytes = encode(&[2, 3, 4], &(0..24).collect::<Vec<u8>>());
        let compressed = gzip(&bytes);
        (0..bytes.len()).for_each(|len| assert!(read_bytes(&bytes[..len]).is_err(), "{len}"));
        (0..compressed.len())
            .for_each(|len| assert!(read_bytes(&compressed[..len]).is_err(), "{len}"));
        assert_refused(&bytes[..30], &["30 bytes", "expected 40"]);
        assert_refused(&bytes[..9], &["9 bytes", "header of 16"]);
        assert_refused(&gzip(&bytes[..30]), &["ends after 14 values", "expected 24"]);
    }

    #[test]
    fn a_file_with_more_than_it_says_is_refused() {
        let bytes = encode(&[2, 3, 4], &[7; 25]);
        assert_refused(&bytes, &["41 bytes", "expected 40"]);
        assert_refused(&gzip(&bytes), &["goes on after 24 values"]);
    }

    #[test]
    fn foreign_files_are_refused_by_their_first_bytes() {
        assert_refused(
            b"<!DOCTYPE html><html><body>Not found</body>",
            &["[3c, 21, 44, 4f]", "[00, 00, 08, 03]"],
        );
        assert_refused(&encode(&[40], &[0; 40]), &["[00, 00, 08, 01]", "3 axes"]);
        assert_refused(&gzip(b"a compressed text, not an idx file"), &["[61, 20, 63, 6f]"]);
        assert_refused(b"", &["0 bytes"]);
    }

    #[test]
    fn a_flipped_bit_in_compressed_data_never_gives_other_values() {
        let values: Vec<u8> = (0..=255).cycle().take(600).collect();
        let compressed = gzip(&encode(&[6, 10, 10], &values));
        for at in 10..compressed.len() {
            let mut damaged = compressed.clone();
            damaged[at] ^= 0x10;
            // Deflate's last byte may have spare bits that mean nothing.
            assert!(read_bytes(&damaged).map_or(true, |idx| idx.values == values), "byte {at}");
        }
    }

    #[test]
    fn a_header_that_promises_gigabytes_is_refused_by_the_size_of_the_file() {
        let bytes = encode(&[1 << 16, 1 << 8, 1 << 8], &[1, 2, 3]);
        assert_refused(&bytes, &["19 bytes", "expected 4294967312"]);
        assert_refused(&gzip(&bytes), &["4294967312", "at most"]);
        let words = crate::lab::tensor::rng::words(1, "noise", 0).take(100_000);
        let noise: Vec<u8> = words.flat_map(u64::to_le_bytes).collect();
        let promise = gzip(&encode(&[1 << 14, 1 << 7, 1 << 8], &noise));
        assert_refused(&promise, &["536870928 bytes", "268435456: unpack it first, by gunzip"]);
        assert_refused(&encode(&[u32::MAX; 3], &[]), &["no file can hold"]);
        assert_refused(&encode(&[0, 28, 28], &[]), &["0 x 28 x 28", "empty"]);
    }

    #[test]
    fn another_shape_than_the_expected_one_is_refused() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), encode(&[2, 1, 1], &[0, 1])).unwrap();
        assert!(read(file.path(), &[3, 4], Some(&[2, 1, 1])).is_ok());
        let line = format!("{:#}", read(file.path(), &[3], Some(&[60_000, 28, 28])).unwrap_err());
        assert!(line.contains("2 x 1 x 1, expected 60000 x 28 x 28"), "{line}");
    }

    #[test]
    fn a_folder_or_a_missing_file_is_an_error_with_its_path() {
        let folder = tempfile::tempdir().unwrap();
        for path in [folder.path().to_owned(), folder.path().join("nothing-here")] {
            let line = format!("{:#}", read(&path, &[3], None).unwrap_err());
            assert!(line.starts_with(path.to_str().unwrap()), "{line}");
        }
    }
}
