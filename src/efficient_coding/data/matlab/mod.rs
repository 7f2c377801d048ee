//! MATLAB 5 files: the matrices of real numbers in them, by name.
//!
//! A file is a header of 128 bytes and a row of elements, each with its type and length; an array is
//! an element of elements, compressed or not. Arrays that nobody asks for are passed over, whatever
//! they hold. Source: "MAT-File Format", The MathWorks.

mod array;
mod elements;

use anyhow::{Context, Result, bail, ensure};

use array::Array;
pub use array::Matrix;
use elements::{ByteOrder, Elements, kind};

/// The bytes of the header, whose last two say the order of bytes.
const HEADER: usize = 128;
/// The most names of other arrays in an error.
const LISTED: usize = 12;

/// The arrays of a file, in its order.
#[derive(Debug)]
pub struct MatFile<'a> {
    arrays: Vec<Array<'a>>,
    order: ByteOrder,
}

impl<'a> MatFile<'a> {
    /// Finds the arrays of a file.
    ///
    /// # Errors
    /// Where the file is not one of MATLAB 5, or is cut short.
    pub fn parse(bytes: &'a [u8]) -> Result<Self> {
        ensure!(bytes.starts_with(b"MATLAB 5.0"), "not a MATLAB 5 file");
        ensure!(bytes.len() >= HEADER, "the file is cut short");
        let (header, content) = bytes.split_at(HEADER);
        let order = match &header[HEADER - 2..] {
            b"IM" => ByteOrder::Little,
            b"MI" => ByteOrder::Big,
            _ => bail!("the header of the file is damaged"),
        };
        let (mut elements, mut arrays) = (Elements::new(content, order), Vec::new());
        while !elements.is_at_end() {
            let element = elements.element()?;
            let (bytes, compressed) = (element.bytes, element.kind == kind::COMPRESSED);
            if compressed || element.kind == kind::MATRIX {
                arrays.push(Array::new(bytes, compressed, order));
            }
        }
        Ok(Self { arrays, order })
    }

    /// The matrix of a name.
    ///
    /// # Errors
    /// Where there is no such array, it is not a matrix of real numbers, its compressed bytes are
    /// damaged, or they are too many.
    pub fn matrix(&self, name: &str) -> Result<Matrix> {
        let Some(array) = self.arrays.iter().find(|array| array.name == name) else {
            let found = self.arrays.iter().filter(|array| !array.name.is_empty());
            let found: Vec<String> =
                found.take(LISTED).map(|array| array.name.escape_debug().to_string()).collect();
            // A file that was cut between two arrays looks whole.
            bail!("no variable {name} (there are: {}), or it is cut short", found.join(", "));
        };
        array.matrix(self.order).with_context(|| name.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lab::error::one_line;
    use std::io::Write;

    const MIXED: [&[u8]; 2] = [
        include_bytes!("../../../../tests/reference/kyoto_mixed.mat"),
        include_bytes!("../../../../tests/reference/kyoto_mixed_compressed.mat"),
    ];

    #[test]
    fn every_array_of_a_file_is_a_matrix_or_said_to_be_none() {
        for bytes in MIXED {
            let file = MatFile::parse(bytes).unwrap();
            assert_eq!(file.matrix("number").unwrap().values, [7.0]);
            assert_eq!(file.matrix("mask").unwrap().values, [1.0, 0.0]);
            assert_eq!(
                file.matrix("OS").unwrap().values[..3],
                [2.0 / 64.0, 12.0 / 64.0, 22.0 / 64.0]
            );
            let line = |name: &str| one_line(&file.matrix(name).unwrap_err());
            for name in ["text", "record", "cells"] {
                assert_eq!(line(name), format!("{name}: no numbers, expected a matrix of them"));
            }
            assert_eq!(line("thin"), "thin: a sparse matrix, expected a full one");
            assert_eq!(line("wave"), "wave: complex numbers, expected real ones");
            assert!(line("OX").contains("no variable OX (there are: number, text, "));
        }
    }

    /// A file of one number of doubles, OL, whose shape is said to be this.
    fn file(order: ByteOrder, shape: [u32; 2], pack: impl Fn(Vec<u8>) -> Vec<u8>) -> Vec<u8> {
        let bytes = |number: u32| match order {
            ByteOrder::Little => number.to_le_bytes(),
            ByteOrder::Big => number.to_be_bytes(),
        };
        let head = [kind::MATRIX, 56, kind::UINT32, 8, 6, 0, kind::INT32, 8, shape[0], shape[1]];
        let mut array: Vec<u8> = head.into_iter().chain([(2 << 16) | 1]).flat_map(bytes).collect();
        array.extend(b"OL\0\0");
        array.extend([9, 8].into_iter().flat_map(bytes));
        let number = 0.75f64;
        array.extend(if order == ByteOrder::Big {
            number.to_be_bytes()
        } else {
            number.to_le_bytes()
        });
        let mut file = b"MATLAB 5.0".to_vec();
        file.resize(HEADER - 2, 0);
        file.extend(if order == ByteOrder::Big { b"MI" } else { b"IM" });
        file.extend(pack(array));
        file
    }

    fn compressed(array: Vec<u8>) -> Vec<u8> {
        let mut encoder = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(&array).unwrap();
        let packed = encoder.finish().unwrap();
        let tag = [kind::COMPRESSED.to_le_bytes(), (packed.len() as u32).to_le_bytes()];
        [&tag.concat()[..], &packed].concat()
    }

    #[test]
    fn both_orders_of_bytes_are_read() {
        for order in [ByteOrder::Little, ByteOrder::Big] {
            let bytes = file(order, [1, 1], |array| array);
            assert_eq!(MatFile::parse(&bytes).unwrap().matrix("OL").unwrap().values, [0.75]);
        }
    }

    #[test]
    fn a_shape_that_the_values_are_not_is_refused_before_they_are_unpacked() {
        for (shape, part) in [
            ([5000, 5000], "5000 x 5000 compressed values, more than 16777216: save it again"),
            ([u32::MAX, u32::MAX], "more than 16777216"),
            ([2, 2], "cut short"),
            ([0, 1], "more values than its shape says"),
        ] {
            let bytes = file(ByteOrder::Little, shape, compressed);
            let line = one_line(&MatFile::parse(&bytes).unwrap().matrix("OL").unwrap_err());
            assert!(line.starts_with("OL: ") && line.contains(part), "{line}");
        }
        let bytes = file(ByteOrder::Little, [1, 1], compressed);
        for place in 140..bytes.len() {
            let mut damaged = bytes.clone();
            damaged[place] ^= 0x10;
            let found = MatFile::parse(&damaged).and_then(|file| file.matrix("OL"));
            assert!(found.map_or(true, |matrix| matrix.values == [0.75]), "byte {place}");
        }
    }
}
