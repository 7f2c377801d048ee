//! The experiment `apical_characterize`: one phase 1 over a grid of steps, then one pass of
//! phase 2 with its direction beside that of the gradient.

use anyhow::Result;
use serde_json::Value;
use tch::{Device, Kind, Tensor, no_grad_guard};

use super::config::CharacterizeConfig;
use super::grid;
use super::samples::{Statistics, gradients};
use crate::apical::network::{Network, note_ends};
use crate::apical::rule;
use crate::apical::split::Split;
use crate::data;
use crate::lab::error::refuse;
use crate::lab::log::run_log::Log;
use crate::lab::log::tensorboard::Chart;
use crate::lab::store::checkpoint::{Score, State};
use crate::lab::tensor::{rng, to_host};
use crate::lab::train::experiment::{Evaluation, Experiment, Plan, Step};
use crate::lab::train::phase::Phase;
use crate::lab::{Preset, Settings};

/// One phase 1 and one pass of phase 2; replicates are networks of successive seeds.
pub struct Characterize {
    pub(super) config: CharacterizeConfig,
    pub(super) network: Network,
    pub(super) split: Split,
    /// Statistics of the first network's per-sample gradients at a = 1, for each layer.
    pub(super) statistics: Vec<Statistics>,
    /// Loss at a = 1 minus loss at each grid point, on D_W: [network][point].
    pub(super) drops: Vec<Vec<f64>>,
    /// Loss of the best predictor that ignores its input, on D_W.
    pub(super) constant: f64,
    pub(super) name: String,
    /// Networks that have not diverged in phase 2: [network] bool.
    alive: Tensor,
    /// The batch, from 1, in which each one diverged, else NaN: [network] f64.
    diverged_at: Tensor,
    start: Vec<f64>,
    source: Value,
    order: Tensor,
    plan: Plan,
}

impl Experiment for Characterize {
    const NAME: &'static str = "apical_characterize";
    const ABOUT: &'static str =
        "Maps what one phase 1 and one phase 2 do to the loss (docs/apical.md)";
    const DEFAULTS: &'static str = r#"{"log_every": 1}"#;
    const PRESETS: &'static [Preset] = &[
        Preset {
            name: "loss-drop",
            reason: "the notebook's map of the loss drop, whose rows differ: gradients summed over \
                     batches (the defaults)",
            values: "{}",
        },
        Preset {
            name: "loss-drop-text",
            reason: "the same with the mean of the notebook's formula: all rows are equal",
            values: r#"{"a_reduce": "mean"}"#,
        },
    ];
    const METRICS: &'static [&'static str] = &["map/largest_drop", "eval/loss"];
    const TAGS: &'static [(&'static str, &'static str)] = &[
        ("train/loss", "loss of each batch of phase 2, before its step"),
        ("rule/norm/layer*", "Frobenius norm of the change that the rule asks of a layer, over lr"),
        (
            "rule/cosine/layer*",
            "cosine between the rule's change and the negative gradient of the batch loss",
        ),
        ("map/largest_drop", "largest drop of the loss on D_W over the map"),
        ("map/drop/*", "drop of the loss on D_W in phase 1 at a batch size and learning rate"),
        ("gradient/sd/layer*", "standard deviation of per-sample gradients in the multipliers"),
        ("gradient/skewness/layer*", "third standardised moment of the same"),
        ("gradient/negative/layer*", "share of the same below 0"),
        ("eval/loss_start", "loss on D_W with all multipliers 1"),
        ("eval/loss", "loss on D_test after phase 2, mean over live networks"),
        ("train/live_networks", "networks that have not diverged in phase 2"),
        ("network*/diverged_at", "batch of phase 2, from 1, in which a network diverged"),
        ("time/*", "milliseconds of each phase in a step, and steps a second"),
        ("figures/*", "the figures of the run's end"),
    ];
    type Config = CharacterizeConfig;

    fn resolve(settings: &mut Settings<CharacterizeConfig>) -> Result<()> {
        settings.experiment.validate()
    }

    fn build(settings: &Settings<CharacterizeConfig>, device: Device) -> Result<Self> {
        let _guard = no_grad_guard();
        let (run, config) = (&settings.run, settings.experiment.clone());
        let data = data::load(&run.data, &run.data_dir, device)?;
        let split = Split::new(&data, None, run.seed, device)?;
        let (samples, batch) = (split.w.samples(), config.batch_size);
        if batch > samples {
            return Err(refuse(format!("--batch-size {batch}: D_W has {samples} images")));
        }
        let seeds = (0..u64::from(run.replicates)).map(|i| run.seed.wrapping_add(i));
        let seeds: Vec<u64> = seeds.collect();
        let mut network = config.model.network(&data, &seeds, device);
        let (gradient, statistics) =
            gradients(&network, &split.a, config.model.loss, config.range)?;
        let (lr, batches) = (&config.grid_lr, &config.grid_batch);
        let mut steps = vec![0.0];
        steps.extend(grid::steps(lr, batches, split.a.samples(), config.a_reduce));
        let (mut drops, mut start) = (Vec::new(), Vec::new());
        for i in 0..network.runs {
            let losses = grid::losses(&network, i, &gradient, &split.w, config.model.loss, &steps);
            let losses = to_host::values(&losses)?;
            start.push(losses[0]);
            drops.push(losses[1..].iter().map(|loss| losses[0] - loss).collect());
        }
        for (layer, g) in network.layers.iter_mut().zip(&gradient) {
            let _ = layer.apical.g_sub_(&(g * config.lr_a));
        }
        let order = rng::permutation(samples, run.seed, "data", 0).to_device(device);
        let whole = (samples as u64).div_ceil(batch as u64);
        let steps = run.steps.unwrap_or(whole).min(whole);
        if steps == 0 {
            return Err(refuse("--steps 0: expected 1 or more"));
        }
        let plan = Plan { steps, evaluate_every: steps };
        Ok(Self {
            alive: Tensor::ones([network.runs], (Kind::Bool, device)),
            diverged_at: Tensor::full([network.runs], f64::NAN, (Kind::Double, device)),
            constant: to_host::scalar(
                &config.model.loss.of_constant(&split.w.labels, data.num_classes),
            )?,
            name: data.name,
            source: data.source,
            config,
            network,
            split,
            statistics,
            drops,
            start,
            order,
            plan,
        })
    }

    fn plan(&self) -> Plan {
        self.plan
    }

    fn step(&mut self, step: &mut Step) -> Result<()> {
        let _guard = no_grad_guard();
        let (batch, part) = (self.config.batch_size, &self.split.w);
        let from = step.index as i64 * batch;
        let length = batch.min(part.samples() - from);
        let order = self.order.narrow(0, from, length);
        let x = part.images.index_select(0, &order);
        let target = part.target.index_select(0, &order);
        let options = (Kind::Float, x.device());
        let rates = Tensor::full([1, 1, 1], self.config.lr_w / length as f64, options);
        let changes = step.time(Phase::Forward, || {
            rule::moving(&self.network, &x, length, self.config.pre, &rates)
        });
        let loss = self.config.model.loss.mean(changes.pass.output(), &target);
        self.freeze(&loss, step.index + 1);
        step.mean("train/loss", &self.mean(&loss));
        let one = Tensor::full([], 1.0 / length as f64, options);
        let delta = self.config.model.loss.gradient(changes.pass.output(), &target, &one);
        let slopes = step
            .time(Phase::Backward, || self.network.backward(&x, &changes.pass, delta, true).weight);
        for (k, slope) in slopes.iter().enumerate() {
            let change = changes.of(k).to_kind(Kind::Double).flatten(1, 2);
            let slope = slope.to_kind(Kind::Double).flatten(1, 2).neg();
            let dot = (&change * &slope).sum_dim_intlist(1, false, Kind::Double);
            let square = |t: &Tensor| t.square().sum_dim_intlist(1, false, Kind::Double).sqrt();
            let (norm, other) = (square(&change), square(&slope));
            let cosine = dot / (&norm * other).clamp_min(f64::MIN_POSITIVE);
            step.last(&format!("rule/norm/layer{k}"), &self.mean(&(norm / self.config.lr_w)));
            step.last(&format!("rule/cosine/layer{k}"), &self.mean(&cosine));
        }
        step.last("train/live_networks", &self.alive.sum(Kind::Double));
        let still = self.alive.logical_not().view([-1, 1, 1]);
        step.time(Phase::Optimizer, || changes.apply(&self.network, &still));
        Ok(())
    }

    fn evaluate(&mut self, evaluation: &mut Evaluation) -> Result<Option<Score>> {
        let _guard = no_grad_guard();
        let pass = self.network.forward(&self.split.test.images, true);
        let loss = self.config.model.loss.mean(pass.output(), &self.split.test.target);
        evaluation.scalar("eval/loss", vec![to_host::scalar(&self.mean(&loss))?]);
        for (i, at) in to_host::values(&self.diverged_at)?.into_iter().enumerate() {
            if at.is_finite() {
                evaluation.scalar(&format!("network{i}/diverged_at"), vec![at]);
                evaluation.say(&format!("network {i} diverged in batch {at} of phase 2: frozen"));
            }
        }
        evaluation.scalar("eval/loss_start", self.start.clone());
        let largest = |drops: &Vec<f64>| drops.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        evaluation.scalar("map/largest_drop", self.drops.iter().map(largest).collect());
        let columns = self.config.grid_lr.len();
        for (i, batch) in self.config.grid_batch.iter().enumerate() {
            for (j, lr) in self.config.grid_lr.iter().enumerate() {
                let drops = self.drops.iter().map(|drops| drops[i * columns + j]).collect();
                evaluation.scalar(&format!("map/drop/bs{batch}_lr{lr:e}"), drops);
            }
        }
        for (k, s) in self.statistics.iter().enumerate() {
            for (what, value) in [("sd", s.sd), ("skewness", s.skewness), ("negative", s.negative)]
            {
                evaluation.scalar(&format!("gradient/{what}/layer{k}"), vec![value]);
            }
            evaluation.say(&format!(
                "layer {k}: per-sample ∂l/∂a: sd {:.4}, skewness {:.2}, negative {:.1} %",
                s.sd,
                s.skewness,
                100.0 * s.negative
            ));
        }
        Ok(None)
    }

    fn state(&self) -> State {
        let layers = self.network.layers.iter().enumerate();
        let named = layers.flat_map(|(k, layer)| {
            [("weight", &layer.weight), ("apical", &layer.apical)].map(|(what, tensor)| {
                let one = self.network.runs == 1;
                let plain = if one { tensor.get(0) } else { tensor.shallow_clone() };
                (format!("layer{k}.{what}"), plain)
            })
        });
        let mut state: State = named.collect();
        state.push(("state.alive".into(), self.alive.shallow_clone()));
        state.push(("state.diverged_at".into(), self.diverged_at.shallow_clone()));
        state
    }

    fn source(&self) -> Value {
        self.source.clone()
    }

    fn charts(&self) -> Vec<Chart> {
        vec![
            Chart::lines("phase 2", "batch loss", &["train/loss"]),
            Chart::pattern("phase 2", "cosine with -dL/dW", "^rule/cosine/layer[0-9]+$"),
            Chart::pattern("phase 2", "norm of the change", "^rule/norm/layer[0-9]+$"),
        ]
    }

    fn figures(&mut self, log: &mut Log, step: u64) -> Result<()> {
        super::figures::draw(self, log, step)
    }
}

impl Characterize {
    /// Freezes the networks whose loss is over the cap, or not finite, at the weights that they
    /// had before this batch.
    ///
    /// - loss: [run]
    fn freeze(&mut self, loss: &Tensor, batch: u64) {
        let _ = self.alive.logical_and_(&loss.le(self.config.cap));
        note_ends(&mut self.diverged_at, &self.alive, batch as f64);
    }

    /// The mean over the networks that have not diverged; NaN where none is left.
    ///
    /// - values: [run]
    fn mean(&self, values: &Tensor) -> Tensor {
        let sum = values.masked_fill(&self.alive.logical_not(), 0.0).sum(Kind::Double);
        sum / self.alive.sum(Kind::Double)
    }
}
