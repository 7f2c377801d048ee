//! What the known data sets must look like, to the byte.

use anyhow::{Result, bail};

/// The names of the four files of a data set in idx format, as MNIST introduced them.
pub(super) const TRAIN_IMAGES: &str = "train-images-idx3-ubyte";
pub(super) const TRAIN_LABELS: &str = "train-labels-idx1-ubyte";
pub(super) const TEST_IMAGES: &str = "t10k-images-idx3-ubyte";
pub(super) const TEST_LABELS: &str = "t10k-labels-idx1-ubyte";

/// A data set that is known by name; its images are 28x28, 60 000 to train and 10 000 to test, of
/// 10 classes.
pub(super) struct Known {
    pub name: &'static str,
    /// Of the training pixels, in units of full scale, rounded as in the literature.
    pub mean: f64,
    pub std: f64,
    /// File name and SHA-256 of the uncompressed file.
    sha256: [(&'static str, &'static str); 4],
}

pub(super) const MNIST: Known = Known {
    name: "mnist",
    mean: 0.1307,
    std: 0.3081,
    sha256: [
        (TRAIN_IMAGES, "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db"),
        (TRAIN_LABELS, "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5"),
        (TEST_IMAGES, "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7"),
        (TEST_LABELS, "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2"),
    ],
};

pub(super) const FASHION_MNIST: Known = Known {
    name: "fashion-mnist",
    mean: 0.2860,
    std: 0.3530,
    sha256: [
        (TRAIN_IMAGES, "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888"),
        (TRAIN_LABELS, "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9"),
        (TEST_IMAGES, "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b"),
        (TEST_LABELS, "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34"),
    ],
};

impl Known {
    /// The shape that the file `name` has.
    pub fn shape(&self, name: &str) -> &'static [usize] {
        match name {
            TRAIN_IMAGES => &[60_000, 28, 28],
            TRAIN_LABELS => &[60_000],
            TEST_IMAGES => &[10_000, 28, 28],
            _ => &[10_000],
        }
    }

    /// Checks the hash of the uncompressed file `name`.
    ///
    /// # Errors
    /// If it is another one, with both.
    pub fn check(&self, name: &str, found: &str) -> Result<()> {
        match self.sha256.iter().find(|(file, _)| *file == name) {
            Some((_, expected)) if *expected != found => {
                bail!(
                    "the content is not that of {}: its SHA-256 is {found}, expected {expected}",
                    self.name
                )
            }
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lab::store::durable::sha256_of;

    #[test]
    fn a_foreign_hash_is_refused_with_both_hashes() {
        let found = sha256_of(&[b"abc"]);
        let error = MNIST.check(TEST_LABELS, &found).unwrap_err().to_string();
        assert!(error.contains(&found) && error.contains("ff7bcfd4"), "{error}");
    }
}
