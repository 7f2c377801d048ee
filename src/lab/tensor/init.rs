//! Initialisations with PyTorch's default laws, which are not tch's.
//!
//! Every function draws on the CPU from libtorch's global generator, which the caller has seeded
//! with `tch::manual_seed`. The numbers are PyTorch's, draw for draw, if the tensors are asked for
//! in PyTorch's order and shapes, and at the same kind (an f64 draw is not the f32 one):
//!
//! - `nn.Linear`: weight, bias
//! - `nn.Embedding`: the table
//!
//! One draw of `[neuron, computation, input]` has the numbers of one `nn.Linear` with
//! neuron x computation outputs; a `nn.Linear` for each computation, with a bias in between, has
//! others, of the same law.

use tch::{Device, Kind, Tensor};

/// A weight of `nn.Linear`, of any `shape`: U(-b, b) with b = 1 / sqrt(fan_in), computed as PyTorch
/// does, by Kaiming's law for a leaky ReLU of slope sqrt(5), so that the bits are the same.
pub fn linear_weight(shape: &[i64], fan_in: i64, kind: Kind) -> Tensor {
    let slope = 5.0_f64.sqrt();
    let gain = (2.0 / (1.0 + slope * slope)).sqrt();
    uniform(shape, 3.0_f64.sqrt() * (gain / (fan_in as f64).sqrt()), kind)
}

/// A bias of `nn.Linear`: U(-b, b) with b = 1 / sqrt(fan_in).
pub fn linear_bias(shape: &[i64], fan_in: i64, kind: Kind) -> Tensor {
    uniform(shape, 1.0 / (fan_in as f64).sqrt(), kind)
}

/// A table of `nn.Embedding`, `[entry, dimension]`: N(0, 1).
pub fn embedding(shape: &[i64], kind: Kind) -> Tensor {
    normal(shape, 1.0, kind)
}

/// Weight and bias of `nn.LayerNorm`: ones and zeros; nothing is drawn.
pub fn layer_norm(shape: &[i64], kind: Kind) -> (Tensor, Tensor) {
    (Tensor::ones(shape, (kind, Device::Cpu)), Tensor::zeros(shape, (kind, Device::Cpu)))
}

/// `nn.init.kaiming_normal_` before a ReLU: N(0, 2 / fan), for fan in or fan out.
pub fn kaiming_normal(shape: &[i64], fan: i64, kind: Kind) -> Tensor {
    normal(shape, 2.0_f64.sqrt() / (fan as f64).sqrt(), kind)
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
    // nn.Embedding(6, 4); list(module.parameters())
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
    fn embedding_draws_pytorchs_numbers() {
        tch::manual_seed(0);
        // libtorch has a vectorised path for normal numbers, whose last bit depends on the CPU.
        let table = embedding(&[6, 4], Float);
        assert_values(&table, [-1.1258398294448853, -1.152360200881958, -2.316041946411133], 1e-6);
    }

    // nn.init.kaiming_normal_(torch.empty(3, 2, 3, 3), mode="fan_out", nonlinearity="relu"), in the
    // same script
    #[test]
    fn kaiming_normal_draws_pytorchs_numbers() {
        tch::manual_seed(0);
        let weight = kaiming_normal(&[3, 2, 3, 3], 27, Float);
        assert_values(
            &weight,
            [-0.30641481280326843, -0.3136327266693115, -0.05275578424334526],
            1e-6,
        );
    }
}
