//! Every experiment on a simulated CUDA device, where there is no GPU.
//!
//! `library/` is a library in C++ that is loaded before libtorch's own (`LD_PRELOAD`) and registers
//! for its CUDA key a device that computes on the CPU, is as strict as CUDA, and counts. The programs
//! under test are those that users have. What it can't show: speed, rounding, limits of memory, and
//! races between host and device.

#![allow(clippy::unwrap_used)]

#[path = "../common/mod.rs"]
mod common;

mod agreement;
mod bench;
mod configurations;
mod cost_cases;
mod costs;
mod devices;
mod endings;
mod library;
mod operators;
mod operators_agree;
mod placement;
mod strictness;
mod system;
