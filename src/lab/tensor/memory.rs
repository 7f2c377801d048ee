//! Whether a run's memory is there before it begins.

use std::fs;
use std::path::Path;

use anyhow::{Result, bail};
use rustix::process::{Resource, getrlimit};
use tch::{Device, Kind, Tensor};

/// Bytes as people read them: `5.6 GB`.
pub fn gigabytes(bytes: u64) -> String {
    format!("{:.1} GB", bytes as f64 / 1e9)
}

/// Refuses to begin where `needed` bytes are not there: on the CPU, what the kernel says can still
/// be had, and what the limits of this process and its control groups leave; on CUDA, an allocation
/// is tried and given back.
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

/// Bytes of this process that are in memory now, where the kernel says it.
pub fn resident() -> Option<u64> {
    bytes(&fs::read_to_string("/proc/self/status").ok()?, "VmRSS:")
}

/// Bytes that this process can still have, where that is said: the least that the machine, the
/// control groups and `ulimit -v` leave.
fn available() -> Option<u64> {
    let machine = bytes(&fs::read_to_string("/proc/meminfo").ok()?, "MemAvailable:")?;
    [left_in_groups(), left_of_limit()].into_iter().flatten().chain([machine]).min()
}

/// What the limit of this process on its address space leaves.
fn left_of_limit() -> Option<u64> {
    let most = getrlimit(Resource::As).current?;
    let now = bytes(&fs::read_to_string("/proc/self/status").ok()?, "VmSize:")?;
    Some(most.saturating_sub(now))
}

/// What the limits of the control groups leave: a job's is inside those of others.
fn left_in_groups() -> Option<u64> {
    let own = fs::read_to_string("/proc/self/cgroup").ok()?;
    let inside = own.lines().find_map(|line| line.strip_prefix("0::/"))?;
    let root = Path::new("/sys/fs/cgroup");
    let group = root.join(inside);
    group.ancestors().take_while(|folder| folder.starts_with(root)).filter_map(left_in_group).min()
}

/// What the limit of one control group leaves; files that it keeps in memory give way.
fn left_in_group(folder: &Path) -> Option<u64> {
    let read = |file: &str| fs::read_to_string(folder.join(file)).ok();
    let number = |file: &str| read(file)?.trim().parse::<u64>().ok();
    let (most, now) = (number("memory.max")?, number("memory.current")?);
    let all = read("memory.stat").unwrap_or_default();
    let part = |name: &str| all.lines().find_map(|line| line.strip_prefix(name)?.parse().ok());
    let files = part("active_file ").unwrap_or(0u64) + part("inactive_file ").unwrap_or(0);
    Some(most.saturating_sub(now.saturating_sub(files)))
}

/// The number of kilobytes on the line of a name, in bytes.
fn bytes(text: &str, name: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix(name))?;
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
        assert_eq!(bytes(text, "MemAvailable:"), Some(23456 * 1024));
        assert_eq!(bytes("MemTotal: 1 kB", "MemAvailable:"), None);
        assert!(available().is_some_and(|bytes| bytes > 1 << 20));
    }

    #[test]
    fn files_in_memory_do_not_count_against_a_control_group() {
        let folder = tempfile::tempdir().unwrap();
        let write = |file: &str, text: &str| fs::write(folder.path().join(file), text).unwrap();
        write("memory.max", "max\n");
        write("memory.current", "900\n");
        assert_eq!(left_in_group(folder.path()), None);
        write("memory.max", "1000\n");
        assert_eq!(left_in_group(folder.path()), Some(100));
        write("memory.stat", "anon 300\ninactive_file 500\nactive_file 100\n");
        assert_eq!(left_in_group(folder.path()), Some(700));
    }
}
