//! The granule layer: fixed random features of the reference ahead of time.

use anyhow::Result;
use tch::{Device, Kind, Tensor};

use crate::lab::tensor::rng;
use crate::steady_state::signal::reference::{Reference, ReferenceSpec};

/// Copies of the reference that the layer sees.
pub const INPUTS: i64 = 10;
/// Granule cells at expansion q = 1; expansion q has q times as many.
pub const CELLS: i64 = 10;
/// Inputs of a granule cell.
const FAN_IN: i64 = 4;

/// The granule layers and references of some seeds. Expansion q is the first q CELLS cells of the
/// largest: the networks of a seed are nested.
#[derive(Debug)]
pub struct Granule {
    /// Input weights: `[seed, cell, input]`, FAN_IN of a row not zero, of standard deviation 1/2.
    pub weight: Tensor,
    /// Output weights before learning: `[seed, cell]`; zero beyond the cells of q = 1, so that
    /// every expansion starts with the same loss.
    pub initial: Tensor,
    /// The reference that the layer sees.
    pub reference: Reference,
    /// How far ahead each input sees it, s.
    leads: Vec<f64>,
}

/// A reference and what the granule layers answer to it.
#[derive(Debug)]
pub struct Signals {
    /// The reference r(t): `[seed, time]`.
    pub reference: Tensor,
    /// The cells' answers h(t): `[seed, time, cell]`.
    pub answers: Tensor,
}

impl Granule {
    /// Draws the layers of some seeds with `expansion` times CELLS cells.
    ///
    /// The inputs of a layer are r(t) to r(t + lookahead), equally spaced; lookahead in s.
    ///
    /// # Errors
    /// Fails if libtorch can't give back the random numbers of the references.
    pub fn draw(
        seeds: &[u64],
        expansion: i64,
        spec: &ReferenceSpec,
        lookahead: f64,
    ) -> Result<Self> {
        let weights: Vec<Tensor> = seeds.iter().map(|seed| weight(*seed, expansion)).collect();
        let initial: Vec<Tensor> = seeds.iter().map(|seed| initial(*seed, expansion)).collect();
        let spacing = lookahead / (INPUTS - 1) as f64;
        Ok(Self {
            weight: Tensor::stack(&weights, 0),
            initial: Tensor::stack(&initial, 0),
            reference: Reference::draw(spec, seeds)?,
            leads: (0..INPUTS).map(|i| i as f64 * spacing).collect(),
        })
    }

    /// r(t) and the cells' answers h(t) = tanh(Z m(t)), m_i(t) = r(t + τ_i).
    ///
    /// # Shapes
    /// - time: `[time]`, s
    pub fn signals(&self, time: &Tensor) -> Signals {
        let seen = self.reference.with_leads(time, &self.leads);
        let inputs = seen.narrow(2, 1, INPUTS);
        let answers = inputs.matmul(&self.weight.transpose(1, 2)).tanh_();
        Signals { reference: seen.select(2, 0), answers }
    }

    /// The layers of the seeds from index `start` on.
    pub fn narrow(&self, start: i64, length: i64) -> Self {
        Self {
            weight: self.weight.narrow(0, start, length),
            initial: self.initial.narrow(0, start, length),
            reference: self.reference.narrow(start, length),
            leads: self.leads.clone(),
        }
    }

    /// A copy of the layers on a device.
    pub fn to_device(&self, device: Device) -> Self {
        Self {
            weight: self.weight.to_device(device),
            initial: self.initial.to_device(device),
            reference: self.reference.to_device(device),
            leads: self.leads.clone(),
        }
    }
}

/// Input weights of one seed, drawn page by page so that a smaller layer is the larger one's first
/// rows: `[cell, input]`.
fn weight(seed: u64, expansion: i64) -> Tensor {
    let options = (Kind::Double, Device::Cpu);
    let pages: Vec<Tensor> = (0..expansion)
        .map(|page| {
            rng::seed_torch(seed, "granule", page as u64);
            let order = Tensor::rand([CELLS, INPUTS], options).argsort(1, false);
            let values = Tensor::randn([CELLS, FAN_IN], options) / (FAN_IN as f64).sqrt();
            Tensor::zeros([CELLS, INPUTS], options).scatter(1, &order.narrow(1, 0, FAN_IN), &values)
        })
        .collect();
    Tensor::cat(&pages, 0)
}

/// Output weights of one seed before learning: `[cell]`.
fn initial(seed: u64, expansion: i64) -> Tensor {
    let options = (Kind::Double, Device::Cpu);
    rng::seed_torch(seed, "output weights", 0);
    let drawn = Tensor::randn([CELLS], options) / (CELLS as f64).sqrt();
    Tensor::cat(&[drawn, Tensor::zeros([(expansion - 1) * CELLS], options)], 0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::steady_state::signal::kind::ReferenceKind;

    #[test]
    fn layers_are_nested_and_sparse() {
        let spec = ReferenceSpec { kind: ReferenceKind::SinesZero, cutoff: 0.5, seconds: 10.0 };
        let draw = |q| Granule::draw(&[5, 6], q, &spec, 2.5).unwrap();
        let (small, large) = (draw(2), draw(9));
        assert_eq!(small.weight, large.weight.narrow(1, 0, 20));
        let used = large.weight.not_equal(0.0).sum_dim_intlist(2, false, Kind::Int64);
        assert_eq!(used, Tensor::full([2, 90], 4, (Kind::Int64, Device::Cpu)));
        assert!(
            (large.weight.square().sum(Kind::Double).double_value(&[]) / 720.0 - 0.25).abs() < 0.04
        );
        assert_eq!(large.initial.narrow(1, 10, 80).abs().max().double_value(&[]), 0.0);
        let time = Tensor::from_slice(&[0.0, 3.5]);
        let (h_small, h_large) = (small.signals(&time).answers, large.signals(&time).answers);
        assert!((h_small - h_large.narrow(2, 0, 20)).abs().max().double_value(&[]) < 1e-15);
    }
}
