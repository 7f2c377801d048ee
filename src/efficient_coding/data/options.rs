//! What an ensemble of patches is made with.

use std::ops::RangeInclusive;

/// What an ensemble is made with.
#[derive(Debug, Clone, PartialEq)]
pub struct EnsembleOptions {
    /// Side of synthetic images, in pixels; none for 64 of gaussian and contrast, and 256 of
    /// dead-leaves.
    pub image_size: Option<i64>,
    /// Exponent a of the power spectrum 1/f^a of gaussian and contrast images.
    pub slope: f64,
    /// Standard deviation of the logarithm of contrast, from patch to patch, of contrast images.
    pub contrast_spread: f64,
    /// How many images of dead-leaves are drawn.
    pub leaf_images: i64,
    /// Pixels of a picture that become one, along each side; none for 3 of photos, and 1 of other
    /// pictures.
    pub downsample: Option<u32>,
}

impl EnsembleOptions {
    /// The sides that a synthetic image may have, in pixels.
    pub const IMAGE_SIZES: RangeInclusive<i64> = 2..=4096;
    /// The numbers of images of dead-leaves that there may be.
    pub const LEAF_IMAGES: RangeInclusive<i64> = 1..=10_000;
    /// The numbers of pixels of a picture that may become one, along each side.
    pub const DOWNSAMPLES: RangeInclusive<i64> = 1..=64;
}

impl Default for EnsembleOptions {
    fn default() -> Self {
        Self {
            image_size: None,
            slope: 2.0,
            contrast_spread: 0.5,
            leaf_images: 16,
            downsample: None,
        }
    }
}
