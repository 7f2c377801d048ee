//! The elements that a MATLAB 5 file is made of: a type, a length, and bytes of that type.

use anyhow::{Result, bail, ensure};

/// The types of elements. Source: "MAT-File Format", The MathWorks.
pub mod kind {
    /// Integers of 32 bits.
    pub const INT32: u32 = 5;
    /// Integers of 32 bits, without a sign.
    pub const UINT32: u32 = 6;
    /// An array: elements for its flags, shape, name and values.
    pub const MATRIX: u32 = 14;
    /// An element as zlib compresses it.
    pub const COMPRESSED: u32 = 15;
}

/// The order of the bytes of a number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ByteOrder {
    /// The least significant byte first.
    Little,
    /// The most significant byte first.
    Big,
}

impl ByteOrder {
    /// The bytes of one number, the least significant first.
    ///
    /// # Panics
    /// If there are not `N` of them.
    fn little<const N: usize>(self, bytes: &[u8]) -> [u8; N] {
        let mut number = [0; N];
        number.copy_from_slice(bytes);
        if self == Self::Big {
            number.reverse();
        }
        number
    }
}

/// One element.
#[derive(Debug, Clone, Copy)]
pub struct Element<'a> {
    /// Its type.
    pub kind: u32,
    /// Its content.
    pub bytes: &'a [u8],
}

/// Elements one after another.
#[derive(Debug)]
pub struct Elements<'a> {
    rest: &'a [u8],
    order: ByteOrder,
}

impl<'a> Elements<'a> {
    /// The elements that some bytes are.
    pub fn new(bytes: &'a [u8], order: ByteOrder) -> Self {
        Self { rest: bytes, order }
    }

    /// Whether there is no further element; zeros that fill up the last bytes are none.
    pub fn is_at_end(&self) -> bool {
        self.rest.len() < 8 && self.rest.iter().all(|byte| *byte == 0)
    }

    /// The next element.
    ///
    /// # Errors
    /// Where the bytes end before it does.
    pub fn element(&mut self) -> Result<Element<'a>> {
        let first = self.u32()?;
        // Up to four bytes are where the length would be, and that is in the upper half of the type.
        let short = (first >> 16) as usize;
        if short > 0 {
            let bytes = self.take(4)?;
            ensure!(short <= 4, "the file is damaged: a short element of {short} bytes");
            return Ok(Element { kind: first & 0xffff, bytes: &bytes[..short] });
        }
        let length = self.u32()? as usize;
        let bytes = self.take(length)?;
        if first != kind::COMPRESSED {
            // The next one begins at a multiple of 8, if there is one.
            let filling = length.wrapping_neg() % 8;
            self.rest = self.rest.get(filling..).unwrap_or_default();
        }
        Ok(Element { kind: first, bytes })
    }

    /// The length of the next element, whose content need not be there.
    ///
    /// # Errors
    /// Where it is of another type.
    pub fn tag(&mut self, expected: u32) -> Result<usize> {
        let found = self.u32()?;
        ensure!(
            found == expected,
            "the file is damaged: an element of type {found}, expected {expected}"
        );
        Ok(self.u32()? as usize)
    }

    /// The values of the next element, which is of integers of 32 bits.
    ///
    /// # Errors
    /// Where it is of another type.
    pub fn integers(&mut self, expected: u32) -> Result<Vec<u32>> {
        let Element { kind, bytes } = self.element()?;
        ensure!(
            kind == expected,
            "the file is damaged: an element of type {kind}, expected {expected}"
        );
        let order = self.order;
        Ok(bytes.chunks_exact(4).map(|number| u32::from_le_bytes(order.little(number))).collect())
    }

    fn u32(&mut self) -> Result<u32> {
        Ok(u32::from_le_bytes(self.order.little(self.take(4)?)))
    }

    fn take(&mut self, count: usize) -> Result<&'a [u8]> {
        ensure!(count <= self.rest.len(), "the file is cut short");
        let (taken, rest) = self.rest.split_at(count);
        self.rest = rest;
        Ok(taken)
    }
}

/// The real numbers of an element. MATLAB stores an array in the smallest type that holds its
/// values, whatever its class is.
///
/// # Errors
/// Where it is of no numbers.
pub fn reals(element: &Element, order: ByteOrder) -> Result<Vec<f64>> {
    macro_rules! numbers {
        ($number:ty) => {
            element
                .bytes
                .chunks_exact(size_of::<$number>())
                .map(|bytes| <$number>::from_le_bytes(order.little(bytes)) as f64)
                .collect()
        };
    }
    Ok(match element.kind {
        1 => numbers!(i8),
        2 => numbers!(u8),
        3 => numbers!(i16),
        4 => numbers!(u16),
        kind::INT32 => numbers!(i32),
        kind::UINT32 => numbers!(u32),
        7 => numbers!(f32),
        9 => numbers!(f64),
        12 => numbers!(i64),
        13 => numbers!(u64),
        other => bail!("values of type {other}, expected numbers"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_of_every_type_are_read_in_both_orders() {
        let number = |kind: u32, bytes: &[u8]| {
            let reversed: Vec<u8> = bytes.iter().rev().copied().collect();
            let little = reals(&Element { kind, bytes }, ByteOrder::Little).unwrap();
            let big = reals(&Element { kind, bytes: &reversed }, ByteOrder::Big).unwrap();
            assert_eq!(little, big, "type {kind}");
            little[0]
        };
        assert_eq!(number(1, &(-3i8).to_le_bytes()), -3.0);
        assert_eq!(number(2, &[200]), 200.0);
        assert_eq!(number(3, &(-300i16).to_le_bytes()), -300.0);
        assert_eq!(number(4, &60_000u16.to_le_bytes()), 60_000.0);
        assert_eq!(number(5, &(-70_000i32).to_le_bytes()), -70_000.0);
        assert_eq!(number(6, &4_000_000_000u32.to_le_bytes()), 4e9);
        assert_eq!(number(7, &0.25f32.to_le_bytes()), 0.25);
        assert_eq!(number(9, &(-0.1f64).to_le_bytes()), -0.1);
        assert_eq!(number(12, &(-(1i64 << 40)).to_le_bytes()), -(2f64.powi(40)));
        assert_eq!(number(13, &(1u64 << 40).to_le_bytes()), 2f64.powi(40));
        assert!(reals(&Element { kind: 16, bytes: b"text" }, ByteOrder::Little).is_err());
    }

    #[test]
    fn short_elements_and_those_that_are_filled_up() {
        // Two bytes in the short form, then three bytes that are filled up to eight.
        let mut bytes = vec![2, 0, 2, 0, 7, 8, 0, 0, 2, 0, 0, 0, 3, 0, 0, 0, 4, 5, 6];
        let mut elements = Elements::new(&bytes, ByteOrder::Little);
        assert_eq!(elements.element().unwrap().bytes, [7, 8]);
        assert_eq!(elements.element().unwrap().bytes, [4, 5, 6]);
        assert!(elements.is_at_end() && elements.element().is_err());
        bytes[2] = 5;
        assert!(Elements::new(&bytes, ByteOrder::Little).element().is_err());
    }
}
