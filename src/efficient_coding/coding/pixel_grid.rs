//! Where filters lie in the patch, and the gradient that makes them small.

use tch::{Device, Kind, Tensor};

use crate::efficient_coding::data::PatchShape;

/// Coordinates of the inputs of a patch.
pub struct PixelGrid {
    /// Row and column of each input, in pixels: `[2, input]`.
    places: Tensor,
}

impl PixelGrid {
    /// The grid of a patch, on a device and at a precision.
    pub fn new(patch: PatchShape, options: (Kind, Device)) -> Self {
        let side = Tensor::arange(patch.kernel, options);
        let rows = side.repeat_interleave_self_int(patch.kernel, 0, None);
        let columns = side.repeat([patch.kernel]);
        let places = Tensor::stack(&[rows, columns], 0).repeat([1, patch.colours]);
        Self { places }
    }

    /// The spatial variance of each filter's squared weights, over both axes, in pixels^2: 0 for a
    /// single pixel. All colours count together, so that opponent colours don't cancel: `[neuron]`.
    ///
    /// - filters: columns of norm 1, `[input, neuron]`
    pub fn variance(&self, filters: &Tensor) -> Tensor {
        self.moments(filters).1
    }

    /// The gradient of the mean over neurons of [`PixelGrid::variance`], along the sphere of filters of
    /// norm 1: `[input, neuron]`.
    pub fn gradient(&self, filters: &Tensor) -> Tensor {
        let (squares, variance) = self.moments(filters);
        filters * (squares - variance) * (2.0 / filters.size()[1] as f64)
    }

    /// Squared distance of every input from each filter's centre of mass `[input, neuron]`, and its
    /// mean `[neuron]`.
    fn moments(&self, filters: &Tensor) -> (Tensor, Tensor) {
        let mass = filters.square();
        let centre = self.places.matmul(&mass);
        let squares = (self.places.unsqueeze(2) - centre.unsqueeze(1)).square();
        let squares = squares.sum_dim_intlist(0, false, None::<Kind>);
        let variance = (&squares * mass).sum_dim_intlist(0, false, None::<Kind>);
        (squares, variance)
    }
}

#[cfg(test)]
mod tests {
    use super::super::model::unit_columns;
    use super::*;

    #[test]
    fn a_pixel_has_no_variance_and_a_whole_patch_its_known_one() {
        let patch = PatchShape { kernel: 18, colours: 1, masked: false };
        let grid = PixelGrid::new(patch, (Kind::Double, Device::Cpu));
        let filters = Tensor::zeros([324, 2], (Kind::Double, Device::Cpu));
        let _ = filters.get(40).get(0).fill_(1.0);
        let _ = filters.select(1, 1).fill_(1.0 / 18.0);
        let found = Vec::<f64>::try_from(grid.variance(&filters)).unwrap();
        assert!(found[0].abs() < 1e-12 && (found[1] - 53.8333).abs() < 1e-4, "{found:?}");
    }

    #[test]
    fn the_pull_is_the_derivative() {
        tch::set_num_threads(1);
        tch::manual_seed(3);
        let patch = PatchShape { kernel: 4, colours: 3, masked: false };
        let options = (Kind::Double, Device::Cpu);
        let grid = PixelGrid::new(patch, options);
        let free = Tensor::randn([48, 2], options).set_requires_grad(true);
        let mean = grid.variance(&unit_columns(&free)).mean(Kind::Double);
        mean.backward();
        let unit = unit_columns(&free.detach());
        let norm = free.detach().norm_scalaropt_dim(2.0, 0, true);
        let found = grid.gradient(&unit) / norm;
        assert!((found - free.grad()).abs().max().double_value(&[]) < 1e-12);
    }
}
