//! The bench that every experiment stands on: one training loop, one way to log, save, seed, plot
//! and parse arguments.

pub mod figure;
pub mod init;
pub mod optim;
pub mod tensorboard;
