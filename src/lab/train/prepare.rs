//! What comes before a run: settings, a device, and panics that become errors.

use std::ffi::OsString;
use std::panic::AssertUnwindSafe;

use anyhow::Result;
use serde_json::{Map, Value};
use tch::Device;

use super::experiment::Experiment;
use crate::lab::cli::{Settings, command, layers};
use crate::lab::panic::from_panic;
use crate::lab::tensor::device;

/// The settings that a command line stands for, without doing anything: for benchmarks and tests.
///
/// # Errors
/// Exit code 2 for a flag or a value that can't be; exit code 1 for a configuration file that can't
/// be read.
pub fn configure<E: Experiment>(
    arguments: impl IntoIterator<Item = OsString>,
) -> Result<Settings<E::Config>> {
    let invocation = command::parse::<E::Config>(&E::SPEC, arguments)?;
    layers::resolve(&layers::layers::<E::Config>(&invocation, &E::SPEC)?)
}

/// Whose environment a run is in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Environment {
    /// That of the experiment's own program: ours to set.
    Own,
    /// That of a test, a benchmark or another program: it stays as it is.
    Shared,
}

/// A run that is about to be built.
pub(super) struct Prepared<C> {
    pub(super) settings: Settings<C>,
    pub(super) device: Device,
    /// Why it is on the CPU though there is a GPU, for a person to read.
    pub(super) stays_on_cpu: Option<String>,
}

/// The settings that a complete map of keys stands for and the device that they name, with the
/// process made ready to compute there.
///
/// # Errors
/// Exit code 2 for values that can't be used; exit code 1 where there is no such device.
pub(super) fn prepare<E: Experiment>(
    map: &Map<String, Value>,
    environment: Environment,
) -> Result<Prepared<E::Config>> {
    let settings = layers::resolve::<E::Config>(map)?;
    match environment {
        // SAFETY: this is the only thread. `main` has called `launch` and nothing else, and on the
        // way here only the command line and JSON files were read. libtorch, whose first tensors
        // may start its threads, has not been asked for anything.
        Environment::Own => unsafe { device::set_tf32(settings.run.tf32) },
        Environment::Shared => {}
    }
    tch::set_num_threads(i32::from(settings.run.threads));
    let (device, stays_on_cpu) = place::<E>(&settings)?;
    device::check_tf32(settings.run.tf32, device)?;
    Ok(Prepared { settings, device, stays_on_cpu })
}

/// The device that `--device` stands for at these settings, and why it is the CPU where `auto` has
/// chosen that over a GPU.
///
/// # Errors
/// As [`device::parse`].
pub(super) fn place<E: Experiment>(
    settings: &Settings<E::Config>,
) -> Result<(Device, Option<String>)> {
    let device = device::parse(&settings.run.device)?;
    let reason = stays_on_cpu::<E>(settings).filter(|_| device.is_cuda());
    Ok((if reason.is_some() { Device::Cpu } else { device }, reason))
}

/// Why `auto` takes the CPU at these settings, if it does, on a machine that has a GPU as well.
pub(super) fn stays_on_cpu<E: Experiment>(settings: &Settings<E::Config>) -> Option<String> {
    let run = &settings.run;
    let chosen = run.device == device::AUTO;
    chosen.then(|| E::step_work(settings).stays_on_cpu(run.threads)).flatten()
}

/// Makes an error of a panic, so that the log and the summary of a run are written all the same.
pub(super) fn guard(work: impl FnOnce() -> Result<()>) -> Result<()> {
    std::panic::catch_unwind(AssertUnwindSafe(work))
        .unwrap_or_else(|payload| Err(from_panic(&*payload)))
}
