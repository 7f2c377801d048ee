//! What an ensemble of patches is made with.

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
