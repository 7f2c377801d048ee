//! Filters that are a profile around a centre, in one or more colours.

use tch::{Device, Kind, Tensor, no_grad_guard};

use super::FilterShape;
use super::centres::{Centres, ShapeOptions};
use super::profile::{Profile, squared_distances, unit};
use crate::efficient_coding::data::PatchShape;
use crate::lab::tensor::rng;
use crate::lab::tensor::to_device::upload;

/// Tries of a centre to remain in the disc before it is drawn anew near the middle.
const TRIES: i64 = 10;

/// Filters `w[colour]` ∝ `d̂[colour]` `φ[colour](|x − centre|²)`: every colour has a profile of its
/// own, all of a neuron share its centre, and the colour weights d̂ = d / |d| carry the sign. With
/// one colour d̂ is ±1 and stays what it was drawn as. Where neurons share a shape, each filter has a
/// sign besides.
///
/// Parameters: `encoder.kernel_centers` `[neuron, 2]`, row and column in pixels; and
/// `encoder.shape_function.shape_params` `[colour * (profile's + 1), neuron]`, for each colour the
/// profile's parameters and d; one column where neurons share a shape.
pub struct Radial {
    profile: Profile,
    patch: PatchShape,
    options: ShapeOptions,
}

/// The name of the centres.
const CENTRES: &str = "encoder.kernel_centers";

impl Radial {
    /// Filters of a profile in patches of this size.
    pub fn new(profile: Profile, patch: PatchShape, options: ShapeOptions) -> Self {
        Self { profile, patch, options }
    }

    /// The profile's parameters and d of every colour: `[colour, 1, neuron]` each.
    fn by_name(&self, parameters: &Tensor) -> Vec<Tensor> {
        let count = self.profile.initial().len() as i64 + 1;
        let each = parameters.reshape([self.patch.colours, count, -1]);
        (0..count).map(|i| each.narrow(1, i, 1)).collect()
    }

    fn middle(&self) -> f64 {
        (self.patch.kernel - 1) as f64 / 2.0
    }
}

impl FilterShape for Radial {
    fn initial(&self, neurons: i64, seed: u64) -> Vec<(String, Tensor)> {
        let options = (Kind::Float, Device::Cpu);
        rng::seed_torch(seed, "init", 2);
        // In the middle half of the patch.
        let middle = self.middle();
        let drawn = Tensor::rand([neurons, 2], options) * middle + middle / 2.0;
        let centres = match self.options.centres {
            Centres::Learnt => drawn,
            Centres::Hexagonal => {
                let lattice = self.options.hexagonal(neurons, self.patch.kernel);
                lattice.to_kind(Kind::Float)
            }
        };
        let columns = if self.options.shared { 1 } else { neurons };
        let mut rows = Vec::new();
        for _ in 0..self.patch.colours {
            let fixed = self.profile.initial().iter();
            rows.extend(fixed.map(|value| Tensor::full([1, columns], *value, options)));
            rows.push(Tensor::randn([1, columns], options));
        }
        vec![
            (CENTRES.into(), centres),
            ("encoder.shape_function.shape_params".into(), Tensor::cat(&rows, 0)),
        ]
    }

    fn fixed(&self) -> &'static [&'static str] {
        match self.options.centres {
            Centres::Learnt => &[],
            Centres::Hexagonal => &[CENTRES],
        }
    }

    fn filters(&self, parameters: &[Tensor]) -> Tensor {
        let centres = parameters[0].reshape([-1, 2]);
        let mut own = self.by_name(&parameters[1]);
        let weights = own.remove(own.len() - 1);
        let length = weights.square().sum_dim_intlist(0, true, None::<Kind>).sqrt();
        let squares = squared_distances(&centres, self.patch.kernel);
        let values = self.profile.values(&squares, &own, self.patch.kernel);
        let filters = values * (weights / length);
        match self.options.shared {
            true => {
                let signs = self.options.signs(centres.size()[0], &filters);
                unit(&(filters * signs))
            }
            false => unit(&filters),
        }
    }

    fn backward(&self, parameters: &[Tensor], gradient: &Tensor) -> Vec<Tensor> {
        tch::with_grad(|| {
            let leaves: Vec<Tensor> =
                parameters.iter().map(|p| p.detach().set_requires_grad(true)).collect();
            let product = (self.filters(&leaves) * gradient.detach()).sum(None::<Kind>);
            let inputs: Vec<&Tensor> = leaves.iter().collect();
            Tensor::run_backward(&[product], &inputs, false, false)
        })
    }

    fn jittered(&self, parameters: &[Tensor], power: f64, seed: u64, step: u64) -> Vec<Tensor> {
        let _guard = no_grad_guard();
        rng::seed_torch(seed, "jitter", step);
        let centres = parameters[0].reshape([-1, 2]);
        let neurons = centres.size()[0];
        let steps = Tensor::randn([TRIES + 1, neurons, 2], (Kind::Float, Device::Cpu));
        let steps = upload(&steps, centres.device()).to_kind(centres.kind());
        let middle = self.middle();
        let mut moved = steps.select(0, TRIES) + middle;
        // The first try that stays in the disc counts, so it is written last.
        for i in (0..TRIES).rev() {
            let tried = &centres + steps.select(0, i) * power;
            let distance: Tensor = (&tried - middle).square();
            let inside = distance.sum_dim_intlist(1, true, None::<Kind>).le(middle * middle);
            moved = tried.where_self(&inside, &moved);
        }
        vec![moved.reshape(parameters[0].size()), parameters[1].shallow_clone()]
    }
}
