//! The axes of a sweep: seed, q (expansion), repeat, and rule (noise, then learning step).

use tch::{Device, Tensor};

use crate::steady_state::plant::granule::CELLS;

/// The values along every axis of a sweep.
#[derive(Debug, Clone)]
pub struct SweepAxes {
    /// Seeds.
    pub seeds: Vec<u64>,
    /// Expansions q in ascending order.
    pub expansions: Vec<i64>,
    /// Realisations of the noise for each network.
    pub repeats: i64,
    /// Signal-to-noise ratios, infinite for no noise.
    pub ratios: Vec<f64>,
    /// Learning steps γ at q = 1.
    pub gammas: Vec<f64>,
    /// Exponent by which the learning step falls with q.
    pub gamma_exponent: f64,
}

/// The position of one run on the axes of a sweep.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RunIndex {
    /// Index of the seed.
    pub seed: usize,
    /// Index of the expansion.
    pub size: usize,
    /// Realisation of the noise.
    pub repeat: usize,
    /// Index of the signal-to-noise ratio.
    pub ratio: usize,
    /// Index of the learning step.
    pub gamma: usize,
}

/// What the runs of all seeds and repeats of one condition have in common.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Condition {
    /// Index of the signal-to-noise ratio.
    pub ratio: usize,
    /// Index of the expansion.
    pub size: usize,
    /// Index of the learning step.
    pub gamma: usize,
}

/// Learning steps γ and lengths η of the noise: `[q, rule]` each.
#[derive(Debug)]
pub struct StepSizes {
    /// Learning step γ.
    pub gamma: Tensor,
    /// Length η of the noise at each update.
    pub eta: Tensor,
}

impl RunIndex {
    /// The condition that the run belongs to.
    pub fn condition(self) -> Condition {
        Condition { ratio: self.ratio, size: self.size, gamma: self.gamma }
    }
}

impl SweepAxes {
    /// Lengths of the axes seed, q, repeat, rule.
    pub fn shape(&self) -> [i64; 4] {
        let rules = self.ratios.len() * self.gammas.len();
        [self.seeds.len() as i64, self.expansions.len() as i64, self.repeats, rules as i64]
    }

    /// Cells of the largest network.
    pub fn cells(&self) -> i64 {
        CELLS * self.expansions.last().copied().unwrap_or(1)
    }

    /// Index on the axis rule of a noise and a learning step.
    pub fn rule(&self, ratio: usize, gamma: usize) -> usize {
        ratio * self.gammas.len() + gamma
    }

    /// The learning step that the expansion of index `size` takes.
    pub fn gamma(&self, index: usize, size: usize) -> f64 {
        self.scaled(self.gammas[index], size)
    }

    /// The learning step of the expansion of index `size` that `gamma` at q = 1 stands for.
    pub fn scaled(&self, gamma: f64, size: usize) -> f64 {
        gamma / (self.expansions[size] as f64).powf(self.gamma_exponent)
    }

    /// γ and η of every expansion and rule.
    pub fn step_sizes(&self, device: Device) -> StepSizes {
        let (mut gammas, mut etas) = (Vec::new(), Vec::new());
        for size in 0..self.expansions.len() {
            for ratio in &self.ratios {
                for index in 0..self.gammas.len() {
                    let gamma = self.gamma(index, size);
                    gammas.push(gamma);
                    etas.push(gamma / ratio);
                }
            }
        }
        let [_, sizes, _, rules] = self.shape();
        let matrix =
            |values: &[f64]| Tensor::from_slice(values).view([sizes, rules]).to_device(device);
        StepSizes { gamma: matrix(&gammas), eta: matrix(&etas) }
    }

    /// The index of every run, in the order of the tensors' elements.
    pub fn indices(&self) -> Vec<RunIndex> {
        let [seeds, sizes, repeats, rules] = self.shape().map(|length| length as usize);
        let index = |i: usize| RunIndex {
            seed: i / (sizes * repeats * rules),
            size: i / (repeats * rules) % sizes,
            repeat: i / rules % repeats,
            ratio: i % rules / self.gammas.len(),
            gamma: i % self.gammas.len(),
        };
        (0..seeds * sizes * repeats * rules).map(index).collect()
    }

    /// The noise's name in tags and tables.
    pub fn noise_name(&self, ratio: usize) -> String {
        match self.ratios[ratio] {
            none if none.is_infinite() => "no_noise".into(),
            ratio => format!("snr{ratio}"),
        }
    }
}
