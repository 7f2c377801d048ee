//! Images from files: a picture, a folder of them, or the photographs that `scripts/data` fetches.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, anyhow, bail, ensure};
use serde_json::json;

use super::images::Images;
use super::patch::PatchShape;
use super::split::{SplitImages, is_held_out};
use super::window::Planes;
use super::{kyoto, picture};
use crate::data::advice;
use crate::lab::store::durable::sha256_of;
use crate::lab::store::regular;

/// The photographs of `scripts/data photos`, with the SHA-256 of each.
const PHOTOS: [(&str, &str); 7] = [
    ("Dragonfly_by_Bolly.jpg", "af5af17841009732def24b09bb1e669a1b09d2b4bdeee7812c371101c30d2bb3"),
    (
        "aitzgorri_by_Aitzol_Berasategi.jpg",
        "66268e7b48f8854d36a28765fac6e23ec1aee251daa6da1f64715f201020ad36",
    ),
    (
        "friends_by_Aitzol_Berasategi.jpg",
        "cc40e313c74e421edffe3403def413c16878ce14661cce7ec5915baeab35538d",
    ),
    (
        "life_by_Aitzol_Berasategi.jpg",
        "4c119350ead80201fe256850c3d316309ddfb4bdf10b235ce982dcde0c667c05",
    ),
    (
        "picosdeeuropa_by_Aitzol_Berasategi.jpg",
        "414d0072b2f6f2c555deafeaef6e45c4fed6fa9ad26eba6560ca8803959cf97a",
    ),
    (
        "seeding_by_Clements_Engelhardt.jpg",
        "a5634d1ab5e41a3568e92d4a894a500c92b891f9ff734e50bd224d6e185a605f",
    ),
    (
        "sunset_by_Aitzol_Berasategi.jpg",
        "474dab6a4b9f94dc76c29dfe30e9f5db4af0fd2e33fe5d695f8152b371efca18",
    ),
];
/// Pixels of a photograph that become one, along each side: what JPEG, demosaicing and sharpening
/// have made of neighbouring pixels is averaged away.
const PHOTO_DOWNSAMPLE: usize = 3;

/// Patches of the photographs under `data_dir`.
///
/// # Errors
/// Where a photograph is missing or not the known one; as [`Images::new`].
pub fn photos(data_dir: &Path, shape: PatchShape, downsample: Option<u32>) -> Result<Images> {
    let folder = std::path::absolute(data_dir).unwrap_or(data_dir.into()).join("photos");
    let advice = advice("photos");
    let mut files = Vec::new();
    for (name, expected) in PHOTOS {
        let path = folder.join(name);
        let bytes = regular::read_any_length(&path).map_err(|error| {
            anyhow!("the photograph {} can't be read: {error}; {advice}", path.display())
        })?;
        let found = sha256_of(&[&bytes]);
        ensure!(found == expected, "{}: its SHA-256 is {found}; {advice}", path.display());
        files.push((path, bytes));
    }
    let downsample = downsample.map_or(PHOTO_DOWNSAMPLE, |side| side as usize);
    build("photos", files, shape, downsample)
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
    let read = |path: PathBuf| match regular::read_any_length(&path) {
        Ok(bytes) => Ok((path, bytes)),
        Err(error) => Err(anyhow!("the image {} can't be read: {error}", path.display())),
    };
    let files = paths.into_iter().map(read).collect::<Result<_>>()?;
    build(&path.display().to_string(), files, shape, downsample.map_or(1, |side| side as usize))
}

fn has_extension(path: &Path, known: &[&str]) -> bool {
    let extension = path.extension().map(|extension| extension.to_string_lossy().to_lowercase());
    extension.is_some_and(|extension| known.contains(&extension.as_str()))
}

fn is_hidden(path: &Path) -> bool {
    path.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(b"."))
}

fn is_picture(path: &Path) -> bool {
    has_extension(path, &["jpg", "jpeg", "png"])
}

fn is_matlab(path: &Path) -> bool {
    has_extension(path, &["mat"])
}

fn build(
    name: &str,
    files: Vec<(PathBuf, Vec<u8>)>,
    shape: PatchShape,
    downsample: usize,
) -> Result<Images> {
    let mut images: Vec<Planes> = Vec::new();
    let mut record = Vec::new();
    let count = files.len();
    for (index, (path, bytes)) in files.into_iter().enumerate() {
        let image = if is_matlab(&path) {
            kyoto::read(&path, &bytes, shape.colours)?
        } else {
            picture::decode(&path, &bytes, downsample, shape.colours)?
        };
        record.push(json!({
            "file": path.display().to_string(),
            "sha256": sha256_of(&[&bytes]),
            "height": image.height,
            "width": image.width,
            "held_out": is_held_out(index, count),
        }));
        images.push(image);
    }
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
        let found = one_line(&photos(folder.path(), SHAPE, None).err().unwrap());
        assert!(found.contains("Dragonfly") && found.contains("scripts/data photos"), "{found}");
        let missing = folder.path().join("none.jpg");
        assert!(one_line(&own(&missing, SHAPE, None).err().unwrap()).contains("can't be read"));
    }
}
