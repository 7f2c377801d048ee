//! What a run uses of its machine, for the dashboard: `system/*`.
//!
//! Training never waits for it. The kernel says how much memory the process has, in microseconds and
//! at most once a second; the driver of a GPU may take long, and is asked by a thread of its own.

mod driver;
mod gpu;

use std::time::{Duration, Instant};

use tch::Device;

use super::metrics::Reading;
use crate::lab::tensor::memory;
use gpu::GpuMonitor;

/// Least time from one sample to the next.
const EVERY: Duration = Duration::from_secs(1);

/// Samples of what this process uses of its machine.
#[derive(Debug)]
pub struct SystemMonitor {
    /// Of a run on a GPU.
    gpu: Option<GpuMonitor>,
    sampled: Option<Instant>,
}

impl SystemMonitor {
    /// That of a process that computes on this device.
    pub fn new(device: Device) -> Self {
        let gpu = match device {
            Device::Cuda(index) => GpuMonitor::start(index),
            Device::Cpu | Device::Mps | Device::Vulkan => None,
        };
        Self { gpu, sampled: None }
    }

    /// What there is to log now; nothing within a second of the last time. What the machine does not
    /// say has no tag.
    pub fn readings(&mut self) -> Vec<Reading> {
        if self.sampled.is_some_and(|at| at.elapsed() < EVERY) {
            return Vec::new();
        }
        self.sampled = Some(Instant::now());
        let memory =
            memory::resident().map(|bytes| ("system/process_memory_gb", bytes as f64 / 1e9));
        let gpu = self.gpu.as_ref().map(GpuMonitor::take).unwrap_or_default();
        let reading = |(tag, value): (&str, f64)| Reading { tag: tag.into(), values: vec![value] };
        memory.into_iter().chain(gpu).map(reading).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_memory_of_the_process_is_said_once_a_second() {
        let mut monitor = SystemMonitor::new(Device::Cpu);
        let first = monitor.readings();
        assert_eq!(first.len(), 1);
        assert_eq!(first[0].tag, "system/process_memory_gb");
        // libtorch alone takes more than 50 MB.
        assert!((0.05..1000.0).contains(&first[0].values[0]), "{first:?}");
        assert!(monitor.readings().is_empty());
        monitor.sampled = Instant::now().checked_sub(EVERY);
        assert_eq!(monitor.readings().len(), 1);
    }
}
