//! Every number under `terms/`, `train/` and `covariance/`, under every constraint and option: computed
//! again in f64 from the checkpoints before and after its step, by formulas of these tests' own, and
//! gradients by central differences. Of the library it takes the patches, their noise and the filters
//! of a shape.

#![allow(clippy::unwrap_used)]

mod common;
mod retina_again;

use std::collections::{BTreeMap, BTreeSet};
use std::f64::consts::{E, PI};

use common::Bench;
use neuron_lab::efficient_coding::EfficientCoding;
use neuron_lab::efficient_coding::coding::constraint::{Constraint, Variant};
use neuron_lab::efficient_coding::coding::response::Nonlinearity;
use neuron_lab::efficient_coding::coding::shapes::{self, FilterShape};
use neuron_lab::efficient_coding::data::{self, PatchSource, Purpose};
use neuron_lab::efficient_coding::retina::config::EfficientCodingConfig;
use neuron_lab::lab::store::checkpoint::Checkpoint;
use neuron_lab::lab::tensor::rng;
use neuron_lab::lab::{RunConfig, configure, run};
use retina_again::lines::{LINES, flags};
use retina_again::{Matrix, Model, Outcome, difference, dot, log2_det, mean, norm, rows, vector};
use serde_json::Value;
use tch::{Device, Kind, Tensor};

/// A run whose numbers are computed again.
struct Case {
    run: RunConfig,
    config: EfficientCodingConfig,
    source: Box<dyn PatchSource>,
    shape: Option<Box<dyn FilterShape>>,
    /// C_x: `[input][input]`.
    covariance: Matrix,
    checkpoints: Vec<Checkpoint>,
}

impl Case {
    /// Patches with their noise: `[sample][input]`.
    fn batch(&self, stream: &str, t: u64) -> Matrix {
        let purpose = match stream {
            "patches" => Purpose::Training,
            _ => Purpose::HeldOut,
        };
        let count = self.config.batch_size;
        let patches = self.source.patches(purpose, count, self.run.seed, stream, t).unwrap();
        rng::seed_torch(self.run.seed, &format!("{stream}-noise"), t);
        let noise = patches.randn_like() * self.config.input_noise;
        rows(&(patches + noise))
    }

    /// The model after so many steps.
    fn model(&self, step: usize) -> Model {
        let tensors = &self.checkpoints[step - 1].tensors;
        let wide = |name: &str| tensors[name].to_kind(Kind::Double);
        let names = match &self.shape {
            Some(shape) => shape.initial(self.config.neurons, 0),
            None => vec![("encoder.W".to_string(), Tensor::new())],
        };
        Model {
            filters: names.iter().map(|(name, _)| wide(name)).collect(),
            log_gain: vector(&wide("encoder.logA")),
            log_threshold: vector(&wide("encoder.logB")),
            multiplier: tensors.get("Lambda").map(vector).unwrap_or_default(),
        }
    }

    /// The filters of a model: `[neuron][input]`.
    fn filters(&self, model: &Model) -> Matrix {
        rows(&match &self.shape {
            Some(shape) => shape.filters(&model.filters).tr(),
            None => model.filters[0].tr(),
        })
    }

    /// Rate, slope and activity at gain 1.
    fn respond(&self, u: f64) -> [f64; 3] {
        let step = f64::from(u8::from(u > 0.0));
        let [rate, slope] = match self.config.nonlinearity {
            Nonlinearity::Softplus => {
                [(2.5 * u).exp().ln_1p() / 2.5, 1.0 / (1.0 + (-2.5 * u).exp())]
            }
            Nonlinearity::Relu => [u * step, step],
            Nonlinearity::Linear => return [u, 1.0, u * u],
            Nonlinearity::Absolute => [u.abs(), u.signum()],
        };
        [rate, slope, rate]
    }

    /// What a model makes of a batch, at its own gains or at those that keep some activities.
    fn outcome(&self, model: &Model, batch: &Matrix, kept: Option<&[f64]>) -> Outcome {
        let (filters, neurons) = (self.filters(model), self.config.neurons as usize);
        let linear = self.config.nonlinearity == Nonlinearity::Linear;
        let outputs = |j: usize| {
            let threshold = if linear { 0.0 } else { model.log_threshold[j].exp() };
            batch.iter().map(|x| dot(x, &filters[j]) - threshold).collect::<Vec<f64>>()
        };
        let outputs: Matrix = (0..neurons).map(outputs).collect();
        let exponent = if linear { 2.0 } else { 1.0 };
        let each = |j: usize, part: usize| -> Vec<f64> {
            outputs[j].iter().map(|u| self.respond(*u)[part]).collect()
        };
        let gain: Vec<f64> = (0..neurons)
            .map(|j| match kept {
                Some(kept) => (kept[j] / mean(&each(j, 2))).powf(1.0 / exponent),
                None => model.log_gain[j].exp(),
            })
            .collect();
        let activity = (0..neurons).map(|j| mean(&each(j, 2)) * gain[j].powf(exponent)).collect();
        let over = |part: &dyn Fn(usize) -> f64| mean(&(0..neurons).map(part).collect::<Vec<_>>());
        let noise = self.config.input_noise.powi(2);
        let covered = |w: &[f64]| -> Vec<f64> {
            self.covariance.iter().zip(w).map(|(row, w_i)| dot(row, w) + noise * w_i).collect()
        };
        let slopes: Matrix = (0..batch.len())
            .map(|s| (0..neurons).map(|j| self.respond(outputs[j][s])[1] * gain[j]).collect())
            .collect();
        let of_pairs = |pair: &dyn Fn(usize, usize) -> f64| -> Matrix {
            (0..neurons).map(|i| (0..neurons).map(|j| pair(i, j)).collect()).collect()
        };
        let signal = of_pairs(&|i, j| dot(&filters[i], &covered(&filters[j])));
        let own = of_pairs(&|i, j| noise * dot(&filters[i], &filters[j]));
        let log_det = [signal, own].map(|matrix| {
            let each = slopes.iter().map(|g| {
                let added = |i, j| if i == j { self.config.output_noise.powi(2) } else { 0.0 };
                log2_det(of_pairs(&|i, j| g[i] * matrix[i][j] * g[j] + added(i, j)))
            });
            mean(&each.collect::<Vec<_>>())
        });
        Outcome {
            kl: log_det[0] - log_det[1],
            log_det,
            drive: over(&|j| mean(&outputs[j]) * gain[j]),
            rate: over(&|j| mean(&each(j, 0)) * gain[j]),
            activity,
            moments: of_pairs(&|i, j| {
                slopes.iter().map(|g| g[i] * g[j]).sum::<f64>() / slopes.len() as f64
            }),
        }
    }

    fn excess(&self, outcome: &Outcome) -> Vec<f64> {
        outcome.activity.iter().map(|a| a - self.config.firing_rate).collect()
    }

    /// Spatial variance of the squared weights, mean over neurons.
    fn variance(&self, model: &Model) -> f64 {
        let side = self.config.kernel_size as usize;
        let place = |i: usize| [(i / side % side) as f64, (i % side) as f64];
        let of_filter = |w: &Vec<f64>| -> f64 {
            let mass: Vec<f64> = w.iter().map(|w_i| w_i * w_i / dot(w, w)).collect();
            [0, 1]
                .map(|axis| {
                    let x: Vec<f64> = (0..w.len()).map(|i| place(i)[axis]).collect();
                    let squares: Vec<f64> = x.iter().map(|x| x * x).collect();
                    dot(&mass, &squares) - dot(&mass, &x).powi(2)
                })
                .iter()
                .sum()
        };
        mean(&self.filters(model).iter().map(of_filter).collect::<Vec<_>>())
    }

    /// The activities that the gain keeps while the filters descend: the target on the very batch, or
    /// what they are.
    fn kept(&self, model: &Model, batch: &Matrix) -> Option<Vec<f64>> {
        match self.config.constraint {
            Constraint::Exact => Some(vec![self.config.firing_rate; self.config.neurons as usize]),
            Constraint::TotalDerivative => Some(self.outcome(model, batch, None).activity),
            _ => None,
        }
    }

    /// The multipliers of a step: lambda, or what the controller makes of the excess h.
    fn prices(&self, index: usize, model: &Model, h: &[f64]) -> Vec<f64> {
        if self.config.constraint != Constraint::Pi {
            return model.multiplier.clone();
        }
        let state = |name: &str| {
            vector(&self.checkpoints[index - 1].tensors[&format!("state.controller.{name}")])
        };
        let (old, sum, share) = (state("mean"), state("sum"), self.config.pi_smoothing);
        let price = |j: usize| {
            let smooth = old[j] * share + h[j] * (1.0 - share);
            model.multiplier[j] + sum[j] + smooth * self.config.pi_proportional
        };
        (0..h.len()).map(price).collect()
    }

    fn centring(&self, index: usize, model: &Model) -> f64 {
        let placing = &self.config.placing;
        let on = (placing.centring_start..placing.centring_stop).contains(&(index as u64));
        if on { placing.centring_weight * self.variance(model) } else { 0.0 }
    }

    /// The loss that the filters descend, at fixed prices.
    fn loss(
        &self,
        index: usize,
        model: &Model,
        batch: &Matrix,
        prices: &[f64],
        kept: Option<&[f64]>,
    ) -> f64 {
        let outcome = self.outcome(model, batch, kept);
        let h = self.excess(&outcome);
        let of_rates = match (self.config.constraint, self.config.variant) {
            (Constraint::Lagrange, _) => dot(prices, &h) + self.config.rho / 2.0 * dot(&h, &h),
            (Constraint::Pi, _) => dot(prices, &h),
            (Constraint::TwoLosses, Some(Variant::Leak)) => dot(&h, &h),
            _ => 0.0,
        };
        -outcome.kl / 2.0 + of_rates + self.centring(index, model)
    }

    /// Central differences of a number by every entry of the filters' parameters.
    fn by_filters(&self, model: &Model, f: &dyn Fn(&Model) -> f64) -> Vec<f64> {
        let mut slopes = Vec::new();
        for part in 0..model.filters.len() {
            for i in 0..model.filters[part].numel() as i64 {
                slopes.push(difference(&|step| {
                    let moved = model.clone();
                    let _ = moved.filters[part].view([-1]).get(i).g_add_scalar_(step);
                    f(&moved)
                }));
            }
        }
        slopes
    }

    /// The gradient of all that learns with the filters.
    fn gradient(&self, index: usize, model: &Model, batch: &Matrix) -> Vec<f64> {
        if self.config.constraint == Constraint::Project {
            return self.projected(index, model, batch);
        }
        let kept = self.kept(model, batch);
        let now = self.outcome(model, batch, kept.as_deref());
        let prices = self.prices(index, model, &self.excess(&now));
        let loss = |model: &Model| self.loss(index, model, batch, &prices, kept.as_deref());
        let mut slopes = self.by_filters(model, &loss);
        let [gain, threshold] = self.scalars_with_filters();
        for j in 0..self.config.neurons as usize {
            let mut by = |pick: fn(&mut Model) -> &mut Vec<f64>| {
                slopes.push(difference(&|step| {
                    let mut moved = model.clone();
                    pick(&mut moved)[j] += step;
                    loss(&moved)
                }));
            };
            if gain {
                by(|model| &mut model.log_gain);
            }
            if threshold {
                by(|model| &mut model.log_threshold);
            }
        }
        if self.config.constraint == Constraint::Lagrange {
            // The multipliers climb: their gradient is -h.
            slopes.extend(self.excess(&now));
        }
        slopes
    }

    /// Whether gains, and thresholds, learn with the filters.
    fn scalars_with_filters(&self) -> [bool; 2] {
        match self.config.constraint {
            Constraint::Lagrange | Constraint::None | Constraint::Pi => [true, true],
            Constraint::GammaV1 | Constraint::GammaV2 | Constraint::Exact => [false, true],
            Constraint::TwoLosses | Constraint::Project | Constraint::TotalDerivative => {
                [false, false]
            }
        }
    }

    /// The gradient of -KL/2, each filter's part along the sphere without that along its rate's.
    fn projected(&self, index: usize, model: &Model, batch: &Matrix) -> Vec<f64> {
        let (filters, neurons) = (self.filters(model), self.config.neurons as usize);
        let kl = self.by_filters(model, &|model| self.outcome(model, batch, None).kl);
        let rates: Matrix = (0..neurons)
            .map(|j| self.by_filters(model, &|model| self.outcome(model, batch, None).activity[j]))
            .collect();
        let pull = self.by_filters(model, &|model| self.centring(index, model));
        let column = |all: &[f64], j: usize| -> Vec<f64> {
            all.iter().skip(j).step_by(neurons).copied().collect()
        };
        let without = |a: &[f64], b: &[f64]| -> Vec<f64> {
            a.iter().zip(b).map(|(a_i, b_i)| a_i - b_i * dot(a, b) / dot(b, b)).collect()
        };
        let of_filter = |j: usize| {
            let along = |all: &[f64]| without(&column(all, j), &filters[j]);
            let left = without(&along(&kl), &along(&rates[j]));
            left.iter().zip(column(&pull, j)).map(|(kl, pull)| -kl / 2.0 + pull).collect::<Vec<_>>()
        };
        (0..neurons).flat_map(of_filter).collect()
    }

    /// The norm of all that an optimizer moves.
    fn param_norm(&self, model: &Model) -> f64 {
        let mut all: Vec<f64> = model.filters.iter().flat_map(vector).collect();
        all.extend(&model.log_threshold);
        match self.config.constraint {
            Constraint::GammaV1 | Constraint::GammaV2 | Constraint::Exact => {}
            Constraint::Lagrange | Constraint::None | Constraint::Pi | Constraint::TwoLosses => {
                all.extend(&model.log_gain);
            }
            Constraint::Project | Constraint::TotalDerivative => all.extend(&model.log_gain),
        }
        if self.config.constraint == Constraint::Lagrange {
            all.extend(&model.multiplier);
        }
        norm(&all)
    }

    /// KL before and after the last step of gains and thresholds up to step `index`.
    fn rate_step(&self, index: usize) -> Option<[f64; 2]> {
        let config = &self.config;
        let alternates = config.variant == Some(Variant::Alternate);
        let at = if alternates { index - index % 2 } else { index };
        let moves = match config.constraint {
            Constraint::GammaV1 | Constraint::GammaV2 | Constraint::TwoLosses => true,
            Constraint::Project | Constraint::TotalDerivative => true,
            Constraint::Lagrange | Constraint::None | Constraint::Exact | Constraint::Pi => false,
        };
        let logged = at + self.run.log_every as usize > index;
        (moves && logged).then(|| {
            let (before, after) = (self.model(at), self.model(at + 1));
            let batch = self.batch("patches", at as u64);
            let moved = Model { filters: before.clone().filters, ..after };
            [before, moved].map(|model| self.outcome(&model, &batch, None).kl)
        })
    }

    /// What step `index`, from 0, logs.
    fn of_step(&self, index: usize) -> BTreeMap<&'static str, f64> {
        let (config, model) = (&self.config, self.model(index));
        let batch = self.batch("patches", index as u64);
        let eliminated =
            (config.constraint == Constraint::Exact).then(|| self.kept(&model, &batch));
        let outcome = self.outcome(&model, &batch, eliminated.flatten().as_deref());
        let h = self.excess(&outcome);
        let prices = self.prices(index, &model, &h);
        let kept = self.kept(&model, &batch);
        rng::seed_torch(self.run.seed, "output-noise", index as u64);
        let shape = [config.batch_size, config.neurons];
        let noise = mean(&vector(&Tensor::randn(shape, (Kind::Float, Device::Cpu))));
        let absolute: Vec<f64> = h.iter().map(|h| h.abs()).collect();
        let mut values = BTreeMap::from([
            ("terms/z", outcome.drive + noise * config.output_noise),
            ("terms/r", outcome.rate),
            ("terms/logdet_numerator", outcome.log_det[0]),
            ("terms/logdet_denominator", outcome.log_det[1]),
            ("terms/KL", outcome.kl),
            ("terms/loss", -outcome.kl / 2.0),
            ("terms/h", mean(&h)),
            ("terms/h_rms", norm(&h) / (h.len() as f64).sqrt()),
            ("terms/h_max", absolute.iter().copied().fold(0.0, f64::max)),
            ("terms/MI", outcome.kl / 2.0 + self.input_bits()),
            ("terms/bits_per_spike", outcome.kl / 2.0 / outcome.activity.iter().sum::<f64>()),
            ("train/param_norm", self.param_norm(&model)),
            ("train/kernel_variance", self.variance(&model)),
            ("train/final_loss", self.loss(index, &model, &batch, &prices, kept.as_deref())),
            ("train/Firing_rate_loss", dot(&h, &h)),
        ]);
        if !prices.is_empty() {
            values.insert("terms/linear_penalty", dot(&prices, &h));
        }
        if config.constraint == Constraint::Lagrange {
            values.insert("terms/quadratic_penalty", config.rho / 2.0 * dot(&h, &h));
        }
        if config.variant != Some(Variant::Alternate) || index % 2 == 1 {
            values.insert("train/grad_norm", norm(&self.gradient(index, &model, &batch)));
        }
        if let Some([before, after]) = self.rate_step(index) {
            values.insert("terms/KL_before_rate_step", before);
            values.insert("terms/KL_after_rate_step", after);
        }
        values
    }

    /// The entropy of the patches' Gaussian with k^2 dimensions, under `--legacy-logging`.
    fn input_bits(&self) -> f64 {
        if !self.config.measuring.legacy_logging {
            return 0.0;
        }
        let exact = log2_det(rows(&self.source.covariance().unwrap())) / 2.0;
        exact + self.config.kernel_size.pow(2) as f64 * (2.0 * PI * E).log2() / 2.0
    }

    /// What an evaluation after `step` steps logs.
    fn of_evaluation(&self, step: usize) -> BTreeMap<&'static str, f64> {
        let (model, neurons) = (self.model(step), self.config.neurons as usize);
        let count = self.config.measuring.covariance_batches as usize;
        let each: Vec<Matrix> = (0..count)
            .map(|t| self.outcome(&model, &self.batch("covariance", t as u64), None).moments)
            .collect();
        let filters = self.filters(&model);
        let (mut off, mut errors) = (0.0, 0.0);
        for i in 0..neurons {
            for j in 0..neurons {
                let covered = self.covariance.iter().map(|row| dot(row, &filters[j]));
                let signal = dot(&filters[i], &covered.collect::<Vec<_>>())
                    + self.config.input_noise.powi(2) * dot(&filters[i], &filters[j]);
                let here: Vec<f64> = each.iter().map(|moments| moments[i][j] * signal).collect();
                let spread: Vec<f64> = here.iter().map(|value| value - mean(&here)).collect();
                errors += norm(&spread) / ((count as f64 - 1.0) * count as f64).sqrt();
                off += if i == j { 0.0 } else { mean(&here).powi(2) };
            }
        }
        let pairs = (neurons * (neurons - 1)).max(1) as f64;
        let mut values = BTreeMap::from([
            ("covariance/batches", count as f64),
            ("covariance/off_diagonal", (off / pairs).sqrt()),
        ]);
        if count > 1 {
            values.insert("covariance/standard_error", errors / neurons.pow(2) as f64);
        }
        values
    }
}

/// Runs a line and opens what it has left; and its values under the three prefixes, by step.
fn case(bench: &Bench, line: &str) -> (Case, BTreeMap<usize, BTreeMap<String, f64>>) {
    let words = || bench.arguments(&flags(line));
    run::<EfficientCoding>(words()).unwrap();
    let settings = configure::<EfficientCoding>(words()).unwrap();
    let (run, config) = (settings.run, settings.experiment);
    let folder = bench.path("checkpoints/efficient_coding/a");
    let read = |step| Checkpoint::read(&folder.join(format!("step-{step:08}.json"))).unwrap();
    let checkpoints: Vec<Checkpoint> = (1..=run.steps.unwrap()).map(read).collect();
    let patch = config.patch();
    let source = data::open(&run.data, &run.data_dir, patch, &config.ensemble(), run.seed).unwrap();
    let shape = shapes::of(&config.shape, patch, config.shape_options()).unwrap();
    let covariance = rows(&checkpoints[0].tensors["state.covariance"]);
    let text =
        std::fs::read_to_string(bench.path("runs/efficient_coding/a/metrics.jsonl")).unwrap();
    let mut logged: BTreeMap<usize, BTreeMap<String, f64>> = BTreeMap::new();
    for line in text.lines() {
        let entry: Value = serde_json::from_str(line).unwrap();
        let values = entry["values"].as_object().unwrap();
        let ours = values.iter().filter(|(tag, _)| {
            ["terms/", "train/", "covariance/"].iter().any(|prefix| tag.starts_with(prefix))
        });
        let step = entry["step"].as_u64().unwrap() as usize;
        let ours = ours.map(|(tag, value)| (tag.clone(), value.as_f64().unwrap()));
        logged.entry(step).or_default().extend(ours);
    }
    (Case { run, config, source, shape, covariance, checkpoints }, logged)
}

#[test]
fn every_number_is_what_its_tag_says() {
    tch::set_num_threads(1);
    for line in LINES {
        let bench = Bench::new();
        let (case, logged) = case(&bench, line);
        // Before the first step there is no checkpoint, and rates may have moved in the step before.
        for (step, found) in logged.iter().filter(|(step, _)| **step > 2) {
            let mut expected = case.of_step(step - 1);
            if step % 2 == 0 {
                expected.extend(case.of_evaluation(*step));
            }
            let tags: BTreeSet<&str> = found.keys().map(String::as_str).collect();
            assert_eq!(tags, expected.keys().copied().collect(), "{line}, step {step}");
            for (tag, expected) in expected {
                let found = found[tag];
                let near = (found - expected).abs() < 3e-5 * expected.abs().max(1.0);
                assert!(near, "{line}, step {step}: {tag} {found}, not {expected}");
            }
        }
        assert!(logged.len() >= 3, "{line}");
    }
}
