//! How state comes in: the parts of a checkpoint, by name, into live tensors and numbers.

use std::collections::BTreeSet;
use std::path::Path;

use anyhow::{Context, Result, bail, ensure};
use tch::{Tensor, no_grad_guard};

use super::checkpoint::Checkpoint;
use super::state_writer::{Plain, is_model};

/// What state is loaded for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// A run goes on: every part is taken, and nothing may be left over.
    Resume,
    /// A checkpoint is evaluated: `Persist::load` asks for what an evaluation needs and no more, and
    /// no tensor of the model may be left over.
    Evaluate,
    /// A new run begins with the model of another: only the model is taken.
    Initialise,
}

/// Gives the state of a checkpoint, part by part, by name, and knows what was not asked for.
#[derive(Debug)]
pub struct StateReader<'a> {
    checkpoint: &'a Checkpoint,
    purpose: Purpose,
    unread: BTreeSet<String>,
}

impl<'a> StateReader<'a> {
    /// A reader of every part of a checkpoint.
    pub fn new(checkpoint: &'a Checkpoint, purpose: Purpose) -> Self {
        let names = checkpoint.tensors.keys().chain(checkpoint.manifest.numbers.keys());
        Self { checkpoint, purpose, unread: names.cloned().collect() }
    }

    /// What the state is loaded for.
    pub fn purpose(&self) -> Purpose {
        self.purpose
    }

    /// Whether a run goes on from the state, so that what only training needs is taken too.
    pub fn resumes(&self) -> bool {
        match self.purpose {
            Purpose::Resume => true,
            Purpose::Evaluate | Purpose::Initialise => false,
        }
    }

    /// The file of the tensors, for messages.
    pub fn file(&self) -> &'a Path {
        &self.checkpoint.path
    }

    /// Steps that were done when the state was saved.
    pub fn step(&self) -> u64 {
        self.checkpoint.manifest.step
    }

    /// Whether the checkpoint has a tensor or a number of this name.
    pub fn has(&self, name: &str) -> bool {
        self.checkpoint.tensors.contains_key(name)
            || self.checkpoint.manifest.numbers.contains_key(name)
    }

    /// Copies a tensor of the model into the live one, which is written in place.
    ///
    /// # Errors
    /// Where the checkpoint lacks it, or has it in another shape or kind.
    pub fn model(&mut self, name: &str, live: &Tensor) -> Result<()> {
        self.copy(name, live)
    }

    /// Copies an auxiliary tensor into the live one, which is written in place; does nothing where
    /// only the model is taken.
    ///
    /// # Errors
    /// Where the checkpoint lacks it, or has it in another shape or kind.
    pub fn auxiliary(&mut self, name: &str, live: &Tensor) -> Result<()> {
        match self.purpose {
            Purpose::Resume | Purpose::Evaluate => self.copy(name, live),
            Purpose::Initialise => Ok(()),
        }
    }

    /// Reads a plain number into `live`; does nothing where only the model is taken.
    ///
    /// # Errors
    /// Where the manifest lacks it, or has something of another kind there.
    pub fn number<T: Plain>(&mut self, name: &str, live: &mut T) -> Result<()> {
        match self.purpose {
            Purpose::Resume | Purpose::Evaluate => {}
            Purpose::Initialise => return Ok(()),
        }
        let file = self.checkpoint.path.display();
        let value = self.checkpoint.manifest.numbers.get(name);
        let value = value.with_context(|| format!("{file} lacks the number {name}"))?;
        let number = T::from_json(value);
        *live = number.with_context(|| format!("{file}: {name} can't be {value}"))?;
        self.unread.remove(name);
        Ok(())
    }

    /// What follows `beginning` in every name that starts with it: for state whose parts only the
    /// checkpoint knows.
    pub fn names_after(&self, beginning: &str) -> Vec<String> {
        let names = self.checkpoint.tensors.keys().chain(self.checkpoint.manifest.numbers.keys());
        names.filter_map(|name| name.strip_prefix(beginning)).map(str::to_string).collect()
    }

    /// A tensor on the CPU as the checkpoint has it, for state whose shape only the checkpoint
    /// knows.
    ///
    /// # Errors
    /// Where the checkpoint lacks it.
    pub fn tensor(&mut self, name: &str) -> Result<Tensor> {
        let file = self.checkpoint.path.display();
        let saved = self.checkpoint.tensors.get(name);
        let saved = saved.with_context(|| format!("{file} lacks tensor {name}"))?;
        self.unread.remove(name);
        Ok(saved.shallow_clone())
    }

    fn copy(&mut self, name: &str, live: &Tensor) -> Result<()> {
        let saved = self.tensor(name)?;
        let file = self.checkpoint.path.display();
        let (found, expected) = (saved.size(), live.size());
        ensure!(found == expected, "{file}: {name} is {found:?}, this model needs {expected:?}");
        let (found, expected) = (saved.kind(), live.kind());
        ensure!(found == expected, "{file}: {name} is {found:?}, this model needs {expected:?}");
        let _guard = no_grad_guard();
        live.shallow_clone().copy_(&saved);
        Ok(())
    }

    /// Ends reading.
    ///
    /// # Errors
    /// Where something was not read that may not be left over: of a run that goes on, anything;
    /// otherwise a tensor of the model.
    pub fn finish(self) -> Result<()> {
        let matters = |name: &&String| match self.purpose {
            Purpose::Resume => true,
            Purpose::Evaluate | Purpose::Initialise => {
                is_model(name) && self.checkpoint.tensors.contains_key(*name)
            }
        };
        let file = self.checkpoint.path.display();
        match self.unread.iter().find(matters) {
            Some(name) => bail!("{file} has a tensor or number {name} that this model lacks"),
            None => Ok(()),
        }
    }
}
