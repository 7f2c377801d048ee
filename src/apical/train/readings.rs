//! The numbers of one evaluation of `apical_train`, read from the device in one copy.

use anyhow::Result;
use tch::{Kind, Tensor};

use super::state::ApicalTrain;
use crate::apical::learning::cycle::PhasePosition;
use crate::lab::statistics::quantile;
use crate::lab::tensor::to_host;

/// Names of the results of a run, in the order of the rows of its tensor of results.
pub const RESULTS: [&str; 4] = ["loss_w", "accuracy_w", "loss", "accuracy"];
/// Names of what is measured of the rates of a layer.
pub const POWER: [&str; 2] = ["power", "power_above_one"];
/// Names of what is measured of the multipliers of a layer.
pub const MULTIPLIERS: [&str; 5] = ["variance", "mean", "min", "max", "above_one"];

/// The numbers of one evaluation; the last axis of each is that of runs.
#[derive(Debug)]
pub struct Readings {
    /// The position of the last step.
    pub position: PhasePosition,
    /// Whether that step was the last one of its phase.
    pub at_end_of_phase: bool,
    /// The runs that have not exploded: `[run]`.
    pub alive: Vec<bool>,
    /// Passes of phase 2 until each run exploded, NaN for those that have not: `[run]`.
    pub exploded_at: Vec<f64>,
    /// Mean loss of phase 1's samples, where its gradient was taken: `[run]`.
    pub loss_a: Vec<f64>,
    /// `[result][run]`, see [`RESULTS`].
    pub results: Vec<Vec<f64>>,
    /// The results at the end of the phase before: `[result][run]`.
    pub previous: Vec<Vec<f64>>,
    /// `[layer x quantity][run]`, see [`MULTIPLIERS`].
    pub multipliers: Vec<Vec<f64>>,
    /// `[layer x quantity][run]`, see [`POWER`].
    pub power: Vec<Vec<f64>>,
    /// Cosine of the rule's change with the steepest descent on D_W: `[layer][run]`.
    pub rule_cosine: Vec<Vec<f64>>,
}

impl Readings {
    /// The median over all runs, of which those that have exploded count as the largest.
    ///
    /// - values: `[run]`
    pub fn median(&self, values: &[f64]) -> f64 {
        let of = |(value, alive): (&f64, &bool)| if *alive { *value } else { f64::INFINITY };
        let all: Vec<f64> = values.iter().zip(&self.alive).map(of).collect();
        quantile(&all, 0.5)
    }

    /// Measures the networks, and reads everything.
    ///
    /// # Shapes
    /// - results: `[4, run]` f64
    ///
    /// # Errors
    /// If the device can't be read.
    pub fn take(
        run: &ApicalTrain,
        results: &Tensor,
        position: PhasePosition,
        at_end_of_phase: bool,
    ) -> Result<Self> {
        let trainer = &run.trainer;
        let modulated = run.is_modulated(position);
        let loss_a = &run.loss_a / run.split.a.len() as f64;
        let parts = [
            &trainer.live.alive.to_kind(Kind::Double).unsqueeze(0),
            &trainer.live.ended_at.unsqueeze(0),
            &loss_a.unsqueeze(0),
            results,
            &run.previous_results,
            &trainer.multiplier_statistics(),
            &trainer.rate_power(&run.split.test, modulated),
            &trainer.rule_cosine(&run.split.w, modulated),
        ];
        let numbers = to_host::values(&Tensor::cat(&parts, 0))?;
        let mut rows = numbers.chunks(run.rates.len()).map(<[f64]>::to_vec);
        let mut take = |count: usize| -> Vec<Vec<f64>> { rows.by_ref().take(count).collect() };
        let layers = trainer.network.layers.len();
        Ok(Self {
            position,
            at_end_of_phase,
            alive: take(1).concat().iter().map(|alive| *alive == 1.0).collect(),
            exploded_at: take(1).concat(),
            loss_a: take(1).concat(),
            results: take(RESULTS.len()),
            previous: take(RESULTS.len()),
            multipliers: take(MULTIPLIERS.len() * layers),
            power: take(POWER.len() * layers),
            rule_cosine: take(layers),
        })
    }

    /// How many runs are live.
    pub fn live_runs(&self) -> usize {
        self.alive.iter().filter(|alive| **alive).count()
    }

    /// The lowest loss on D_test among the live runs, NaN where there is none.
    pub fn best_loss(&self) -> f64 {
        let losses = self.results[2].iter().zip(&self.alive).filter(|(_, alive)| **alive);
        losses.map(|(loss, _)| *loss).fold(f64::NAN, f64::min)
    }

    /// By how much the phase lowered each run's result number `result`: `[run]`.
    pub fn drop(&self, result: usize) -> Vec<f64> {
        let pairs = self.previous[result].iter().zip(&self.results[result]);
        pairs.map(|(before, after)| before - after).collect()
    }
}
