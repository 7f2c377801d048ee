//! Images of the Kyoto Natural Image Dataset (Doi et al. 2003): MATLAB 5 files with the nonlinear
//! cone responses OL, OM and OS.

use std::path::Path;

use anyhow::{Context, Result, bail, ensure};

use super::matlab::{MatFile, Matrix};
use super::window::Planes;

/// The variables of the cone classes L, M and S.
const CONES: [&str; 3] = ["OL", "OM", "OS"];
/// A mean of so many standard deviations leaves f32 four digits for what an image shows.
const LARGEST_OFFSET: f64 = 1e3;
/// Largest values whose squares are far from the ends of f32.
const UNITS: std::ops::Range<f64> = 1e-12..1e12;
/// A standard deviation of so little of the mean is rounding.
const FLAT: f64 = 1e-12;

/// Reads the responses of one image; a single colour is M.
///
/// # Errors
/// Where the file is not one of MATLAB 5, is cut short, or lacks a variable; where values are not
/// real and finite, or too many; where variables differ in size.
pub fn read(path: &Path, bytes: &[u8], colours: i64) -> Result<Planes> {
    let name = path.display().to_string();
    if bytes.starts_with(b"MATLAB 7.3") || bytes.starts_with(b"\x89HDF") {
        bail!("{name}: a MATLAB 7.3 file; save it again with save(..., '-v7')");
    }
    let file = MatFile::parse(bytes).with_context(|| name.clone())?;
    let wanted = if colours == 1 { &CONES[1..2] } else { &CONES[..] };
    let mut size = None;
    let mut planes: Vec<Vec<f64>> = Vec::new();
    for variable in wanted {
        let Matrix { height, width, values } =
            file.matrix(variable).with_context(|| name.clone())?;
        ensure!(
            values.iter().all(|value| value.is_finite()),
            "{name}: {variable}: a value is not finite"
        );
        let expected = *size.get_or_insert((height, width));
        ensure!(
            (height, width) == expected,
            "{name}: {variable} is {height} x {width}, the others are {} x {}",
            expected.0,
            expected.1
        );
        // MATLAB has a matrix column by column.
        let place = |i: usize| values[(i % width) * height + i / width];
        planes.push((0..values.len()).map(place).collect());
    }
    let (height, width) = size.unwrap_or_default();
    Ok(Planes { name, height, width, colours: single(&planes) })
}

/// The values as f32. Where what an image shows is small beside what all its values have in common,
/// or in units that f32 has no room for, mean and unit are taken out first, as of every image later.
fn single(planes: &[Vec<f64>]) -> Vec<Vec<f32>> {
    let largest = planes.iter().flatten().fold(0.0, |most: f64, value| most.max(value.abs()));
    let values = || planes.iter().flatten().map(|value| value / largest);
    let count = values().count() as f64;
    let mean = values().sum::<f64>() / count;
    let sd = (values().map(|value| (value - mean).powi(2)).sum::<f64>() / count).sqrt();
    let as_they_are = mean.abs() < LARGEST_OFFSET * sd && UNITS.contains(&largest);
    let contrast = sd > FLAT * mean.abs();
    let convert = |value: &f64| {
        let value = if as_they_are || !contrast { *value } else { (value / largest - mean) / sd };
        value as f32
    };
    planes.iter().map(|plane| plane.iter().map(convert).collect()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lab::error::one_line;

    /// Made by `scripts/reference/kyoto.py` with SciPy: the cone classes L, M, S are numbered 0,
    /// 1, 2, and the value at row i and column j of class c is (c + 10 i + j) / 64, 3 x 5.
    const PLAIN: &[u8] = include_bytes!("../../../tests/reference/kyoto.mat");
    const COMPRESSED: &[u8] = include_bytes!("../../../tests/reference/kyoto_compressed.mat");
    /// The same beside an integer, a text, a structure, a cell array, and sparse, complex and logical
    /// ones, which come before.
    const MIXED: &[u8] = include_bytes!("../../../tests/reference/kyoto_mixed.mat");
    const MIXED_COMPRESSED: &[u8] =
        include_bytes!("../../../tests/reference/kyoto_mixed_compressed.mat");

    #[test]
    fn the_values_are_scipys() {
        for bytes in [PLAIN, COMPRESSED, MIXED, MIXED_COMPRESSED] {
            let image = read(Path::new("a.mat"), bytes, 3).unwrap();
            assert_eq!((image.height, image.width, image.colours.len()), (3, 5, 3));
            for (c, plane) in image.colours.iter().enumerate() {
                for (i, value) in plane.iter().enumerate() {
                    let expected = (c + 10 * (i / 5) + i % 5) as f32 / 64.0;
                    assert_eq!(*value, expected, "class {c}, value {i}");
                }
            }
            let middle = read(Path::new("a.mat"), bytes, 1).unwrap();
            assert_eq!(middle.colours, image.colours[1..2]);
        }
    }

    /// MATLAB adds an array without a name to a file with a text, a table or a function.
    #[test]
    fn an_array_without_a_name_is_passed_over() {
        let mut nameless = vec![14, 0, 0, 0, 48, 0, 0, 0];
        nameless.extend([6, 0, 0, 0, 8, 0, 0, 0, 9, 0, 0, 0, 0, 0, 0, 0]);
        nameless.extend([5, 0, 0, 0, 8, 0, 0, 0, 1, 0, 0, 0, 3, 0, 0, 0]);
        nameless.extend([1, 0, 0, 0, 0, 0, 0, 0, 2, 0, 3, 0, 1, 2, 3, 0]);
        let bytes = [&PLAIN[..128], &nameless[..], &PLAIN[128..], &nameless[..]].concat();
        let (image, plain) = (read(Path::new("a.mat"), &bytes, 3), read_plain());
        assert_eq!(image.unwrap().colours, plain.colours);
    }

    fn read_plain() -> Planes {
        read(Path::new("a.mat"), PLAIN, 3).unwrap()
    }

    #[test]
    fn an_image_in_any_unit_and_on_any_level_has_its_contrast() {
        let plain: Vec<f64> = read_plain().colours.concat().iter().map(|v| f64::from(*v)).collect();
        let correlation = |found: &[f32]| {
            let found: Vec<f64> = found.iter().map(|value| f64::from(*value)).collect();
            let centred = |values: &[f64]| {
                let mean = values.iter().sum::<f64>() / values.len() as f64;
                values.iter().map(|value| value - mean).collect::<Vec<f64>>()
            };
            let (a, b) = (centred(&plain), centred(&found));
            let product = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
            product(&a, &b) / (product(&a, &a) * product(&b, &b)).sqrt()
        };
        for (unit, offset) in [(1.0, 0.0), (1e-9, 0.0), (1e-300, 0.0), (1e300, 0.0), (1.0, 1e8)] {
            let values = plain.iter().map(|value| value * unit + offset).collect();
            let found = single(&[values]);
            assert!(correlation(&found[0]) > 0.999_999, "{unit}, {offset}: {found:?}");
        }
        // What was right before stays to the bit.
        assert_eq!(single(&[vec![0.1, 0.7]]), [[0.1f64 as f32, 0.7f64 as f32]]);
        assert_eq!(single(&[vec![1e8; 7]]), [[1e8f32; 7]]);
    }

    #[test]
    fn damage_is_one_line_with_the_files_name() {
        let version = [b"MATLAB 7.3 MAT-file".as_slice(), &PLAIN[19..]].concat();
        let mut renamed = PLAIN.to_vec();
        let place = renamed.windows(2).position(|name| name == b"OS").unwrap();
        renamed[place] = b'X';
        let cases: [(&[u8], &str); 5] = [
            (b"not a mat file at all", "not a MATLAB 5 file"),
            (&version, "7.3"),
            (&PLAIN[..100], "cut short"),
            (&COMPRESSED[..COMPRESSED.len() - 30], "cut short"),
            (&renamed, "no variable OS (there are: OL, OM, XS)"),
        ];
        for (bytes, part) in cases {
            let line = one_line(&read(Path::new("a.mat"), bytes, 3).unwrap_err());
            assert!(line.starts_with("a.mat: ") && line.contains(part), "{line}");
            assert!(!line.contains('\n') && line.len() < 200, "{line}");
        }
        // Every length is refused, or has all that is needed.
        for length in 0..PLAIN.len() {
            if let Ok(image) = read(Path::new("a.mat"), &PLAIN[..length], 3) {
                assert_eq!(image.colours[2][14], 46.0 / 64.0, "{length}");
            }
        }
    }
}
