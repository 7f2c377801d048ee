//! Points of the grid that differ in nothing but numbers: they have one optimizer, one rule and one
//! batch size, and are one computation.

use tch::{Device, Tensor};

use super::config::OneNeuronConfig;
use super::points::Point;
use crate::lab::store::NamedTensors;
use crate::one_neuron::learning::update::Update;
use crate::one_neuron::model::architecture::{Model, Parameter};
use crate::one_neuron::model::rule::GradientRule;

/// Points that are computed together.
#[derive(Debug)]
pub struct PointGroup {
    /// Indices of the points in the grid.
    pub points: Vec<usize>,
    /// Samples in a batch.
    pub batch_size: usize,
    /// Parameters: `[point, replicate, parameter]`.
    pub params: Tensor,
    pub(super) model: Model,
    pub(super) rule: GradientRule,
    pub(super) update: Update,
    /// State of the update rule: `[point, replicate, parameter]` each.
    pub(super) buffers: Vec<Tensor>,
    /// Learning rates: `[point]`.
    pub(super) lr: Vec<f64>,
    /// What half the gradient is multiplied by: `[point][parameter]`.
    pub(super) scale: Vec<Vec<f64>>,
}

/// Sorts the points of a grid into groups, all points of a rule with its initial parameters.
///
/// # Shapes
/// - initial: the initial parameters by rule, `[replicate][parameter]`
pub fn groups(
    config: &OneNeuronConfig,
    points: &[Point],
    device: Device,
    initial: impl Fn(GradientRule) -> Vec<Vec<f64>>,
) -> Vec<PointGroup> {
    let mut groups: Vec<PointGroup> = Vec::new();
    for (index, point) in points.iter().enumerate() {
        let rule = point.gradient.without_factor();
        let fits = |group: &&mut PointGroup| {
            (group.rule, group.update.kind, group.batch_size)
                == (rule, point.optimizer, point.batch_size)
        };
        match groups.iter_mut().find(fits) {
            Some(group) => group.points.push(index),
            None => groups.push(PointGroup {
                points: vec![index],
                batch_size: point.batch_size,
                params: Tensor::new(),
                model: config.model,
                rule,
                update: Update {
                    kind: point.optimizer,
                    momentum: config.momentum,
                    beta1: config.beta1,
                    beta2: config.beta2,
                    eps: config.adam_eps,
                    eps_place: config.adam_eps_place,
                },
                buffers: Vec::new(),
                lr: Vec::new(),
                scale: Vec::new(),
            }),
        }
    }
    for group in &mut groups {
        let members: Vec<&Point> = group.points.iter().map(|index| &points[*index]).collect();
        group.lr = members.iter().map(|point| point.lr).collect();
        group.scale =
            members.iter().map(|point| config.model.scale(point.factor, point.sign)).collect();
        let start = initial(group.rule);
        let shape = [1, start.len() as i64, config.model.width() as i64];
        let start = Tensor::from_slice(&start.concat()).view(shape).to_device(device);
        group.params = start.repeat([members.len() as i64, 1, 1]);
        let buffers = group.update.kind.buffers().iter();
        group.buffers = buffers.map(|_| group.params.zeros_like()).collect();
    }
    groups
}

impl PointGroup {
    /// The parameters as live views, by the points' names.
    pub fn parameters(&self, points: &[Point]) -> NamedTensors {
        self.views("", &self.params, points)
    }

    /// The buffers of the update rule as live views, `optim.<buffer>.<parameter>`.
    pub fn buffers(&self, points: &[Point]) -> NamedTensors {
        let names = self.update.kind.buffers().iter();
        let named = names.zip(&self.buffers);
        named.flat_map(|(name, all)| self.views(&format!("optim.{name}."), all, points)).collect()
    }

    /// Views of `[point, replicate, parameter]` by the names of points and parameters.
    fn views(&self, prefix: &str, all: &Tensor, points: &[Point]) -> NamedTensors {
        let mut named = NamedTensors::new();
        for (k, index) in self.points.iter().enumerate() {
            let name = &points[*index].name;
            let name = if name.is_empty() { String::new() } else { format!("{name}.") };
            for part in self.model.parameters() {
                let view = view(&all.get(k as i64), part);
                named.push((format!("{prefix}{name}{}", part.name), view));
            }
        }
        named
    }
}

/// A parameter among `[replicate, parameter]` as `[replicate, shape]`, or as `[shape]` of the only
/// replicate.
fn view(runs: &Tensor, part: &Parameter) -> Tensor {
    let replicates = runs.size()[0];
    let values = runs.narrow(1, part.start, part.length());
    let whole: Vec<i64> = [replicates].iter().chain(part.shape).copied().collect();
    values.view(if replicates == 1 { part.shape } else { &whole })
}
