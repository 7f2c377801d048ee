//! How state comes in: the parts of a checkpoint, by name, into live tensors and numbers.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use anyhow::{Context, Result, ensure};
use serde_json::{Map, Value};
use tch::{Tensor, no_grad_guard};

use super::checkpoint::{Checkpoint, StateDict};
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
///
/// Where a tensor doesn't fit, reading goes on, so that [`StateReader::finish`] can name all that don't.
#[derive(Debug)]
pub struct StateReader<'a> {
    file: &'a Path,
    tensors: &'a BTreeMap<String, Tensor>,
    numbers: Map<String, Value>,
    step: u64,
    purpose: Purpose,
    unread: BTreeSet<String>,
    /// What tensors lack or have otherwise than the live ones.
    misfits: Vec<String>,
}

impl<'a> StateReader<'a> {
    /// A reader of every part of a checkpoint.
    pub fn new(checkpoint: &'a Checkpoint, purpose: Purpose) -> Self {
        let (manifest, tensors) = (&checkpoint.manifest, &checkpoint.tensors);
        let names = tensors.keys().chain(manifest.numbers.keys());
        Self {
            file: &checkpoint.path,
            tensors,
            numbers: manifest.numbers.clone(),
            step: manifest.step,
            purpose,
            unread: names.cloned().collect(),
            misfits: Vec::new(),
        }
    }

    /// A reader of a plain state dict, with which a new run begins.
    pub fn of_state_dict(dict: &'a StateDict) -> Self {
        Self {
            file: &dict.path,
            tensors: &dict.tensors,
            numbers: Map::new(),
            step: 0,
            purpose: Purpose::Initialise,
            unread: dict.tensors.keys().cloned().collect(),
            misfits: Vec::new(),
        }
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
        self.file
    }

    /// Steps that were done when the state was saved.
    pub fn step(&self) -> u64 {
        self.step
    }

    /// Whether the checkpoint has a tensor or a number of this name.
    pub fn has(&self, name: &str) -> bool {
        self.tensors.contains_key(name) || self.numbers.contains_key(name)
    }

    /// Copies a tensor of the model into the live one, which is written in place.
    ///
    /// Where the checkpoint lacks it, or has it in another shape or kind, that is noted for
    /// [`StateReader::finish`].
    ///
    /// # Errors
    /// A copy that libtorch refuses.
    pub fn model(&mut self, name: &str, live: &Tensor) -> Result<()> {
        self.copy(name, live)
    }

    /// Copies an auxiliary tensor into the live one, which is written in place; does nothing where
    /// only the model is taken.
    ///
    /// # Errors
    /// As [`StateReader::model`].
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
        let file = self.file.display();
        let value = self.numbers.get(name);
        let value = value.with_context(|| format!("{file} lacks the number {name}"))?;
        let number = T::from_json(value);
        *live = number.with_context(|| format!("{file}: {name} can't be {value}"))?;
        self.unread.remove(name);
        Ok(())
    }

    /// What follows `beginning` in every name that starts with it: for state whose parts only the
    /// checkpoint knows.
    pub fn names_after(&self, beginning: &str) -> Vec<String> {
        let names = self.tensors.keys().chain(self.numbers.keys());
        names.filter_map(|name| name.strip_prefix(beginning)).map(str::to_string).collect()
    }

    /// A tensor on the CPU as the checkpoint has it, for state whose shape only the checkpoint
    /// knows.
    ///
    /// # Errors
    /// Where the checkpoint lacks it.
    pub fn tensor(&mut self, name: &str) -> Result<Tensor> {
        let file = self.file.display();
        let saved = self.take(name);
        saved.with_context(|| format!("{file} lacks tensor {name}"))
    }

    fn take(&mut self, name: &str) -> Option<Tensor> {
        self.unread.remove(name);
        self.tensors.get(name).map(Tensor::shallow_clone)
    }

    fn copy(&mut self, name: &str, live: &Tensor) -> Result<()> {
        let Some(saved) = self.take(name) else {
            self.misfits.push(format!("it lacks tensor {name}"));
            return Ok(());
        };
        let (found, expected) = (saved.size(), live.size());
        if found != expected {
            self.misfits.push(format!("{name} is {found:?}, this model needs {expected:?}"));
        }
        let (kind, needed) = (saved.kind(), live.kind());
        if kind != needed {
            self.misfits.push(format!("{name} is {kind:?}, this model needs {needed:?}"));
        }
        if found == expected && kind == needed {
            let _guard = no_grad_guard();
            live.shallow_clone().f_copy_(&saved)?;
        }
        Ok(())
    }

    /// Ends reading.
    ///
    /// # Errors
    /// Where a tensor was missing, or of another shape or kind, or something was not read that may
    /// not be left over: of a run that goes on, anything; otherwise a tensor of the model. One line
    /// names all of these.
    pub fn finish(mut self) -> Result<()> {
        let matters = |name: &&String| match self.purpose {
            Purpose::Resume => true,
            Purpose::Evaluate | Purpose::Initialise => {
                is_model(name) && self.tensors.contains_key(*name)
            }
        };
        let over = self.unread.iter().filter(matters);
        let over =
            over.map(|name| format!("it has a tensor or number {name} that this model lacks"));
        self.misfits.extend(over.collect::<Vec<_>>());
        let file = self.file.display();
        ensure!(self.misfits.is_empty(), "{file} does not fit: {}", self.misfits.join("; "));
        Ok(())
    }
}
