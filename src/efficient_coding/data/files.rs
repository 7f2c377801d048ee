//! Images from files: the pictures of a folder.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, anyhow, bail};
use serde_json::{Value, json};

use super::images::Images;
use super::parallel::in_parallel;
use super::patch::PatchShape;
use super::split::{SplitImages, is_held_out};
use super::window::Planes;
use super::{kyoto, picture};
use crate::lab::store::durable::sha256_of;
use crate::lab::store::regular;

/// A file with its content.
pub struct ImageFile {
    /// Where it is.
    pub path: PathBuf,
    /// The SHA-256 of its content.
    pub sha256: String,
    bytes: Vec<u8>,
}

impl ImageFile {
    /// Reads a file, whatever is in it.
    ///
    /// # Errors
    /// Where it can't be read, or is none.
    pub fn read(path: &Path) -> std::io::Result<Self> {
        let bytes = regular::read_any_length(path)?;
        Ok(Self { path: path.to_path_buf(), sha256: sha256_of(&[&bytes]), bytes })
    }
}

/// Patches of all image files in a folder, the last and every fourth before it in the order of their
/// names held out. Files .jpg, .jpeg and .png are read as
/// pictures, .mat as of the Kyoto set. What is hidden in a folder (macOS leaves a `._a.jpg` beside
/// `a.jpg`), or is no file, is passed over whatever its name ends in.
///
/// # Errors
/// Where there is no image, or a single one, or one is damaged; as [`Images::new`].
pub fn own(path: &Path, shape: PatchShape, downsample: Option<u32>) -> Result<Images> {
    let mut paths = Vec::new();
    if path.is_dir() {
        for entry in fs::read_dir(path).with_context(|| path.display().to_string())? {
            let path = entry?.path();
            if is_hidden(&path) || !(is_picture(&path) || is_matlab(&path)) {
                continue;
            }
            // A link to a file that is gone is an error: its picture is missing.
            let found = fs::metadata(&path).with_context(|| path.display().to_string())?;
            if found.is_file() {
                paths.push(path);
            }
        }
    } else {
        paths.push(path.to_path_buf());
    }
    if paths.is_empty() {
        bail!("--data {}: no .jpg, .png or .mat file in it", path.display());
    }
    paths.sort();
    let files = in_parallel(&paths, |path| {
        let file = ImageFile::read(path);
        file.map_err(|error| anyhow!("the image {} can't be read: {error}", path.display()))
    });
    let files = files.into_iter().collect::<Result<Vec<_>>>()?;
    build(&path.display().to_string(), &files, shape, downsample.map_or(1, |side| side as usize))
}

fn has_extension(path: &Path, known: &[&str]) -> bool {
    let extension = path.extension().map(|extension| extension.to_string_lossy().to_lowercase());
    extension.is_some_and(|extension| known.contains(&extension.as_str()))
}

fn is_hidden(path: &Path) -> bool {
    path.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(b"."))
}

/// Whether a name is that of a picture.
pub fn is_picture(path: &Path) -> bool {
    has_extension(path, &["jpg", "jpeg", "png"])
}

fn is_matlab(path: &Path) -> bool {
    has_extension(path, &["mat"])
}

/// Patches of files of images, the last and every fourth before it held out.
///
/// - name: what the record and errors call them all
///
/// # Errors
/// Where a file is damaged, or there is a single one; as [`Images::new`].
pub fn build(
    name: &str,
    files: &[ImageFile],
    shape: PatchShape,
    downsample: usize,
) -> Result<Images> {
    let images = in_parallel(files, |ImageFile { path, bytes, .. }| {
        if is_matlab(path) {
            kyoto::read(path, bytes, shape.colours)
        } else {
            picture::decode(path, bytes, downsample, shape.colours)
        }
    });
    let images = images.into_iter().collect::<Result<Vec<Planes>>>()?;
    let record: Vec<Value> = images
        .iter()
        .zip(files)
        .enumerate()
        .map(|(index, (image, file))| {
            json!({
                "file": file.path.display().to_string(),
                "sha256": file.sha256,
                "height": image.height,
                "width": image.width,
                "held_out": is_held_out(index, files.len()),
            })
        })
        .collect();
    let source = json!({
        "name": name,
        "files": record,
        "downsample": downsample,
        "colours": if shape.colours == 1 { "M" } else { "L, M, S" },
        "calibrated": "no: a picture's camera is unknown; .mat values are taken as they are",
    });
    let images = SplitImages::by_order(images).ok_or_else(|| {
        anyhow!(
            "--data {name}: a single picture, and evaluations need one that nothing is learnt from: \
             give a folder of two or more, or cut it into several"
        )
    })?;
    Images::new(shape, images, source)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::efficient_coding::data::PatchSource;
    use crate::lab::error::one_line;

    const SHAPE: PatchShape = PatchShape { kernel: 3, colours: 3, masked: true };

    fn mat() -> &'static [u8] {
        include_bytes!("../../../tests/reference/kyoto.mat")
    }

    #[test]
    fn a_folder_of_files_is_an_ensemble() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("b.mat"), mat()).unwrap();
        fs::write(folder.path().join("notes.txt"), "not an image").unwrap();
        let picture = image::RgbImage::from_fn(12, 9, |x, y| {
            image::Rgb([(17 * x + y) as u8, (20 * x) as u8, (200 - 20 * y) as u8])
        });
        picture.save(folder.path().join("a.PNG")).unwrap();
        picture.save(folder.path().join("c.jpg")).unwrap();
        let images = own(folder.path(), SHAPE, None).unwrap();
        let source = images.provenance();
        let sizes: Vec<u64> =
            (0..3).map(|i| source["files"][i]["width"].as_u64().unwrap()).collect();
        assert_eq!(sizes, [12, 5, 12]);
        let held_out: Vec<bool> =
            (0..3).map(|i| source["files"][i]["held_out"].as_bool().unwrap()).collect();
        assert_eq!(held_out, [false, false, true]);
        assert!(source["covariance"].as_str().unwrap().starts_with("exact: all 73 patches"));
        assert_eq!(images.covariance().unwrap().size(), [27, 27]);
    }

    #[test]
    fn what_is_hidden_or_no_file_is_passed_over() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("a.mat"), mat()).unwrap();
        fs::write(folder.path().join("._a.mat"), b"\0\x05\x16\x07\0\x02\0\0Mac OS X").unwrap();
        fs::write(folder.path().join(".DS_Store"), b"\0\0\0\x01Bud1").unwrap();
        fs::create_dir(folder.path().join("holidays.jpg")).unwrap();
        let line = one_line(&own(folder.path(), SHAPE, None).err().unwrap());
        assert!(line.contains(": a single picture"), "{line}");
        fs::write(folder.path().join("c.mat"), mat()).unwrap();
        let images = own(folder.path(), SHAPE, None).unwrap();
        assert_eq!(images.provenance()["files"].as_array().unwrap().len(), 2);
        std::os::unix::fs::symlink("gone.png", folder.path().join("b.png")).unwrap();
        let line = one_line(&own(folder.path(), SHAPE, None).err().unwrap());
        assert!(line.contains("b.png: No such file"), "{line}");
    }

    #[test]
    fn what_is_wrong_with_a_folder_is_one_line() {
        let folder = tempfile::tempdir().unwrap();
        let line = |shape: PatchShape| one_line(&own(folder.path(), shape, None).err().unwrap());
        assert!(line(SHAPE).contains("no .jpg, .png or .mat file"));
        fs::write(folder.path().join("b.mat"), mat()).unwrap();
        fs::write(folder.path().join("c.mat"), mat()).unwrap();
        let large = PatchShape { kernel: 4, ..SHAPE };
        assert!(line(large).contains("--kernel-size 4: ") && line(large).contains("5 x 3 pixels"));
        fs::write(folder.path().join("a.jpg"), b"\xff\xd8\xff\xe0 and nothing more").unwrap();
        let found = line(SHAPE);
        assert!(found.contains("a.jpg: not a whole picture") && !found.contains('\n'), "{found}");
        let missing = folder.path().join("none.jpg");
        assert!(one_line(&own(&missing, SHAPE, None).err().unwrap()).contains("can't be read"));
    }
}
