//! How neurons learn, as fast, reproducible experiments on libtorch.
//!
//! An experiment is a struct that knows how to take step *t* and what its state is. [`lab`] does
//! the rest for all of them in one way: the command line, the run folder, the seed, the device,
//! logging, checkpoints, signals, figures, and the check that every number is finite.
//!
//! # Where things are
//!
//! - [`lab`] is the bench: it knows no experiment. In it, `cli` has flags, presets and
//!   configuration files, `train` the loop, `store` run folders and checkpoints, `log` metrics and
//!   TensorBoard, `tensor` parameters, random streams and optimizers, and `figure` drawing.
//! - [`data`] loads what experiments learn from: digits, images, text.
//! - Every other module is a family of experiments, but for that of the program `lab`, which finds,
//!   compares and sweeps runs. A family has its science, which knows no flags, files or logs, and a
//!   folder for each experiment with the rooms `config`, `presets`, `state`, `experiment`, `report`
//!   and `figures`. No family imports another.
//! - The binaries are one line each: [`lab::launch`] with the experiment's type.
//!
//! # An experiment
//!
//! `examples/new_experiment.rs` is a complete one in under 150 lines, with flags, a preset and a
//! figure; `docs/new_experiment.md` explains it.
//!
//! # What holds for all
//!
//! - **Random numbers** of step *t* come from (seed, stream, *t*): a run that was stopped or killed
//!   resumes to the same bits on the CPU.
//! - **Replicates**: small models are trained for many seeds at once, along a leading axis of every
//!   tensor, which is there for more than one.
//! - **Units and shapes** are in the documentation of each item: `[replicate, neuron]` is a tensor
//!   with these two axes; a tensor of f32 where nothing is said.
//! - **Errors** are one line that says what was wrong, with which value, and what to do. A step
//!   whose numbers are not finite changes nothing and ends the run.

pub mod apical;
pub mod data;
pub mod depth_width;
pub mod efficient_coding;
pub mod lab;
pub mod lab_program;
pub mod one_neuron;
pub mod selector;
pub mod steady_state;
