//! Where the rule converges: the rate of |ΔW| over the step size and the multiplier.

use anyhow::Result;
use tch::{Device, Kind, Tensor};

use super::layer::ToyLayer;
use crate::apical::model::activation::Activation;
use crate::lab::tensor::to_host;

/// Steps that are simulated.
pub const STEPS: i64 = 200;
/// Rows of the diagram: values of η|x|².
pub const ROWS: i64 = 40;
/// Columns of the diagram: values of a.
pub const COLUMNS: i64 = 60;
/// η|x|² of the uppermost row.
pub const LARGEST_STEP: f64 = 4.0;
/// The left end of the axis of a.
pub const LOWEST_MULTIPLIER: f64 = -1.0;
/// The right end of the axis of a.
pub const HIGHEST_MULTIPLIER: f64 = 2.0;

/// The rate of a neuron that is exactly silent, in size.
const RATE_LIMIT: f64 = 10.0;

/// η|x|² of a row, from [`LARGEST_STEP`] down.
pub fn step_of_row(row: i64) -> f64 {
    LARGEST_STEP - LARGEST_STEP * row as f64 / ROWS as f64
}

/// a of the middle of a column.
pub fn multiplier_of_column(column: i64) -> f64 {
    let range = HIGHEST_MULTIPLIER - LOWEST_MULTIPLIER;
    LOWEST_MULTIPLIER + range * column as f64 / COLUMNS as f64 + 0.5 / COLUMNS as f64 * range
}

/// The logarithmic rate of |ΔW| over the last half of the steps, simulated for one neuron that
/// starts at h = 1: `[row][column]`, see [`step_of_row`] and [`multiplier_of_column`].
///
/// # Errors
/// If the device can't be read.
pub fn rates(activation: Activation) -> Result<Vec<Vec<f64>>> {
    let options = (Kind::Double, Device::Cpu);
    let size = LARGEST_STEP / ROWS as f64;
    let power = (Tensor::arange(ROWS, options) * -size + LARGEST_STEP).view([ROWS, 1]);
    let width = (HIGHEST_MULTIPLIER - LOWEST_MULTIPLIER) / COLUMNS as f64;
    let a = Tensor::arange(COLUMNS, options) * width + (LOWEST_MULTIPLIER + width / 2.0);
    let mut layer = ToyLayer {
        activation,
        weight: Tensor::ones([ROWS, COLUMNS, 1, 1], options) / power.sqrt().view([ROWS, 1, 1, 1]),
        input: power.sqrt().view([ROWS, 1, 1]).repeat([1, COLUMNS, 1]),
        apical: a.view([1, COLUMNS, 1]).repeat([ROWS, 1, 1]),
    };
    let mut advance = |steps: i64| {
        let mut change = Tensor::new();
        (0..steps).for_each(|_| change = layer.step(1.0));
        change.abs().view([ROWS, COLUMNS])
    };
    // The changes of step STEPS / 2 and of the last one, both counted from 0.
    let half = advance(STEPS / 2 + 1);
    let last = advance(STEPS - 1 - STEPS / 2);
    let rate = (last / &half).log() / (STEPS - 1 - STEPS / 2) as f64;
    // 0 / 0: both have reached zero.
    let rate = rate.nan_to_num(-RATE_LIMIT, RATE_LIMIT, -RATE_LIMIT);
    let rates = to_host::values(&rate)?;
    Ok(rates.chunks(COLUMNS as usize).map(<[f64]>::to_vec).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The rate is near the logarithm of |q| where that has a closed form, q = 1 + η|x|² (a − 1).
    fn check(activation: Activation, q: f64, rate: f64, at: &str) {
        match activation {
            Activation::Linear => {
                assert!(q.abs() <= 0.05 || (rate - q.abs().ln()).abs() < 1e-9, "{at}");
            }
            Activation::Relu if q > 0.05 => assert!((rate - q.ln()).abs() < 1e-9, "{at}"),
            Activation::Relu => assert!(rate < -1.0, "{at}"),
            // tanh goes to zero within the bound, and to a constant or a cycle beyond.
            Activation::Tanh => {
                assert!(q.abs() >= 0.98 || rate < 0.0, "{at}");
                assert!(q.abs() <= 1.1 || rate.abs() < 0.02, "{at}");
            }
        }
    }

    #[test]
    fn the_diagram_has_the_bounds_of_the_theory() {
        for activation in Activation::all() {
            for (row, rates) in (0..).zip(rates(activation).unwrap()) {
                for (column, rate) in (0..).zip(rates) {
                    let (step, a) = (step_of_row(row), multiplier_of_column(column));
                    let at = format!("{activation:?}, a {a}, step {step}: {rate}");
                    check(activation, 1.0 + step * (a - 1.0), rate, &at);
                }
            }
        }
    }
}
