//! The photographs that `scripts/data` fetches.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context, Result, anyhow, ensure};
use serde::Deserialize;

use super::files::{ImageFile, build, is_picture};
use super::images::Images;
use super::parallel::in_parallel;
use super::patch::PatchShape;
use crate::data::advice;

/// Every file with its SHA-256, and where `scripts/data` gets it from.
const MANIFEST: &str = include_str!("photos.json");
/// Pixels of a photograph that become one, along each side: what JPEG, demosaicing and sharpening
/// have made of neighbouring pixels is averaged away.
const DOWNSAMPLE: usize = 3;

/// The part of the manifest that matters here.
#[derive(Deserialize)]
struct Manifest {
    /// By name, in the order of their bytes.
    files: BTreeMap<String, KnownFile>,
}

/// The content of a file.
#[derive(Deserialize)]
struct KnownFile {
    /// None for a licence's text, which may be of another version.
    sha256: Option<String>,
}

/// A photograph as it has to be.
struct KnownPicture {
    name: String,
    sha256: String,
}

/// Patches of the photographs under `data_dir`.
///
/// # Errors
/// Where a photograph is missing or not the known one; as [`Images::new`].
pub fn open(data_dir: &Path, shape: PatchShape, downsample: Option<u32>) -> Result<Images> {
    let folder = std::path::absolute(data_dir).unwrap_or(data_dir.into()).join("photos");
    let advice = advice("photos");
    let files = in_parallel(&known()?, |KnownPicture { name, sha256 }| {
        let file = ImageFile::read(&folder.join(name));
        let file = file.map_err(|error| {
            let path = folder.join(name);
            anyhow!("the photograph {} can't be read: {error}; {advice}", path.display())
        })?;
        let (path, found) = (file.path.display(), &file.sha256);
        ensure!(found == sha256, "{path}: its SHA-256 is {found}; {advice}");
        Ok(file)
    });
    let files = files.into_iter().collect::<Result<Vec<_>>>()?;
    build("photos", &files, shape, downsample.map_or(DOWNSAMPLE, |side| side as usize))
}

/// The photographs, in the order of their names.
fn known() -> Result<Vec<KnownPicture>> {
    let manifest: Manifest =
        serde_json::from_str(MANIFEST).context("a manifest that is compiled into the program")?;
    let files = manifest.files.into_iter().filter(|(name, _)| is_picture(Path::new(name)));
    let known = files.map(|(name, file)| {
        let sha256 = file.sha256.with_context(|| format!("{name} has no SHA-256"))?;
        Ok(KnownPicture { name, sha256 })
    });
    known.collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::efficient_coding::data::split::is_held_out;

    #[test]
    fn thirty_photographs_are_learnt_from_and_eleven_held_out() {
        let names: Vec<String> = known().unwrap().into_iter().map(|known| known.name).collect();
        let held_out: Vec<&str> = (0..names.len())
            .filter(|index| is_held_out(*index, names.len()))
            .map(|index| names[index].as_str())
            .collect();
        assert_eq!(names.len() - held_out.len(), 30);
        let expected = [
            "Aqua.jpg",
            "ColdRipple.jpg",
            "EveningGlow.jpg",
            "GreenMeadow.jpg",
            "LadyBird.jpg",
            "Picture_1A_by_freespace.jpg",
            "Wine_by_Jakkub_Mede.jpg",
            "aitzgorri_by_Aitzol_Berasategi.jpg",
            "european-honey-bee.jpg",
            "panther-chameleon-female.jpg",
            "this-is-not-windows.jpg",
        ];
        assert_eq!(held_out, expected);
    }

    #[test]
    fn a_photograph_that_is_missing_is_one_line() {
        let folder = tempfile::tempdir().unwrap();
        let shape = PatchShape { kernel: 3, colours: 1, masked: true };
        let error = open(folder.path(), shape, None).err().unwrap();
        let line = crate::lab::error::one_line(&error);
        assert!(line.contains("Aqua.jpg can't be read"), "{line}");
        assert!(line.contains("scripts/data photos") && !line.contains('\n'), "{line}");
    }
}
