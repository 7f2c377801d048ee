//! The points of the grid: every combination of the lists.

use super::config::OneNeuronConfig;
use crate::one_neuron::learning::update::UpdateKind;
use crate::one_neuron::model::rule::{GradientRule, Sign};

/// One combination of the lists' values.
#[derive(Debug, Clone, PartialEq)]
pub struct Point {
    /// Name in tags, checkpoints and figures: the values of the lists that have several. It is empty
    /// for the only point.
    pub name: String,
    /// The update rule.
    pub optimizer: UpdateKind,
    /// The gradient's rule.
    pub gradient: GradientRule,
    /// The learning rate.
    pub lr: f64,
    /// Samples in a batch.
    pub batch_size: usize,
    /// The gradient's factor.
    pub factor: f64,
    /// The direction of the step.
    pub sign: Sign,
}

/// Every combination of the lists, each once, in the order optimizer, gradient, learning rate,
/// batch size.
pub fn points(config: &OneNeuronConfig) -> Vec<Point> {
    let mut points: Vec<Point> = Vec::new();
    for &optimizer in &config.optimizer {
        for &gradient in &config.gradient {
            for &lr in &config.lr {
                for &batch_size in &config.batch_size {
                    let point = Point {
                        name: String::new(),
                        optimizer,
                        gradient,
                        lr,
                        batch_size: batch_size as usize,
                        factor: config.factor.map_or(gradient.default_factor(), f64::from),
                        sign: config.sign.unwrap_or(config.model.default_sign(gradient)),
                    };
                    if !points.contains(&point) {
                        points.push(point);
                    }
                }
            }
        }
    }
    let names: Vec<String> = points.iter().map(|point| name(point, &points)).collect();
    points.iter_mut().zip(names).for_each(|(point, name)| point.name = name);
    points
}

/// The values in which a point differs from others, joined.
fn name(point: &Point, all: &[Point]) -> String {
    let mut parts = Vec::new();
    if all.iter().any(|other| other.optimizer != point.optimizer) {
        parts.push(point.optimizer.name().to_string());
    }
    if all.iter().any(|other| other.gradient != point.gradient) {
        parts.push(point.gradient.name().to_string());
    }
    if all.iter().any(|other| other.lr != point.lr) {
        parts.push(format!("lr{:e}", point.lr));
    }
    if all.iter().any(|other| other.batch_size != point.batch_size) {
        parts.push(format!("b{}", point.batch_size));
    }
    parts.join("_")
}

impl Point {
    /// The point's part of a tag or of a tensor's name: `prefix` alone for the only point.
    pub fn tag(&self, prefix: &str) -> String {
        if self.name.is_empty() { prefix.into() } else { format!("{prefix}/{}", self.name) }
    }
}
