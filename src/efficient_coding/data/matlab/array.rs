//! The arrays of a MATLAB 5 file.

use std::borrow::Cow;
use std::io::Read;

use anyhow::{Context, Result, bail, ensure};
use flate2::bufread::ZlibDecoder;

use super::elements::{ByteOrder, Elements, kind, reals};

/// The bytes that the type and the length of an element take.
const TAG: usize = 8;
/// All that a compressed array says of itself before its values is in so many bytes.
const BEGINNING: u64 = 4096;
/// The most values of a compressed array: a thousand times as many bytes as the file has may come
/// out of it, and 8 for each that is one byte there.
const MOST_VALUES: usize = 1 << 24;

/// The classes of arrays of numbers in memory: double, single, and integers of 8 to 64 bits.
const NUMBERS: std::ops::RangeInclusive<u32> = 6..=15;
const SPARSE: u32 = 5;
/// An object of a class of MATLAB, whose array has no shape.
const OPAQUE: u32 = 17;
/// The bit of the flags of an array that is of complex numbers.
const COMPLEX: u32 = 0x0800;

/// A matrix of real numbers.
#[derive(Debug)]
pub struct Matrix {
    /// Its rows.
    pub height: usize,
    /// Its columns.
    pub width: usize,
    /// Its values, column by column.
    pub values: Vec<f64>,
}

/// An array that has not been unpacked.
#[derive(Debug)]
pub struct Array<'a> {
    /// Its name; empty where none can be read.
    pub name: String,
    bytes: &'a [u8],
    compressed: bool,
}

impl<'a> Array<'a> {
    /// The array in the bytes of an element.
    pub fn new(bytes: &'a [u8], compressed: bool, order: ByteOrder) -> Self {
        let mut array = Self { name: String::new(), bytes, compressed };
        // What can't be read is no matrix of numbers, or will be missed by its name.
        if let Ok(beginning) = array.beginning(order) {
            let head = Head::read(&mut Elements::new(&beginning, order));
            array.name = head.map(|head| head.name).unwrap_or_default();
        }
        array
    }

    /// The first bytes of the array, all that it says of itself among them.
    fn beginning(&self, order: ByteOrder) -> Result<Cow<'a, [u8]>> {
        if !self.compressed {
            return Ok(self.bytes.into());
        }
        let mut bytes = Vec::new();
        // The end may be damaged; what matters is whether the name comes before it.
        let read = ZlibDecoder::new(self.bytes).take(BEGINNING).read_to_end(&mut bytes);
        ensure!(read.is_ok() || bytes.len() > TAG, "the compressed bytes are damaged");
        let mut elements = Elements::new(&bytes, order);
        elements.tag(kind::MATRIX)?;
        Ok(bytes.split_off(TAG).into())
    }

    /// All bytes of the array.
    fn unpacked(&self, order: ByteOrder) -> Result<Cow<'a, [u8]>> {
        if !self.compressed {
            return Ok(self.bytes.into());
        }
        let mut decoder = ZlibDecoder::new(self.bytes);
        let mut tag = [0; TAG];
        decoder.read_exact(&mut tag).context("its compressed bytes are damaged")?;
        let length = Elements::new(&tag, order).tag(kind::MATRIX)? as u64;
        ensure!(length <= BEGINNING + 8 * MOST_VALUES as u64, "it is longer than its shape says");
        let mut bytes = Vec::new();
        // One byte more than is said, so that the checksum behind the last one is read.
        let read = decoder.take(length + 1).read_to_end(&mut bytes);
        read.context("its compressed bytes are damaged")?;
        ensure!(bytes.len() as u64 >= length, "its compressed bytes are cut short");
        Ok(bytes.into())
    }

    /// The array as a matrix of real numbers.
    ///
    /// # Errors
    /// Where it is none, its compressed bytes are damaged, or there are more than [`MOST_VALUES`].
    pub fn matrix(&self, order: ByteOrder) -> Result<Matrix> {
        let beginning = self.beginning(order)?;
        let head = Head::read(&mut Elements::new(&beginning, order))?;
        let [height, width] = head.matrix()?;
        let count = height.saturating_mul(width);
        ensure!(
            !self.compressed || count <= MOST_VALUES,
            "{height} x {width} compressed values, more than {MOST_VALUES}: save it again without \
             compression, by save(..., '-v6')"
        );
        let bytes = self.unpacked(order)?;
        let mut elements = Elements::new(&bytes, order);
        Head::read(&mut elements)?;
        let stored = elements.element()?;
        ensure!(stored.bytes.len() <= count.saturating_mul(8), "more values than its shape says");
        let values = reals(&stored, order)?;
        ensure!(values.len() == count && count > 0, "its values are cut short");
        Ok(Matrix { height, width, values })
    }
}

/// What an array says of itself before its values.
struct Head {
    class: u32,
    complex: bool,
    shape: Vec<usize>,
    name: String,
}

impl Head {
    fn read(elements: &mut Elements) -> Result<Self> {
        let flags = elements.integers(kind::UINT32)?;
        let [flags, ..] = flags[..] else { bail!("it has no flags") };
        let class = flags & 0xff;
        let shape = if class == OPAQUE { Vec::new() } else { elements.integers(kind::INT32)? };
        let shape = shape.into_iter().map(|length| length as usize).collect();
        let name = String::from_utf8_lossy(elements.element()?.bytes).into_owned();
        Ok(Self { class, complex: flags & COMPLEX != 0, shape, name })
    }

    /// Rows and columns of a matrix of real numbers.
    fn matrix(&self) -> Result<[usize; 2]> {
        ensure!(self.class != SPARSE, "a sparse matrix, expected a full one");
        ensure!(NUMBERS.contains(&self.class), "no numbers, expected a matrix of them");
        ensure!(!self.complex, "complex numbers, expected real ones");
        let [height, width] = self.shape[..] else {
            bail!("{} axes, expected a matrix", self.shape.len());
        };
        Ok([height, width])
    }
}
