//! Labelled image sets: those that are known by name, and the user's, as idx files, as folders of PNG
//! pictures by class, or as an archive of NumPy arrays.

mod digits;
mod fashion_mnist;
mod find;
mod folder;
mod gzip;
mod idx;
mod image_set;
mod known;
mod mnist;
mod npy;
mod npz;
mod pictures;
mod splits;

use std::path::Path;

use anyhow::{Result, bail};
use tch::Device;

use crate::lab::error::refuse;
use image_set::NamedImages;
pub use image_set::{ImageData, LabelledImages};

/// The sets that are known by name, each in a file of its own.
const SETS: &[NamedImages] = &[mnist::MNIST, fashion_mnist::FASHION_MNIST, digits::DIGITS];

/// Loads the data set `selection` onto `device`: the name of a set, a folder with the four idx or
/// idx.gz files, under any of the names that MNIST's go by, a folder of PNG pictures by class, or a
/// `.npz` file. A named set that needs files is looked for in the folder of its name under `data_dir`.
///
/// MNIST and Fashion-MNIST are normalised with the mean and standard deviation that are usual for
/// them, any other set with those of its training split.
///
/// # Errors
/// If the name or the folder is unknown, a file is missing, or a file is not what it has to be.
pub fn load(selection: &str, data_dir: &Path, device: Device) -> Result<ImageData> {
    if let Some(set) = SETS.iter().find(|set| set.name == selection) {
        return (set.load)(data_dir, device);
    }
    let folder = Path::new(selection);
    if folder.is_dir() {
        let has_idx = folder::find_images(folder, folder::TRAIN_IMAGES).is_ok();
        let pictures = !has_idx && pictures::is_meant(folder);
        return if pictures {
            pictures::load(folder, device)
        } else {
            folder::load_own(folder, device)
        };
    }
    if folder.extension().is_some_and(|extension| extension == "npz") {
        return npz::load(folder, device);
    }
    if selection.contains('/') {
        let what = if folder.is_file() { "not a folder or .npz file:" } else { "no folder" };
        bail!(
            "{what} {selection}: give a folder with the four idx files or with PNG pictures by \
             class, a .npz file, or one of {}",
            names().join(", ")
        )
    }
    Err(refuse(format!("unknown data set '{selection}': {}", suggestion(selection))))
}

/// Pixels of an image of the set that [`load`] would load, before anything is loaded; of a folder, whose
/// images nobody has looked at, those of MNIST.
pub fn pixels(selection: &str) -> i64 {
    SETS.iter().find(|set| set.name == selection).map_or(784, |set| set.pixels)
}

/// The names of the sets.
fn names() -> Vec<&'static str> {
    SETS.iter().map(|set| set.name).collect()
}

/// What the user may have meant by a name that is unknown.
fn suggestion(name: &str) -> String {
    let closest = names()
        .into_iter()
        .map(|known| (strsim::damerau_levenshtein(&name.to_lowercase(), known), known))
        .min()
        .filter(|(distance, known)| *distance <= known.len() / 2);
    match closest {
        Some((_, known)) => format!("did you mean '{known}'?"),
        None => format!("there are {}, or give the path of a folder", names().join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::advice;

    #[test]
    fn an_unknown_name_or_path_is_refused_with_the_closest() {
        let refused =
            |name: &str| load(name, Path::new("unused"), Device::Cpu).unwrap_err().to_string();
        assert_eq!(refused("mnsit"), "unknown data set 'mnsit': did you mean 'mnist'?");
        assert_eq!(
            refused("Fashion_MNIST"),
            "unknown data set 'Fashion_MNIST': did you mean 'fashion-mnist'?"
        );
        assert!(refused("imagenet-22k").contains("there are mnist, fashion-mnist, digits, or"));
        assert!(refused("/nothing/here").starts_with("no folder /nothing/here"));
    }

    #[test]
    fn a_set_that_needs_files_says_how_to_fetch_them_by_its_name() {
        let folder = tempfile::tempdir().unwrap();
        for set in SETS {
            match (set.load)(folder.path(), Device::Cpu) {
                Ok(data) => {
                    assert_eq!(data.name, set.name);
                    assert_eq!(data.height * data.width, pixels(set.name));
                }
                Err(error) => {
                    assert!(error.to_string().ends_with(&advice(set.name)), "{error}");
                }
            }
        }
    }
}
