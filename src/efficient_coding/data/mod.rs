//! Where patches come from: synthetic ensembles, and images from files.

mod colour;
mod contrast;
mod decoding;
mod files;
mod gaussian;
mod images;
mod kyoto;
mod leaves;
mod matlab;
mod options;
mod parallel;
mod patch;
mod photos;
mod picture;
mod source;
mod split;
mod window;

pub use contrast::Contrast;
pub use gaussian::Gaussian;
pub use images::Images;
pub use options::EnsembleOptions;
pub use patch::PatchShape;
pub use source::{PatchSource, Purpose};
pub use split::SplitImages;
pub use window::{Moments, Planes, moments};

use std::path::Path;

use anyhow::Result;

use crate::lab::error::{closest, refuse};

/// The ensemble whose images are drawn from the seed.
pub const DEAD_LEAVES: &str = "dead-leaves";
/// The ensembles that are known by name.
pub const NAMES: [&str; 4] = ["gaussian", DEAD_LEAVES, "contrast", "photos"];
/// Side of a dead-leaves image, in pixels, where none is asked for.
const LEAVES_SIZE: i64 = 256;

/// Opens an ensemble by its name, or a picture, a .mat file or a folder of them by its path.
///
/// `seed` draws what is random in the ensemble itself.
///
/// # Errors
/// Exit code 2 where there is no such ensemble or its settings don't fit; 1 where a file is missing
/// or damaged.
pub fn open(
    name: &str,
    data_dir: &Path,
    shape: PatchShape,
    options: &EnsembleOptions,
    seed: u64,
) -> Result<Box<dyn PatchSource>> {
    Ok(match name {
        "gaussian" => Box::new(Gaussian::new(shape, options)?),
        "contrast" => {
            Box::new(Contrast::new(Gaussian::new(shape, options)?, options.contrast_spread)?)
        }
        DEAD_LEAVES => {
            let size = options.image_size.unwrap_or(LEAVES_SIZE);
            Box::new(leaves::open(shape, options.leaf_images, size, seed)?)
        }
        "photos" => Box::new(photos::open(data_dir, shape, options.downsample)?),
        path if Path::new(path).exists() => {
            Box::new(files::own(Path::new(path), shape, options.downsample)?)
        }
        unknown => {
            let hint = closest(unknown, NAMES);
            let all = NAMES.join(", ");
            let said =
                format!("--data {unknown}: no such ensemble or file{hint} (there are {all})");
            return Err(refuse(said));
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_name_is_refused_with_the_closest() {
        let shape = PatchShape { kernel: 3, colours: 1, masked: true };
        let folder = Path::new("data");
        let open = |name: &str| open(name, folder, shape, &EnsembleOptions::default(), 0);
        let line = open("dead-leafs").err().unwrap().to_string();
        assert!(line.contains("did you mean \"dead-leaves\"?"), "{line}");
        assert_eq!(open("contrast").unwrap().provenance()["name"], "contrast");
    }
}
