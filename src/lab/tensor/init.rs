//! Initialisations with PyTorch's default laws, which are not tch's.
//!
//! Every function draws on the CPU from libtorch's global generator, which the caller has seeded
//! with `tch::manual_seed`. The numbers are PyTorch's, draw for draw, if the tensors are asked for
//! in PyTorch's order and shapes, and at the same kind (an f64 draw is not the f32 one):
//!
//! - `nn.Linear`, `nn.Conv*d`: weight, bias
//! - `nn.GRU`, `nn.LSTM`: for each layer (and direction) weight_ih, weight_hh, bias_ih, bias_hh,
//!   with the gates along the first axis
//! - `nn.Embedding`: the table
//!
//! One draw of `[neuron, computation, input]` has the numbers of one `nn.Linear` with
//! neuron x computation outputs; a `nn.Linear` for each computation, with a bias in between, has
//! others, of the same law.

use tch::{Device, Kind, Tensor};

/// Inputs to, and outputs of, one unit, as PyTorch counts them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fans {
    /// Inputs that a unit sums.
    pub fan_in: i64,
    /// Outputs that an input reaches.
    pub fan_out: i64,
}

impl Fans {
    /// Of a weight `[output, input, kernel..]`; a vector counts as a single output.
    pub fn of(shape: &[i64]) -> Self {
        let kernel: i64 = shape.iter().skip(2).product();
        match shape {
            [output, input, ..] => Self { fan_in: input * kernel, fan_out: output * kernel },
            [input] => Self { fan_in: *input, fan_out: 1 },
            [] => Self { fan_in: 1, fan_out: 1 },
        }
    }
}

/// What follows the layer, for the gain that keeps the variance (`nn.init.calculate_gain`).
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Nonlinearity {
    /// Nothing, or a sigmoid: gain 1.
    Linear,
    /// Gain 5/3.
    Tanh,
    /// Gain sqrt(2).
    Relu,
    /// With this slope below 0: gain sqrt(2 / (1 + slope^2)).
    LeakyRelu(f64),
    /// Gain 3/4.
    Selu,
}

impl Nonlinearity {
    /// The gain.
    pub fn gain(self) -> f64 {
        match self {
            Self::Linear => 1.0,
            Self::Tanh => 5.0 / 3.0,
            Self::Relu => 2.0_f64.sqrt(),
            Self::LeakyRelu(slope) => (2.0 / (1.0 + slope * slope)).sqrt(),
            Self::Selu => 0.75,
        }
    }
}

/// A weight of `nn.Linear` or `nn.Conv*d`, of any `shape`: U(-b, b) with b = 1 / sqrt(fan_in),
/// which PyTorch writes as Kaiming's law for a leaky ReLU of slope sqrt(5). For a convolution
/// `fan_in` is input channels x kernel size, [`Fans::of`] its shape.
pub fn linear_weight(shape: &[i64], fan_in: i64, kind: Kind) -> Tensor {
    kaiming_uniform(shape, fan_in, Nonlinearity::LeakyRelu(5.0_f64.sqrt()), kind)
}

/// A bias of `nn.Linear` or `nn.Conv*d`: U(-b, b) with b = 1 / sqrt(fan_in).
pub fn linear_bias(shape: &[i64], fan_in: i64, kind: Kind) -> Tensor {
    uniform(shape, 1.0 / (fan_in as f64).sqrt(), kind)
}

/// A weight or bias of `nn.GRU` or `nn.LSTM`: U(-b, b) with b = 1 / sqrt(hidden).
pub fn recurrent(shape: &[i64], hidden: i64, kind: Kind) -> Tensor {
    uniform(shape, 1.0 / (hidden as f64).sqrt(), kind)
}

/// A table of `nn.Embedding`, `[entry, dimension]`: N(0, 1).
pub fn embedding(shape: &[i64], kind: Kind) -> Tensor {
    normal(shape, 1.0, kind)
}

/// Weight and bias of `nn.LayerNorm`: ones and zeros; nothing is drawn.
pub fn layer_norm(shape: &[i64], kind: Kind) -> (Tensor, Tensor) {
    (Tensor::ones(shape, (kind, Device::Cpu)), Tensor::zeros(shape, (kind, Device::Cpu)))
}

/// `nn.init.kaiming_uniform_`: U(-b, b) with b = gain sqrt(3 / fan), for fan in or fan out.
pub fn kaiming_uniform(shape: &[i64], fan: i64, next: Nonlinearity, kind: Kind) -> Tensor {
    uniform(shape, 3.0_f64.sqrt() * (next.gain() / (fan as f64).sqrt()), kind)
}

/// `nn.init.kaiming_normal_`: N(0, gain^2 / fan), for fan in or fan out.
pub fn kaiming_normal(shape: &[i64], fan: i64, next: Nonlinearity, kind: Kind) -> Tensor {
    normal(shape, next.gain() / (fan as f64).sqrt(), kind)
}

/// `nn.init.xavier_uniform_`: U(-b, b) with b = gain sqrt(6 / (fan_in + fan_out)).
pub fn xavier_uniform(shape: &[i64], fans: Fans, next: Nonlinearity, kind: Kind) -> Tensor {
    uniform(shape, 3.0_f64.sqrt() * xavier_std(fans, next), kind)
}

/// `nn.init.xavier_normal_`: N(0, 2 gain^2 / (fan_in + fan_out)).
pub fn xavier_normal(shape: &[i64], fans: Fans, next: Nonlinearity, kind: Kind) -> Tensor {
    normal(shape, xavier_std(fans, next), kind)
}

fn xavier_std(fans: Fans, next: Nonlinearity) -> f64 {
    next.gain() * (2.0 / (fans.fan_in + fans.fan_out) as f64).sqrt()
}

fn uniform(shape: &[i64], bound: f64, kind: Kind) -> Tensor {
    Tensor::empty(shape, (kind, Device::Cpu)).uniform_(-bound, bound)
}

fn normal(shape: &[i64], std: f64, kind: Kind) -> Tensor {
    Tensor::empty(shape, (kind, Device::Cpu)).normal_(0.0, std)
}

#[cfg(test)]
mod tests {
    use super::*;
    use Kind::{Double, Float};

    /// The first two values and the last.
    fn assert_values(tensor: &Tensor, expected: [f64; 3], tolerance: f64) {
        let values = Vec::<f64>::try_from(tensor.view(-1).to_kind(Double)).unwrap();
        for (found, wanted) in [values[0], values[1], values[values.len() - 1]].iter().zip(expected)
        {
            assert!((found - wanted).abs() <= tolerance, "{found}, not {wanted}");
        }
    }

    // Numbers from scripts/reference/init.py: torch.manual_seed(0), then nn.Linear(7, 5),
    // nn.Conv2d(2, 3, 3), nn.Embedding(6, 4), nn.GRU(3, 4); list(module.parameters())
    #[test]
    fn linear_draws_pytorchs_numbers() {
        tch::manual_seed(0);
        let weight = linear_weight(&[5, 7], 7, Float);
        let bias = linear_bias(&[5], 7, Float);
        assert_values(
            &weight,
            [-0.002829751931130886, 0.2027566134929657, -0.2640612721443176],
            0.0,
        );
        assert_values(&bias, [-0.3539867699146271, -0.2206331491470337, 0.1831890046596527], 0.0);
        tch::manual_seed(0);
        let weight = linear_weight(&[5, 7], 7, Double);
        let bias = linear_bias(&[5], 7, Double);
        assert_values(
            &weight,
            [0.3553266702284383, 0.15709705105742983, -0.013979770285993637],
            1e-16,
        );
        assert_values(
            &bias,
            [0.3156047287920848, 0.05445690220153174, -0.09980514428424378],
            1e-16,
        );
    }

    #[test]
    fn a_leading_split_of_the_outputs_draws_the_same_numbers() {
        tch::manual_seed(0);
        let together = linear_weight(&[6, 7], 7, Float);
        tch::manual_seed(0);
        assert!(linear_weight(&[3, 2, 7], 7, Float).view([6, 7]).equal(&together));
    }

    #[test]
    fn convolution_draws_pytorchs_numbers() {
        tch::manual_seed(0);
        let shape = [3, 2, 3, 3];
        let fans = Fans::of(&shape);
        assert_eq!(fans, Fans { fan_in: 18, fan_out: 27 });
        let weight = linear_weight(&shape, fans.fan_in, Float);
        let bias = linear_bias(&[3], fans.fan_in, Float);
        assert_values(
            &weight,
            [-0.0017646604683250189, 0.12644097208976746, 0.031841691583395004],
            0.0,
        );
        assert_values(
            &bias,
            [0.15803514420986176, -0.13878203928470612, 0.043921709060668945],
            0.0,
        );
    }

    #[test]
    fn embedding_draws_pytorchs_numbers() {
        tch::manual_seed(0);
        // libtorch has a vectorised path for normal numbers, whose last bit depends on the CPU.
        let table = embedding(&[6, 4], Float);
        assert_values(&table, [-1.1258398294448853, -1.152360200881958, -2.316041946411133], 1e-6);
    }

    #[test]
    fn gru_draws_pytorchs_numbers() {
        tch::manual_seed(0);
        for (shape, expected) in [
            (&[12, 3][..], [-0.003743410110473633, 0.26822179555892944, -0.46828049421310425]),
            (&[12, 4], [-0.29187023639678955, 0.42979902029037476, -0.4987639784812927]),
            (&[12], [0.0935860276222229, -0.08423000574111938, -0.32434844970703125]),
            (&[12], [0.2496575117111206, 0.10465067625045776, -0.38567835092544556]),
        ] {
            assert_values(&recurrent(shape, 4, Float), expected, 0.0);
        }
    }

    // nn.init.kaiming_uniform_(torch.empty(3, 2, 3, 3), nonlinearity="relu") and so on, in the
    // same script
    #[test]
    fn the_laws_with_a_gain_draw_pytorchs_numbers() {
        use Nonlinearity::{LeakyRelu, Relu, Selu, Tanh};
        let shape = [3, 2, 3, 3];
        let fans = Fans::of(&shape);
        let draw = |law: &dyn Fn() -> Tensor, expected, tolerance| {
            tch::manual_seed(0);
            assert_values(&law(), expected, tolerance);
        };
        draw(
            &|| kaiming_uniform(&shape, fans.fan_in, Relu, Float),
            [-0.004322517663240433, 0.3097158372402191, 0.0779958963394165],
            0.0,
        );
        draw(
            &|| kaiming_uniform(&shape, fans.fan_out, LeakyRelu(0.2), Float),
            [-0.00346078397706151, 0.24797114729881287, 0.06244669482111931],
            0.0,
        );
        draw(
            &|| kaiming_normal(&shape, fans.fan_out, Relu, Float),
            [-0.30641481280326843, -0.3136327266693115, -0.05275578424334526],
            1e-6,
        );
        draw(
            &|| xavier_uniform(&shape, fans, Tanh, Float),
            [-0.004556334111839533, 0.32646918296813965, 0.08221489936113358],
            0.0,
        );
        draw(
            &|| xavier_normal(&shape, fans, Selu, Float),
            [-0.17801091074943542, -0.18220414221286774, -0.03064833953976631],
            1e-6,
        );
    }
}
