//! What a GPU says of itself: a thread that asks NVML, NVIDIA's management library, once a second.
//!
//! The library comes with the driver and is loaded while the program runs; where there is none, there
//! is nothing to log.

use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{Builder, JoinHandle};

use nvml_wrapper::Nvml;
use nvml_wrapper::enum_wrappers::device::TemperatureSensor;
use nvml_wrapper::enums::device::UsedGpuMemory;

use super::EVERY;
use super::driver;

/// Values by their tags.
type Sample = Vec<(&'static str, f64)>;

/// A thread that keeps the newest sample of a GPU, until this is dropped.
#[derive(Debug)]
pub(super) struct GpuMonitor {
    newest: Arc<Mutex<Sample>>,
    /// Its end is that of the thread.
    stop: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl GpuMonitor {
    /// Watches the device that libtorch calls `cuda:<index>`; none where there can be no thread.
    pub fn start(index: usize) -> Option<Self> {
        let newest = Arc::new(Mutex::new(Sample::new()));
        let (stop, stopped) = channel();
        let kept = Arc::clone(&newest);
        let thread = Builder::new().name("gpu monitor".into());
        let thread = thread.spawn(move || _ = watch(index, &kept, &stopped)).ok()?;
        Some(Self { newest, stop: Some(stop), thread: Some(thread) })
    }

    /// The newest sample, once.
    pub fn take(&self) -> Sample {
        std::mem::take(&mut self.newest.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Drop for GpuMonitor {
    /// Waits for the answer that the thread may be waiting for: the process must not end inside the
    /// driver's library.
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// Asks once a second until it is stopped; ends at once where nobody answers.
fn watch(index: usize, newest: &Mutex<Sample>, stopped: &Receiver<()>) -> Option<()> {
    let identity = driver::identity(index)?;
    let nvml = Nvml::init().ok()?;
    // A part of a GPU (MIG) has an identity of its own, and no temperature, power or utilisation.
    let device = nvml.device_by_uuid(identity).ok()?;
    loop {
        *newest.lock().unwrap_or_else(PoisonError::into_inner) = sample(&device);
        match stopped.recv_timeout(EVERY) {
            Err(RecvTimeoutError::Timeout) => {}
            Ok(()) | Err(RecvTimeoutError::Disconnected) => return Some(()),
        }
    }
}

/// What the device answers; what it doesn't has no tag.
fn sample(device: &nvml_wrapper::Device) -> Sample {
    let own = std::process::id();
    // In a container the driver may know this process by another number.
    let process = device.running_compute_processes().ok();
    let process = process.and_then(|all| all.into_iter().find(|process| process.pid == own));
    let used = process.and_then(|process| match process.used_gpu_memory {
        UsedGpuMemory::Used(bytes) => Some(bytes as f64 / 1e9),
        UsedGpuMemory::Unavailable => None,
    });
    let memory = device.memory_info().ok().map(|memory| memory.used as f64 / 1e9);
    let utilization = device.utilization_rates().ok().map(|rates| f64::from(rates.gpu));
    let temperature = device.temperature(TemperatureSensor::Gpu).ok().map(f64::from);
    let milliwatts = device.power_usage().ok().map(f64::from);
    let values = [
        ("system/gpu_process_memory_gb", used),
        ("system/gpu_memory_gb", memory),
        ("system/gpu_utilization_percent", utilization),
        ("system/gpu_temperature_c", temperature),
        ("system/gpu_power_w", milliwatts.map(|power| power / 1e3)),
    ];
    values.into_iter().filter_map(|(tag, value)| Some((tag, value?))).collect()
}
