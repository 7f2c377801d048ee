//! Filters that are functions of a few parameters, with their gradients.

mod centres;
mod profile;
mod radial;

pub use centres::{Centres, ShapeOptions};
pub use profile::Profile;
pub use radial::Radial;

use anyhow::Result;
use tch::Tensor;

use crate::efficient_coding::data::PatchShape;
use crate::lab::error::{closest, refuse};

/// A family of filters: parameters in, filters of unit norm out.
///
/// Axes: a filter is a column; rows are the inputs of a patch, colour-major, each colour row-major.
pub trait FilterShape {
    /// Names and initial values of the parameters, drawn from (seed, "init"), f32, on the CPU.
    fn initial(&self, neurons: i64, seed: u64) -> Vec<(String, Tensor)>;

    /// Names of the parameters that stay as they are.
    fn fixed(&self) -> &'static [&'static str];

    /// The filters: `[input, neuron]`, each column of norm 1.
    ///
    /// - parameters: in the order of [`FilterShape::initial`]
    fn filters(&self, parameters: &[Tensor]) -> Tensor;

    /// The gradient of a number with respect to each parameter.
    ///
    /// - gradient: its gradient with respect to the filters, `[input, neuron]`
    fn backward(&self, parameters: &[Tensor], gradient: &Tensor) -> Vec<Tensor>;

    /// The parameters after their centres have drifted by `power` pixels, as drawn from
    /// (seed, "jitter", step).
    fn jittered(&self, parameters: &[Tensor], power: f64, seed: u64, step: u64) -> Vec<Tensor>;
}

/// What `--shape` takes besides the names of [`Profile::NAMES`]: filters without a shape.
pub const FREE: &str = "free";

/// A shape by its name; none for free filters.
///
/// # Errors
/// Exit code 2 for an unknown one.
pub fn of(
    name: &str,
    patch: PatchShape,
    options: ShapeOptions,
) -> Result<Option<Box<dyn FilterShape>>> {
    if name == FREE {
        return Ok(None);
    }
    match Profile::NAMES.iter().find(|(known, _)| *known == name) {
        Some((_, profile)) => Ok(Some(Box::new(Radial::new(*profile, patch, options)))),
        None => {
            let names = || Profile::NAMES.iter().map(|(name, _)| *name).chain([FREE]);
            let hint = closest(name, names());
            let all = names().collect::<Vec<&str>>().join(", ");
            Err(refuse(format!("--shape {name}: unknown{hint} (there are {all})")))
        }
    }
}

#[cfg(test)]
mod tests;
