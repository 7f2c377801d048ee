//! The random numbers of a run: for each seed its data, its initial parameters, and its batches.

use std::ops::Range;

use anyhow::{Context, Result, ensure};

use super::config::{Generators, OneNeuronConfig};
use crate::lab::store::{Persist, StateReader, StateWriter};
use crate::lab::tensor::rng;
use crate::one_neuron::data::batches::{Batches, Normalise, Sampler};
use crate::one_neuron::data::task::TrainingSet;
use crate::one_neuron::data::twister::PythonRandom;
use crate::one_neuron::model::rule::GradientRule;

/// The batches of one seed and batch size.
#[derive(Debug)]
struct Stream {
    /// The batches of the steps under way.
    batches: Batches,
    /// Draws the items of the next batches.
    sampler: Sampler,
}

/// Data and batches of every seed: all points of a grid with the same batch size share them.
#[derive(Debug)]
pub struct Streams {
    seeds: Vec<u64>,
    /// Training samples: `[replicate]`.
    data: Vec<TrainingSet>,
    /// How every batch is normalised.
    normalise: Normalise,
    /// The streams of the seeds for each batch size.
    by_size: Vec<(usize, Vec<Stream>)>,
}

impl Streams {
    /// Draws the data of every seed.
    ///
    /// # Errors
    /// Fails if libtorch can't give back the random numbers that it has drawn.
    pub fn new(config: &OneNeuronConfig, seeds: Vec<u64>, sizes: &[usize]) -> Result<Self> {
        let data = seeds.iter().map(|seed| match config.rng {
            Generators::Native => TrainingSet::native(*seed),
            Generators::Package => Ok(TrainingSet::package(*seed as u32, config.columns)),
        });
        let data = data.collect::<Result<Vec<_>>>()?;
        let mut by_size: Vec<(usize, Vec<Stream>)> = Vec::new();
        for &size in sizes {
            if by_size.iter().all(|(known, _)| *known != size) {
                let stream = |seed: &u64| {
                    let (_, sampler) = initial(config, GradientRule::Correct, *seed);
                    Stream { batches: Batches::new(size), sampler }
                };
                by_size.push((size, seeds.iter().map(stream).collect()));
            }
        }
        Ok(Self { seeds, data, normalise: config.normalise, by_size })
    }

    /// Draws the batches of some steps.
    pub fn draw(&mut self, steps: Range<u64>) {
        for stream in
            self.by_size.iter_mut().flat_map(|(_, streams)| streams.iter_mut().zip(&self.data))
        {
            let (Stream { batches, sampler }, data) = stream;
            batches.draw(sampler, data, steps.clone(), self.normalise);
        }
    }

    /// The batches of a batch size: `[replicate]`.
    ///
    /// # Errors
    /// Fails if the streams were made without that batch size.
    pub fn batches(&self, size: usize) -> Result<Vec<&Batches>> {
        let found = self.by_size.iter().find(|(known, _)| *known == size);
        let (_, streams) = found.with_context(|| format!("no batches of {size}"))?;
        Ok(streams.iter().map(|stream| &stream.batches).collect())
    }
}

/// How far Python's streams have come, words drawn: `state.python_words.b<size>`, one number a
/// replicate. The lab's own random numbers have no state.
impl Persist for Streams {
    fn save(&self, writer: &mut StateWriter) -> Result<()> {
        for (size, streams) in &self.by_size {
            if let Some(drawn) = words_drawn(streams) {
                writer.number(format!("state.python_words.b{size}"), &drawn);
            }
        }
        Ok(())
    }

    fn load(&mut self, reader: &mut StateReader) -> Result<()> {
        for (size, streams) in &mut self.by_size {
            let Some(mut drawn) = words_drawn(streams) else { continue };
            let key = format!("state.python_words.b{size}");
            reader.number(&key, &mut drawn)?;
            let (found, expected) = (drawn.len(), streams.len());
            let file = reader.file().display();
            ensure!(found == expected, "{file}: {key} has {found} numbers, expected {expected}");
            for (stream, (words, seed)) in streams.iter_mut().zip(drawn.iter().zip(&self.seeds)) {
                let random = PythonRandom::at(*seed, *words);
                stream.sampler = Sampler::Package(Box::new(random));
            }
        }
        Ok(())
    }
}

/// How many words every stream has drawn, `[replicate]`; none of streams without state.
fn words_drawn(streams: &[Stream]) -> Option<Vec<u64>> {
    let drawn = streams.iter().map(|stream| match &stream.sampler {
        Sampler::Package(random) => Some(random.drawn),
        Sampler::Native(_) => None,
    });
    drawn.collect()
}

/// The initial parameters of a seed, and the sampler of its batches: the package draws both from
/// one stream.
pub fn initial(config: &OneNeuronConfig, rule: GradientRule, seed: u64) -> (Vec<f64>, Sampler) {
    match config.rng {
        Generators::Native => {
            let mut words = rng::words(seed, "init", 0).map(rng::unit);
            let params = config.model.initial(rule, || words.next().unwrap_or_default());
            (params, Sampler::Native(seed))
        }
        Generators::Package => {
            let mut random = Box::new(PythonRandom::new(seed));
            let params = config.model.initial(rule, || random.unit());
            (params, Sampler::Package(random))
        }
    }
}
