//! Which samples make a batch, and what a batch becomes before the neuron sees it.

use clap::ValueEnum;
use serde::{Deserialize, Serialize};

use super::task::{INPUTS, PER_CLASS, TrainingSet};
use super::twister::PythonRandom;
use crate::lab::tensor::rng;

/// How a batch is normalised.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Normalise {
    /// Divided by its largest coordinate
    BatchMax,
    /// Left as it is
    None,
}

/// Draws the items of batches: a fair coin for the class, then a sample of it, with replacement.
#[derive(Debug, Clone)]
pub enum Sampler {
    /// From the seed, the stream "batches" and the step, so that a smaller batch is the beginning
    /// of a larger one.
    Native(u64),
    /// From Python's stream, which continues from step to step.
    Package(Box<PythonRandom>),
}

impl Sampler {
    /// Fills in the items of one batch, as indices into [`TrainingSet::samples`].
    pub fn draw(&mut self, step: u64, items: &mut [usize]) {
        match self {
            Self::Native(seed) => {
                for (item, word) in items.iter_mut().zip(rng::words(*seed, "batches", step)) {
                    let within = ((word & 0xFFFF_FFFF) * PER_CLASS as u64) >> 32;
                    *item = (word >> 63) as usize * PER_CLASS + within as usize;
                }
            }
            Self::Package(random) => {
                for item in items {
                    let class = random.below(2) as usize;
                    *item = class * PER_CLASS + random.below(PER_CLASS as u32) as usize;
                }
            }
        }
    }
}

/// One batch as the model sees it.
#[derive(Debug, Clone, Copy)]
pub struct Batch<'a> {
    /// Normalised inputs: `[input, sample]`, flat.
    pub inputs: &'a [f64],
    /// Class of each sample, 0 or 1: `[sample]`.
    pub labels: &'a [f64],
    /// Mean of each input over the batch.
    pub mean_inputs: &'a [f64],
}

/// Batches in a row, of one seed.
#[derive(Debug, Clone, Default)]
pub struct Batches {
    /// Samples in a batch.
    pub size: usize,
    /// Normalised inputs: `[batch, input, sample]`, flat.
    pub inputs: Vec<f64>,
    /// Labels: `[batch, sample]`, flat.
    pub labels: Vec<f64>,
    /// Means over the samples: `[batch, input]`, flat.
    mean_inputs: Vec<f64>,
    /// Room for the items of one batch: `[sample]`.
    items: Vec<usize>,
}

impl Batches {
    /// No batches yet, of `size` samples each.
    pub fn new(size: usize) -> Self {
        Self { size, items: vec![0; size], ..Self::default() }
    }

    /// How many batches there are.
    pub fn len(&self) -> usize {
        self.labels.len() / self.size
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.labels.is_empty()
    }

    /// The batch of this number.
    pub fn get(&self, batch: usize) -> Batch<'_> {
        let part = |width: usize| batch * width..(batch + 1) * width;
        Batch {
            inputs: &self.inputs[part(INPUTS * self.size)],
            labels: &self.labels[part(self.size)],
            mean_inputs: &self.mean_inputs[part(INPUTS)],
        }
    }

    /// Replaces the batches by those of the steps from `first` on.
    pub fn draw(
        &mut self,
        sampler: &mut Sampler,
        data: &TrainingSet,
        steps: std::ops::Range<u64>,
        normalise: Normalise,
    ) {
        self.clear();
        for step in steps {
            let mut items = std::mem::take(&mut self.items);
            sampler.draw(step, &mut items);
            let samples = |s: usize| {
                let item = items[s];
                (data.samples[item], f64::from(u8::from(item >= PER_CLASS)))
            };
            self.push(samples, normalise);
            self.items = items;
        }
    }

    /// Removes all batches.
    pub fn clear(&mut self) {
        self.inputs.clear();
        self.labels.clear();
        self.mean_inputs.clear();
    }

    /// Adds a batch, sample by sample. The divisor is the largest coordinate of the batch; a batch
    /// without a positive coordinate, at which the package would divide by zero, stays as it is.
    pub fn push(&mut self, sample: impl Fn(usize) -> ([f64; INPUTS], f64), normalise: Normalise) {
        let start = self.inputs.len();
        self.inputs.resize(start + INPUTS * self.size, 0.0);
        let inputs = &mut self.inputs[start..];
        let mut largest = 0.0f64;
        for s in 0..self.size {
            let (x, label) = sample(s);
            for (i, x) in x.into_iter().enumerate() {
                largest = largest.max(x);
                inputs[i * self.size + s] = x;
            }
            self.labels.push(label);
        }
        let divides = match normalise {
            Normalise::BatchMax => largest > 0.0,
            Normalise::None => false,
        };
        if divides {
            inputs.iter_mut().for_each(|x| *x /= largest);
        }
        let sums = inputs.chunks_exact(self.size).map(|row| row.iter().sum::<f64>());
        self.mean_inputs.extend(sums.map(|sum| sum / self.size as f64));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::one_neuron::data::task::Columns;

    // random.seed(0); [random.uniform(0, 1) for _ in range(5)]
    // [(c := random.choice([0, 1]), random.choice(range(2500))) for _ in range(8)]
    #[test]
    fn the_packages_first_batch() {
        let mut random = PythonRandom::new(0);
        (0..5).for_each(|_| assert!(random.unit() < 1.0));
        let mut items = [0; 8];
        Sampler::Package(Box::new(random)).draw(0, &mut items);
        assert_eq!(items.map(|item| item / PER_CLASS), [1, 1, 0, 0, 0, 1, 0, 0]);
        let within = items.map(|item| item % PER_CLASS);
        assert_eq!(within, [1242, 1466, 2067, 1154, 388, 2181, 1270, 302]);
    }

    #[test]
    fn native_batches_share_their_beginning_and_are_even() {
        let mut sampler = Sampler::Native(3);
        let (mut few, mut many) = ([0; 2], vec![0; 20_000]);
        sampler.draw(9, &mut few);
        sampler.draw(9, &mut many);
        assert_eq!(few, many[..2]);
        let ones = many.iter().filter(|item| **item >= PER_CLASS).count() as f64;
        assert!((ones / 2e4 - 0.5).abs() < 0.015, "{ones}");
        let mean = many.iter().map(|item| (item % PER_CLASS) as f64).sum::<f64>() / 2e4;
        assert!((mean - 1249.5).abs() < 25.0, "{mean}");
    }

    #[test]
    fn a_batch_is_divided_by_its_largest_coordinate() {
        let rows = [[1.0, -8.0, 2.0, 0.5], [4.0, 3.0, 2.0, 1.0]];
        let mut batches = Batches::new(2);
        batches.push(|s| (rows[s], s as f64), Normalise::BatchMax);
        batches.push(|_| ([-1.0, -2.0, -3.0, -4.0], 0.0), Normalise::BatchMax);
        let batch = batches.get(0);
        assert_eq!(batch.inputs, [0.25, 1.0, -2.0, 0.75, 0.5, 0.5, 0.125, 0.25]);
        assert_eq!(batch.labels, [0.0, 1.0]);
        assert_eq!(batch.mean_inputs, [0.625, -0.625, 0.5, 0.1875]);
        assert_eq!(batches.get(1).mean_inputs, [-1.0, -2.0, -3.0, -4.0]);
        assert_eq!(batches.len(), 2);
    }

    // The divisor's mean over batches of 8 is 7.44, its standard deviation 1.19.
    #[test]
    fn the_divisor_of_eight_samples() {
        let data = TrainingSet::package(1, Columns::Canonical);
        let mut sampler = Sampler::Native(0);
        let (mut raw, mut divided) = (Batches::new(8), Batches::new(8));
        raw.draw(&mut sampler, &data, 0..4000, Normalise::None);
        divided.draw(&mut sampler, &data, 0..4000, Normalise::BatchMax);
        let divisors: Vec<f64> =
            (0..4000).map(|t| raw.get(t).inputs[0] / divided.get(t).inputs[0]).collect();
        let (mean, sd) = crate::lab::statistics::mean_and_sd(&divisors);
        assert!((mean - 7.44).abs() < 0.1 && (sd - 1.19).abs() < 0.1, "{mean} {sd}");
    }
}
