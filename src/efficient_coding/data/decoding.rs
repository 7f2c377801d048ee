//! Files of pictures as pixels: whole, upright, and of a size that memory can bear.

use std::io::Cursor;

use anyhow::{Context, Result, bail, ensure};
use image::codecs::jpeg::JpegDecoder;
use image::{ColorType, DynamicImage, GrayImage, ImageDecoder, ImageReader, RgbImage};
use zune_jpeg::zune_core::bytestream::ZCursor;
use zune_jpeg::zune_core::colorspace::ColorSpace;
use zune_jpeg::zune_core::options::DecoderOptions;

/// The most pixels of a picture: a compressed file of some kilobytes can have as many as its header
/// says, and each takes some 16 bytes until it is a cone response. No camera of full format has more.
const MOST_PIXELS: u64 = 1 << 26;
const DAMAGED: &str = "not a whole picture";

/// Decodes a JPEG or PNG, and turns it as its EXIF data say.
///
/// # Errors
/// Where the file is damaged, cut short or not a picture; where it has more than [`MOST_PIXELS`].
pub fn decode(bytes: &[u8]) -> Result<DynamicImage> {
    if bytes.starts_with(&[0xff, 0xd8]) { jpeg(bytes) } else { other(bytes) }
}

/// Decodes a JPEG. The decoder of `image` takes what is missing in a damaged one for grey, so that
/// the same decoder is asked here, for the same pixels, to be strict.
fn jpeg(bytes: &[u8]) -> Result<DynamicImage> {
    let mut header = JpegDecoder::new(Cursor::new(bytes)).context(DAMAGED)?;
    let (width, height) = header.dimensions();
    ensure_bearable(width, height)?;
    let orientation = header.orientation().context(DAMAGED)?;
    ensure!(reaches_its_end(bytes), "{DAMAGED}: the file ends before the picture does");
    let grey = header.color_type() == ColorType::L8;
    let options = DecoderOptions::default()
        .jpeg_set_out_colorspace(if grey { ColorSpace::Luma } else { ColorSpace::RGB })
        .set_max_width(usize::MAX)
        .set_max_height(usize::MAX)
        .set_strict_mode(true);
    let mut decoder = zune_jpeg::JpegDecoder::new_with_options(ZCursor::new(bytes), options);
    let samples = decoder.decode().context(DAMAGED)?;
    let picture = if grey {
        GrayImage::from_raw(width, height, samples).map(DynamicImage::from)
    } else {
        RgbImage::from_raw(width, height, samples).map(DynamicImage::from)
    };
    let mut picture = picture.context("the decoder gave fewer pixels than the header says")?;
    picture.apply_orientation(orientation);
    Ok(picture)
}

/// Decodes what `image` knows besides JPEG, which checks its checksums itself.
fn other(bytes: &[u8]) -> Result<DynamicImage> {
    let reader = ImageReader::new(Cursor::new(bytes)).with_guessed_format()?;
    let mut decoder = reader.into_decoder().context(DAMAGED)?;
    let (width, height) = decoder.dimensions();
    ensure_bearable(width, height)?;
    let orientation = decoder.orientation().context(DAMAGED)?;
    let mut picture = DynamicImage::from_decoder(decoder).context(DAMAGED)?;
    picture.apply_orientation(orientation);
    Ok(picture)
}

fn ensure_bearable(width: u32, height: u32) -> Result<()> {
    if u64::from(width) * u64::from(height) > MOST_PIXELS {
        bail!(
            "{width} x {height} pixels, more than {MOST_PIXELS} in all: make it smaller, or cut it \
             into several pictures"
        )
    }
    Ok(())
}

/// Whether the segments of a JPEG go on to the marker of its end. No segment's content is looked
/// into, so that the end of a thumbnail doesn't count.
fn reaches_its_end(bytes: &[u8]) -> bool {
    let mut rest = bytes;
    while let Some(marker) = rest.iter().position(|byte| *byte == 0xff) {
        rest = &rest[marker + 1..];
        rest = match rest {
            [0xd9, ..] => return true,
            // Bytes that fill up before a marker.
            [0xff, ..] => rest,
            // A byte 0xff of the compressed pixels, and the markers that have no content.
            [0x00 | 0x01 | 0xd0..=0xd8, after @ ..] => after,
            [_, high, low, ..] => {
                let length = usize::from(u16::from_be_bytes([*high, *low]));
                rest.get(1 + length..).unwrap_or_default()
            }
            _ => return false,
        };
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lab::error::one_line;
    use image::ImageFormat;

    /// Made by `scripts/reference/pictures.py` with Pillow: 48 x 32 pixels of a slope, the upper
    /// left quarter dark.
    const BASELINE: &[u8] = include_bytes!("../../../tests/reference/baseline.jpg");
    const PROGRESSIVE: &[u8] = include_bytes!("../../../tests/reference/progressive.jpg");
    /// The same pixels, turned, with the EXIF orientation 6, "turn it clockwise to see it".
    const TURNED: &[u8] = include_bytes!("../../../tests/reference/turned.jpg");

    fn refusal(bytes: &[u8]) -> String {
        one_line(&decode(bytes).unwrap_err())
    }

    #[test]
    fn a_whole_jpeg_has_the_pixels_of_the_lenient_decoder() {
        for bytes in [BASELINE, PROGRESSIVE] {
            let expected = image::load_from_memory(bytes).unwrap();
            assert_eq!(decode(bytes).unwrap(), expected);
        }
        let mut grey = Cursor::new(Vec::new());
        let luma = DynamicImage::from(image::load_from_memory(BASELINE).unwrap().to_luma8());
        luma.write_to(&mut grey, ImageFormat::Jpeg).unwrap();
        let grey = grey.into_inner();
        assert_eq!(decode(&grey).unwrap(), image::load_from_memory(&grey).unwrap());
    }

    #[test]
    fn a_jpeg_that_breaks_off_anywhere_is_refused() {
        for bytes in [BASELINE, PROGRESSIVE] {
            for length in 0..bytes.len() {
                let line = refusal(&bytes[..length]);
                assert!(line.contains(DAMAGED), "{length}: {line}");
            }
        }
        // What follows the end, as of a film in the same file, is none of the picture's.
        assert!(decode(&[BASELINE, b"\xff\xe1 and more"].concat()).is_ok());
    }

    #[test]
    fn a_picture_is_turned_as_its_exif_data_say() {
        let (turned, plain) = (decode(TURNED).unwrap(), decode(BASELINE).unwrap());
        assert_eq!((turned.width(), turned.height()), (48, 32));
        let (turned, plain) = (turned.to_luma8(), plain.to_luma8());
        let pairs = turned.iter().zip(plain.iter());
        let error = pairs.map(|(a, b)| a.abs_diff(*b)).max().unwrap();
        assert!(error < 24, "{error}");
    }

    #[test]
    fn a_picture_that_memory_could_not_bear_is_refused_by_its_header() {
        let mut header = b"\x89PNG\r\n\x1a\n\0\0\0\x0dIHDR".to_vec();
        header.extend([20_000u32.to_be_bytes(), 20_000u32.to_be_bytes()].concat());
        header.extend([8, 2, 0, 0, 0]);
        header.extend(crc32(&header[12..]).to_be_bytes());
        header.extend(b"\0\0\0\0IDAT");
        header.extend(crc32(b"IDAT").to_be_bytes());
        let line = refusal(&header);
        assert!(line.starts_with("20000 x 20000 pixels, more than 67108864"), "{line}");
        let mut wide = BASELINE.to_vec();
        let frame = wide.windows(2).position(|marker| marker == b"\xff\xc0").unwrap();
        wide[frame + 5..frame + 9].copy_from_slice(&[0xff; 4]);
        let line = refusal(&wide);
        assert!(line.starts_with("65535 x 65535 pixels"), "{line}");
    }

    fn crc32(bytes: &[u8]) -> u32 {
        let mut sum = flate2::Crc::new();
        sum.update(bytes);
        sum.sum()
    }
}
