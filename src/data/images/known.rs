//! Image sets whose files are known to the byte.

use std::path::Path;

use anyhow::{Result, anyhow, ensure};
use tch::Device;

use super::folder::read_splits;
use super::image_set::{ImageData, Scale};
use super::splits::assemble;
use crate::data::manifest::Manifest;

/// Loads a known set from the folder of its name under `data_dir`, normalised with `scale`.
///
/// # Errors
/// If a file is missing or is not what the manifest says, with what to do.
pub(super) fn load_known(
    manifest: &str,
    scale: Scale,
    data_dir: &Path,
    device: Device,
) -> Result<ImageData> {
    let manifest = Manifest::parse(manifest)?;
    // In full: a relative one counts from wherever the program was started.
    let folder = std::path::absolute(data_dir).unwrap_or(data_dir.into()).join(&manifest.name);
    let advice = manifest.advice();
    ensure!(folder.is_dir(), "no folder {}: {advice}", folder.display());
    let raw = read_splits(&folder, Some(&manifest));
    let raw = raw.map_err(|error| anyhow!("{error:#}; {advice}"))?;
    assemble(&manifest.name, raw, Some(scale), device)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::super::folder::TRAIN_IMAGES;
    use super::super::idx::tests::encode;
    use super::*;

    const LETTERS: &str = r#"{"name": "letters", "files": {
        "train-images-idx3-ubyte": {"sha256": "ba891046", "shape": [60000, 28, 28]}
    }}"#;

    fn refusal(data_dir: &Path) -> String {
        let scale = Scale { full: 255, mean: 0.0, std: 1.0 };
        format!("{:#}", load_known(LETTERS, scale, data_dir, Device::Cpu).unwrap_err())
    }

    #[test]
    fn a_missing_or_foreign_set_says_what_to_do() {
        let data_dir = tempfile::tempdir().unwrap();
        let folder = data_dir.path().join("letters");
        let advice = "fetch it with `scripts/data letters`, or say with --data-dir where it is";
        let line = refusal(data_dir.path());
        assert_eq!(line, format!("no folder {}: {advice}", folder.display()));
        fs::create_dir(&folder).unwrap();
        fs::write(folder.join(TRAIN_IMAGES), encode(&[1, 28, 28], &[0; 784])).unwrap();
        let line = refusal(data_dir.path());
        assert!(line.contains("1 x 28 x 28, expected 60000 x 28 x 28"), "{line}");
        assert!(line.ends_with(advice), "{line}");
    }

    #[test]
    fn a_set_with_another_content_is_refused_by_its_hash() {
        let data_dir = tempfile::tempdir().unwrap();
        let folder = data_dir.path().join("letters");
        fs::create_dir(&folder).unwrap();
        let blank = encode(&[60_000, 28, 28], &vec![0; 60_000 * 784]);
        fs::write(folder.join(TRAIN_IMAGES), blank).unwrap();
        let line = refusal(data_dir.path());
        assert!(line.contains("expected ba891046") && line.contains(TRAIN_IMAGES), "{line}");
    }
}
