//! The window that a patch is seen through.

use tch::{Device, Kind, Tensor};

/// The least that the mask lets through: its corners are dark, not empty.
const DARK: f64 = 1e-4;

/// Size and mask of a patch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PatchShape {
    /// Side, in pixels (k).
    pub kernel: i64,
    /// Colour channels: 1 or 3.
    pub colours: i64,
    /// Whether a circular mask lies over it.
    pub masked: bool,
}

impl PatchShape {
    /// Inputs in all: colours x k x k.
    pub fn inputs(&self) -> i64 {
        self.colours * self.kernel * self.kernel
    }

    /// The mask, `[input]` f64: clamp(rho - d + 1, 1e-4, 1) at the distance d from the middle, with
    /// rho = k/2 - 0.5; ones without a mask.
    pub fn mask(&self) -> Tensor {
        let options = (Kind::Double, Device::Cpu);
        if !self.masked {
            return Tensor::ones([self.inputs()], options);
        }
        let radius = self.kernel as f64 / 2.0 - 0.5;
        let along = Tensor::arange(self.kernel, options) - radius;
        let squares = along.square();
        let distance = (squares.unsqueeze(1) + squares.unsqueeze(0)).sqrt();
        let mask: Tensor = radius + 1.0 - distance;
        mask.clamp(DARK, 1.0).view([-1]).repeat([self.colours])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mask_has_its_known_pixels() {
        tch::set_num_threads(1);
        for (kernel, counts, logs) in
            [(18, [216, 60, 48], -687.209956), (12, [88, 36, 20], -291.707464)]
        {
            let mask = PatchShape { kernel, colours: 1, masked: true }.mask();
            let values = Vec::<f64>::try_from(&mask).unwrap();
            let full = values.iter().filter(|m| **m == 1.0).count();
            let dark = values.iter().filter(|m| **m == DARK).count();
            assert_eq!([full, values.len() - full - dark, dark], counts);
            let sum: f64 = values.iter().map(|m| m.log2()).sum();
            assert!((sum - logs).abs() < 1e-6, "{sum}");
        }
    }
}
