//! Images of the Kyoto Natural Image Dataset (Doi et al. 2003): MATLAB 5 files with the nonlinear
//! cone responses OL, OM and OS.

use std::path::Path;

use anyhow::{Context, Result, anyhow, bail, ensure};
use matfile::{Array, MatFile, NumericData};

use super::window::Planes;

/// The variables of the cone classes L, M and S.
const CONES: [&str; 3] = ["OL", "OM", "OS"];

/// Reads the responses of one image; a single colour is M.
///
/// # Errors
/// Where the file is not one of MATLAB 5, is cut short, or lacks a variable; where values are not
/// real and finite; where variables differ in size.
pub fn read(path: &Path, bytes: &[u8], colours: i64) -> Result<Planes> {
    let name = path.display().to_string();
    if bytes.starts_with(b"MATLAB 7.3") || bytes.starts_with(b"\x89HDF") {
        bail!("{name}: a MATLAB 7.3 file; save it again with save(..., '-v7')");
    }
    ensure!(bytes.starts_with(b"MATLAB 5.0"), "{name}: not a MATLAB 5 file");
    // The parser's own message would print the bytes that it stopped at.
    let file = MatFile::parse(bytes)
        .map_err(|_| anyhow!("{name}: the MATLAB file is damaged or cut short"))?;
    let wanted = if colours == 1 { &CONES[1..2] } else { &CONES[..] };
    let mut size = None;
    let mut planes = Vec::new();
    for variable in wanted {
        let Some(array) = file.find_by_name(variable) else {
            let found: Vec<&str> = file.arrays().iter().map(Array::name).collect();
            // The parser takes the end of a file that is cut short for its end.
            let found = found.join(", ");
            bail!("{name}: no variable {variable} (there are: {found}), or it is cut short");
        };
        let (plane, found) = matrix(array).with_context(|| format!("{name}: {variable}"))?;
        let expected = *size.get_or_insert(found);
        ensure!(
            found == expected,
            "{name}: {variable} is {} x {}, the others are {} x {}",
            found.0,
            found.1,
            expected.0,
            expected.1
        );
        planes.push(plane);
    }
    let (height, width) = size.unwrap_or_default();
    Ok(Planes { name, height, width, colours: planes })
}

/// A matrix row by row, with its rows and columns. MATLAB has it column by column.
fn matrix(array: &Array) -> Result<(Vec<f32>, (usize, usize))> {
    let [height, width] = array.size()[..] else {
        bail!("{} axes, expected a matrix", array.ndims());
    };
    let values = reals(array.data())?;
    ensure!(values.len() == height * width && !values.is_empty(), "its values are cut short");
    ensure!(values.iter().all(|value| value.is_finite()), "a value is not finite");
    let place = |i: usize| values[(i % width) * height + i / width];
    Ok(((0..height * width).map(place).collect(), (height, width)))
}

/// Real values as f32, whatever the type that they are stored in.
fn reals(data: &NumericData) -> Result<Vec<f32>> {
    macro_rules! convert {
        ($($kind:ident),*) => {
            match data {
                $(NumericData::$kind { real, imag: None } => {
                    real.iter().map(|value| *value as f32).collect()
                })*
                _ => bail!("complex numbers, expected real ones"),
            }
        };
    }
    Ok(convert!(Double, Single, UInt8, UInt16, UInt32, UInt64, Int8, Int16, Int32, Int64))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lab::error::one_line;

    /// Made by `scripts/reference/kyoto.py` with SciPy: the cone classes L, M, S are numbered 0,
    /// 1, 2, and the value at row i and column j of class c is (c + 10 i + j) / 64, 3 x 5.
    const PLAIN: &[u8] = include_bytes!("../../../tests/reference/kyoto.mat");
    const COMPRESSED: &[u8] = include_bytes!("../../../tests/reference/kyoto_compressed.mat");

    #[test]
    fn the_values_are_scipys() {
        for bytes in [PLAIN, COMPRESSED] {
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
