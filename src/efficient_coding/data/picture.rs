//! Pictures of cameras as cone responses.

use std::path::Path;

use anyhow::{Context, Result, ensure};
use image::DynamicImage;

use super::colour::{cones, light};
use super::decoding;
use super::window::Planes;

/// Decodes a JPEG or PNG, upright: from sRGB to light, averaged over squares of `downsample`
/// pixels, to cone responses L, M, S, and through r = 1 − exp(−κ l) with the κ that makes the median
/// of every cone class 0.5, as in the Kyoto set (Doi et al. 2003). A single colour is M.
///
/// # Errors
/// Where the file is damaged, too large or not a picture, is black, or smaller than a square of
/// `downsample` pixels.
pub fn decode(path: &Path, bytes: &[u8], downsample: usize, colours: i64) -> Result<Planes> {
    let name = path.display().to_string();
    let picture = decoding::decode(bytes).with_context(|| name.clone())?;
    let (width, height) = (picture.width() as usize, picture.height() as usize);
    ensure!(
        width >= downsample && height >= downsample,
        "{name}: {width} x {height} pixels, too few for --downsample {downsample}"
    );
    let size = Size { width, height };
    let mut planes = match picture {
        DynamicImage::ImageLuma16(_)
        | DynamicImage::ImageLumaA16(_)
        | DynamicImage::ImageRgb16(_)
        | DynamicImage::ImageRgba16(_) => {
            averaged(picture.into_rgb16().as_raw(), size, downsample, &light(16))
        }
        _ => averaged(picture.into_rgb8().as_raw(), size, downsample, &light(8)),
    };
    if colours == 1 {
        planes = vec![planes.swap_remove(1)];
    }
    for plane in &mut planes {
        let half = median(plane);
        ensure!(half > 0.0, "{name}: at least half of the picture is black");
        let constant = std::f32::consts::LN_2 / half;
        plane.iter_mut().for_each(|l| *l = 1.0 - (-constant * *l).exp());
    }
    let (width, height) = (width / downsample, height / downsample);
    Ok(Planes { name, height, width, colours: planes })
}

/// Pixels of a picture along each axis.
#[derive(Clone, Copy)]
struct Size {
    width: usize,
    height: usize,
}

/// Cone responses to the light averaged over squares: `[cone][row * column]`.
///
/// - samples: sRGB values, `[row * column * channel]`
/// - side: the side of a square, in pixels
/// - light: the light of every sRGB value, as [`light`] gives it
fn averaged<T: Copy + Into<usize>>(
    samples: &[T],
    size: Size,
    side: usize,
    light: &[f32],
) -> Vec<Vec<f32>> {
    let Size { width, height } = size;
    let (rows, columns) = (height / side, width / side);
    let mut planes = vec![vec![0.0; rows * columns]; 3];
    let share = 1.0 / (side * side) as f32;
    for row in 0..rows {
        let mut sums = vec![[0.0f32; 3]; columns];
        for y in row * side..(row + 1) * side {
            let line = &samples[3 * y * width..3 * (y + 1) * width];
            for (x, pixel) in line.chunks_exact(3).take(columns * side).enumerate() {
                let sum = &mut sums[x / side];
                for (sum, value) in sum.iter_mut().zip(pixel) {
                    *sum += light[(*value).into()];
                }
            }
        }
        for (column, sum) in sums.into_iter().enumerate() {
            let response = cones(sum.map(|sum| sum * share));
            for (plane, response) in planes.iter_mut().zip(response) {
                plane[row * columns + column] = response;
            }
        }
    }
    planes
}

fn median(values: &[f32]) -> f32 {
    let mut sorted = values.to_vec();
    let middle = sorted.len() / 2;
    *sorted.select_nth_unstable_by(middle, f32::total_cmp).1
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Cursor;

    fn png(picture: &DynamicImage) -> Vec<u8> {
        let mut bytes = Cursor::new(Vec::new());
        picture.write_to(&mut bytes, image::ImageFormat::Png).unwrap();
        bytes.into_inner()
    }

    /// Two columns of squares: black and white stripes, and a middle grey.
    fn stripes() -> image::RgbImage {
        image::RgbImage::from_fn(4, 6, |x, _| {
            image::Rgb([[0u8; 3], [255; 3], [188; 3], [188; 3]][x as usize])
        })
    }

    #[test]
    fn light_is_averaged_before_it_is_compressed() {
        let bytes = png(&DynamicImage::ImageRgb8(stripes()));
        let planes = decode(Path::new("a.png"), &bytes, 2, 3).unwrap();
        assert_eq!((planes.width, planes.height, planes.colours.len()), (2, 3, 3));
        for plane in &planes.colours {
            // Half of the light on both sides, so that both are at the median.
            assert!(plane.iter().all(|r| (r - 0.5).abs() < 0.005), "{plane:?}");
        }
        let wide = DynamicImage::ImageRgb8(stripes()).into_rgb16();
        let wide = png(&DynamicImage::ImageRgb16(wide));
        let same = decode(Path::new("a.png"), &wide, 2, 3).unwrap();
        for (one, two) in planes.colours.iter().flatten().zip(same.colours.iter().flatten()) {
            assert!((one - two).abs() < 1e-5, "{one} {two}");
        }
        let middle = decode(Path::new("a.png"), &bytes, 1, 1).unwrap();
        assert_eq!(middle.colours.len(), 1);
    }

    #[test]
    fn damage_is_one_line_with_the_files_name() {
        let bytes = png(&DynamicImage::ImageRgb8(stripes()));
        let black = png(&DynamicImage::ImageRgb8(image::RgbImage::new(4, 4)));
        for (bytes, downsample, part) in [
            (&bytes[..bytes.len() / 2], 1, "not a whole picture"),
            (b"GIF89a...".as_slice(), 1, "not a whole picture"),
            (&bytes, 9, "--downsample 9"),
            (&black, 1, "black"),
        ] {
            let error = decode(Path::new("a.png"), bytes, downsample, 3).unwrap_err();
            let line = crate::lab::error::one_line(&error);
            assert!(line.starts_with("a.png: ") && line.contains(part), "{line}");
            assert!(!line.contains('\n'), "{line}");
        }
    }
}
