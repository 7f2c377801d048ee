//! Where the time of a step goes.

use std::time::{Duration, Instant};

use tch::Device;

use crate::lab::log::tensorboard::Chart;
use crate::lab::tensor::device::synchronize;

/// The parts of a run whose time is logged under `time/`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// Picking the batch.
    Data,
    /// The model's forward pass and the loss.
    Forward,
    /// The backward pass.
    Backward,
    /// The finite check, clipping and the update.
    Optimizer,
    /// Accumulating and writing metrics, events and figures.
    Logging,
    /// Writing checkpoints.
    Checkpoint,
    /// Evaluating on held-out data.
    Evaluation,
    /// Factorising matrices, where that is a part of the step by itself.
    Factorization,
}

/// Every phase with its name in tags.
pub const PHASES: [(Phase, &str); 8] = [
    (Phase::Data, "data"),
    (Phase::Forward, "forward"),
    (Phase::Backward, "backward"),
    (Phase::Optimizer, "optimizer"),
    (Phase::Logging, "logging"),
    (Phase::Checkpoint, "checkpoint"),
    (Phase::Evaluation, "evaluation"),
    (Phase::Factorization, "factorization"),
];

/// The charts of the time of the phases that every run has: those of a step, and the others.
pub fn charts() -> Vec<Chart> {
    let phases = PHASES.iter().filter(|(phase, _)| *phase != Phase::Factorization);
    let tags: Vec<String> = phases.map(|(_, name)| format!("time/{name}_ms")).collect();
    Chart::several("time", "milliseconds a step", &tags)
}

/// Adds up the time of each phase. On CUDA, where a call returns before its work is done, only
/// logging steps are timed, between synchronisations.
#[derive(Debug)]
pub struct PhaseClock {
    device: Device,
    interval: [Duration; PHASES.len()],
    total: [Duration; PHASES.len()],
    active: bool,
}

impl PhaseClock {
    /// A clock with nothing on it.
    pub fn new(device: Device) -> Self {
        let zero = [Duration::ZERO; PHASES.len()];
        Self { device, interval: zero, total: zero, active: true }
    }

    /// Says whether the coming step is a logging step.
    pub fn begin_step(&mut self, logging: bool) {
        self.active = logging || self.device == Device::Cpu;
    }

    /// Runs `work` and adds its time to `phase`.
    pub fn time<T>(&mut self, phase: Phase, work: impl FnOnce() -> T) -> T {
        if !self.active {
            return work();
        }
        synchronize(self.device);
        let start = Instant::now();
        let result = work();
        synchronize(self.device);
        self.add(phase, start.elapsed());
        result
    }

    /// Adds time that was measured elsewhere.
    pub fn add(&mut self, phase: Phase, spent: Duration) {
        self.interval[phase as usize] += spent;
        self.total[phase as usize] += spent;
    }

    /// Seconds of each phase since the last call, in the order of [`PHASES`].
    pub fn take_interval(&mut self) -> [f64; PHASES.len()] {
        std::mem::take(&mut self.interval).map(|time| time.as_secs_f64())
    }

    /// Seconds of each phase since the start, in the order of [`PHASES`].
    pub fn totals(&self) -> [f64; PHASES.len()] {
        self.total.map(|time| time.as_secs_f64())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_go_to_their_phase() {
        let mut clock = PhaseClock::new(Device::Cpu);
        clock.begin_step(false);
        clock.time(Phase::Forward, || std::thread::sleep(Duration::from_millis(5)));
        let interval = clock.take_interval();
        assert!(interval[1] >= 0.005 && interval[0] == 0.0);
        assert_eq!(clock.take_interval()[1], 0.0);
        assert!(clock.totals()[1] >= 0.005);
    }

    #[test]
    fn phases_are_in_the_order_of_their_numbers() {
        for (i, (phase, name)) in PHASES.into_iter().enumerate() {
            assert_eq!(phase as usize, i, "{name}");
        }
    }
}
