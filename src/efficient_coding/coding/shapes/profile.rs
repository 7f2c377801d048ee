//! Profiles: how a filter falls off with the squared distance from its centre.

use tch::{Kind, Tensor};

/// A family of profiles φ(s) of the squared distance s in pixels², with the parameters of the
/// authors' programs. A and B are logarithms, C is a logit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Profile {
    /// e^(−a s) − c e^(−b s), with b = e^B, a = e^A + b and c = sigmoid(C): the centre is the
    /// smaller and the stronger.
    DifferenceOfGaussian,
    /// e^(−a s), a = e^A.
    Gaussian,
    /// (1 + a s)^-1 − c (1 + b s)^-1, Student's t with one degree of freedom; a and b as above,
    /// c = exp(−(a − b) m² sigmoid(C)), m = a quarter of the patch's side.
    DifferenceOfT,
    /// (1 + a s / 2)^(−3/2), Student's t with two degrees of freedom; a = e^A.
    SingleT,
}

impl Profile {
    /// Every profile with the name that `--shape` takes.
    pub const NAMES: [(&'static str, Profile); 4] = [
        ("difference-of-gaussian", Profile::DifferenceOfGaussian),
        ("gaussian", Profile::Gaussian),
        ("difference-of-t", Profile::DifferenceOfT),
        ("single-t", Profile::SingleT),
    ];

    /// Initial A, B and C, as far as there are.
    pub fn initial(self) -> &'static [f64] {
        match self {
            Self::DifferenceOfGaussian => &[-3.0, -3.0, 0.0],
            Self::Gaussian => &[-0.75],
            Self::DifferenceOfT => &[-3.0, -0.9, 0.0],
            Self::SingleT => &[-3.0],
        }
    }

    /// φ for every filter: `[colour, pixel, neuron]`.
    ///
    /// - squares: squared distances, `[1, pixel, neuron]`
    /// - parameters: A, B and C, `[colour, 1, neuron]` each
    /// - side: of the patch, in pixels
    pub fn values(self, squares: &Tensor, parameters: &[Tensor], side: i64) -> Tensor {
        let scale = parameters[0].exp();
        match self {
            Self::Gaussian => (-(scale * squares)).exp(),
            Self::SingleT => (scale * squares * 0.5 + 1.0).pow_tensor_scalar(-1.5),
            Self::DifferenceOfGaussian => {
                let surround = parameters[1].exp();
                let centre = (-((scale + &surround) * squares)).exp();
                centre - parameters[2].sigmoid() * (-(surround * squares)).exp()
            }
            Self::DifferenceOfT => {
                let surround = parameters[1].exp();
                // Where the filter is to cross zero, in pixels, at most.
                let reach = (side / 4).pow(2) as f64;
                let share = (-(&scale * parameters[2].sigmoid() * reach)).exp();
                let centre = ((scale + &surround) * squares + 1.0).reciprocal();
                centre - share * (surround * squares + 1.0).reciprocal()
            }
        }
    }
}

/// Squared distances of the pixels of a patch from each centre: `[1, pixel, neuron]`.
///
/// - centres: row and column, `[neuron, 2]`
pub fn squared_distances(centres: &Tensor, side: i64) -> Tensor {
    let along = Tensor::arange(side, (centres.kind(), centres.device()));
    let square = |axis: i64| (along.unsqueeze(1) - centres.select(1, axis).unsqueeze(0)).square();
    let (rows, columns) = (square(0), square(1));
    let squares: Tensor = rows.unsqueeze(1) + columns.unsqueeze(0);
    squares.reshape([1, side * side, -1])
}

/// Columns of norm 1 from colour-major filters: `[input, neuron]`.
pub fn unit(filters: &Tensor) -> Tensor {
    let flat = filters.reshape([-1, filters.size()[2]]);
    &flat / flat.square().sum_dim_intlist(0, true, None::<Kind>).sqrt()
}
