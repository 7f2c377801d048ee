//! Which run is which: the axes seed, q, repeat and rule (noise, then learning step).

use tch::{Device, Tensor};

use super::config::SteadyStateConfig;
use super::granule::CELLS;

/// The axes of a sweep.
#[derive(Debug, Clone)]
pub struct Grid {
    /// Seeds.
    pub seeds: Vec<u64>,
    /// Expansions.
    pub expansions: Vec<i64>,
    /// Realisations of the noise.
    pub repeats: i64,
    /// Signal-to-noise ratios, infinite for none.
    pub ratios: Vec<f64>,
    /// Learning steps at q = 1.
    pub gammas: Vec<f64>,
    exponent: f64,
}

/// One run of a sweep.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Place {
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

impl Grid {
    /// The sweep of a configuration, with seeds SEED, SEED + 1, ...
    pub fn new(config: &SteadyStateConfig, seed: u64, seeds: u32) -> Self {
        Self {
            seeds: (0..u64::from(seeds)).map(|i| seed.wrapping_add(i)).collect(),
            expansions: config.expansions.clone(),
            repeats: config.repeats,
            ratios: config.ratios(),
            gammas: config.gammas.clone(),
            exponent: config.gamma_exponent,
        }
    }

    /// Lengths of the axes seed, q, repeat, rule.
    pub fn shape(&self) -> [i64; 4] {
        let rules = self.ratios.len() * self.gammas.len();
        [self.seeds.len() as i64, self.expansions.len() as i64, self.repeats, rules as i64]
    }

    /// Cells of the largest network.
    pub fn cells(&self) -> i64 {
        CELLS * self.expansions.last().copied().unwrap_or(1)
    }

    /// The learning step of expansion q.
    pub fn gamma(&self, index: usize, size: usize) -> f64 {
        self.gammas[index] / (self.expansions[size] as f64).powf(self.exponent)
    }

    /// γ and η of every run: [q, rule] each.
    pub fn rules(&self, device: Device) -> (Tensor, Tensor) {
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
        let shape = [self.shape()[1], self.shape()[3]];
        let matrix = |values: &[f64]| Tensor::from_slice(values).view(shape).to_device(device);
        (matrix(&gammas), matrix(&etas))
    }

    /// Every run in the order of the tensors' elements.
    pub fn places(&self) -> Vec<Place> {
        let [seeds, sizes, repeats, rules] = self.shape().map(|length| length as usize);
        let place = |i: usize| Place {
            seed: i / (sizes * repeats * rules),
            size: i / (repeats * rules) % sizes,
            repeat: i / rules % repeats,
            ratio: i % rules / self.gammas.len(),
            gamma: i % self.gammas.len(),
        };
        (0..seeds * sizes * repeats * rules).map(place).collect()
    }

    /// The noise's name in tags and figures.
    pub fn noise_name(&self, ratio: usize) -> String {
        match self.ratios[ratio] {
            none if none.is_infinite() => "no_noise".into(),
            ratio => format!("snr{ratio}"),
        }
    }
}
