//! Whether a run's memory is there before it begins.

use std::fs;

use anyhow::{Result, bail};
use tch::{Device, Kind, Tensor};

/// Bytes as people read them: `5.6 GB`.
pub fn gigabytes(bytes: u64) -> String {
    format!("{:.1} GB", bytes as f64 / 1e9)
}

/// Refuses to begin where `needed` bytes are not there: on the CPU, what the kernel says can still
/// be had, and the limit of the control group; on CUDA, an allocation is tried and given back.
///
/// # Errors
/// One line with what is needed and what there is.
pub fn require(device: Device, needed: u64, what: &str) -> Result<()> {
    let asked = gigabytes(needed);
    if device == Device::Cpu {
        if let Some(free) = available().filter(|free| *free < needed) {
            let free = gigabytes(free);
            bail!("{what} needs {asked} of memory, and {free} are free: use a smaller one");
        }
        return Ok(());
    }
    let bytes = i64::try_from(needed).unwrap_or(i64::MAX);
    match Tensor::f_empty([bytes], (Kind::Uint8, device)) {
        Ok(_) => Ok(()),
        Err(_) => bail!(
            "{what} needs {asked} of memory, which {} does not have free: use a smaller one",
            super::device::name(device)
        ),
    }
}

/// Bytes that can still be had on this machine, where it says so.
fn available() -> Option<u64> {
    let text = fs::read_to_string("/proc/meminfo").ok()?;
    let machine = meminfo(&text)?;
    let number = |file: &str| -> Option<u64> {
        fs::read_to_string(format!("/sys/fs/cgroup/{file}")).ok()?.trim().parse().ok()
    };
    let group = number("memory.max")
        .zip(number("memory.current"))
        .map(|(most, now)| most.saturating_sub(now));
    Some(group.map_or(machine, |group| group.min(machine)))
}

/// The line `MemAvailable`, in bytes.
fn meminfo(text: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix("MemAvailable:"))?;
    let kilobytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kilobytes * 1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_there_is_refused() {
        assert!(require(Device::Cpu, 1000, "a model").is_ok());
        let error = require(Device::Cpu, 1 << 60, "a model").unwrap_err().to_string();
        assert!(error.starts_with("a model needs 1152921504.6 GB of memory, and "), "{error}");
    }

    #[test]
    fn the_kernels_word() {
        let text = "MemTotal:       24 kB\nMemAvailable:   23456 kB\n";
        assert_eq!(meminfo(text), Some(23456 * 1024));
        assert_eq!(meminfo("MemTotal: 1 kB"), None);
        assert!(available().is_some_and(|bytes| bytes > 1 << 20));
    }
}
