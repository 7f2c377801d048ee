//! Memory that is not there: looked for before a run begins, and said in one line wherever it is
//! missed, with the flags that make the run smaller.

use std::fmt::{self, Display};
use std::fs;
use std::path::Path;
use std::sync::Mutex;

use anyhow::{Result, bail};
use rustix::process::{Resource, getrlimit};
use tch::{Device, Kind, Tensor};

/// The flags that make the run of this process smaller.
static SIZES: Mutex<&[&str]> = Mutex::new(&[]);

/// What libtorch and C++ say where there is not enough memory, on the CPU and on CUDA.
const SHORTAGES: [&str; 4] = [
    "can't allocate memory",
    "out of memory",
    "Storage size calculation overflowed",
    "std::bad_alloc",
];

/// Bytes as people read them: `5.6 GB`.
pub fn gigabytes(bytes: u64) -> String {
    format!("{:.1} GB", bytes as f64 / 1e9)
}

/// Notes which flags make the run of this process smaller, for [`Remedy`].
pub fn note_sizes(flags: &'static [&'static str]) {
    if let Ok(mut sizes) = SIZES.lock() {
        *sizes = flags;
    }
}

/// What to do where there is not enough memory, in words: `use a smaller --hidden or --batch-size`. It
/// takes no memory, and waits for nobody.
#[derive(Debug)]
pub struct Remedy;

impl Display for Remedy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let flags: &[&str] = SIZES.try_lock().map(|sizes| *sizes).unwrap_or_default();
        f.write_str("use a smaller ")?;
        for (i, flag) in flags.iter().enumerate() {
            let between = match i {
                0 => "",
                _ if i + 1 == flags.len() => " or ",
                _ => ", ",
            };
            write!(f, "{between}--{flag}")?;
        }
        if flags.is_empty() { f.write_str("size") } else { Ok(()) }
    }
}

/// Whether a message is about memory that could not be had.
pub fn is_shortage(message: &str) -> bool {
    SHORTAGES.iter().any(|words| message.contains(words))
}

/// What libtorch says of memory that could not be had.
struct Shortage<'a> {
    /// On which GPU, in words; nothing for the host.
    place: String,
    /// How much was asked for, where that is said.
    asked: Option<&'a str>,
    /// How much there is, where that is known.
    free: Option<String>,
}

impl<'a> Shortage<'a> {
    fn read(said: &'a str) -> Self {
        let part = |start: &str, end: &str| Some(said.split_once(start)?.1.split_once(end)?.0);
        let asked = part("ried to allocate ", ". ");
        match part("GPU ", " has a total capacity of ") {
            Some(gpu) => {
                let free = part(" of which ", " is free").map(String::from);
                Self { place: format!(" on GPU {gpu}"), asked, free }
            }
            None => Self { place: String::new(), asked, free: available().map(gigabytes) },
        }
    }

    /// One line about it, in which `need` says what for.
    fn line(&self, need: &str) -> String {
        let free = self.free.as_ref().map(|free| format!(", and {free} are free"));
        format!("not enough memory{}: {need}{}; {Remedy}", self.place, free.unwrap_or_default())
    }
}

/// The line about memory that could not be had, from what libtorch or C++ says of it: what was asked
/// for and what is free, where that is said.
pub fn shortage(said: &str) -> String {
    let shortage = Shortage::read(said);
    let Some(asked) = shortage.asked else {
        return format!("not enough memory: {Remedy} ({said})");
    };
    let bytes = asked.strip_suffix(" bytes").and_then(|bytes| bytes.parse::<u64>().ok());
    let asked = bytes.filter(|bytes| *bytes > 99_999_999).map_or(asked.into(), gigabytes);
    shortage.line(&format!("{asked} more were asked for"))
}

/// Refuses to begin where `needed` bytes are not there: on the CPU, what the kernel says can still
/// be had, and what the limits of this process and its control groups leave; on CUDA, an allocation
/// is tried and given back.
///
/// # Errors
/// One line with what is needed, what there is, and which flags make it smaller.
pub fn require(device: Device, needed: u64, what: &str) -> Result<()> {
    let need = format!("{what} needs {}", gigabytes(needed));
    if device == Device::Cpu {
        let free = available().filter(|free| *free < needed).map(gigabytes);
        if free.is_some() {
            bail!(Shortage { place: String::new(), asked: None, free }.line(&need));
        }
        return Ok(());
    }
    let bytes = i64::try_from(needed).unwrap_or(i64::MAX);
    // What else is wrong with the device says so where it is used.
    match Tensor::f_empty([bytes], (Kind::Uint8, device)) {
        Err(error) if is_shortage(&error.to_string()) => {
            bail!(Shortage::read(&error.to_string()).line(&need))
        }
        Ok(_) | Err(_) => Ok(()),
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
        let start = "not enough memory: a model needs 1152921504.6 GB, and ";
        assert!(error.starts_with(start), "{error}");
        assert!(error.contains(" GB are free; use a smaller "), "{error}");
    }

    #[test]
    fn what_libtorch_says_is_told_with_its_numbers() {
        // As libtorch 2.13 puts it.
        let cuda = "CUDA out of memory. Tried to allocate 1.95 GiB. GPU 1 has a total capacity of 14.57 GiB \
                    of which 1.58 GiB is free. Process 7 has 12.02 GiB memory in use. Of the allocated \
                    memory 734.07 MiB is allocated by PyTorch, and 33.93 MiB is reserved by PyTorch but \
                    unallocated.";
        let start =
            "not enough memory on GPU 1: 1.95 GiB more were asked for, and 1.58 GiB are free; use";
        assert!(is_shortage(cuda) && shortage(cuda).starts_with(start), "{}", shortage(cuda));
        let host = "[enforce fail at alloc_cpu.cpp:127] . DefaultCPUAllocator: can't allocate memory: you tried \
                    to allocate 4398046511104 bytes. Error code 12 (Cannot allocate memory)";
        let line = shortage(host);
        let start = "not enough memory: 4398.0 GB more were asked for, and ";
        assert!(is_shortage(host) && line.starts_with(start), "{line}");
        assert!(line.contains(" GB are free; use a smaller "), "{line}");
        assert!(shortage("std::bad_alloc").ends_with(" (std::bad_alloc)"));
    }

    #[test]
    fn the_flags_of_the_run_are_named() {
        for (flags, said) in [
            (&["hidden", "batch-size", "replicates"][..], "--hidden, --batch-size or --replicates"),
            (&["trials", "inputs"], "--trials or --inputs"),
            (&["widths"], "--widths"),
            (&[], "size"),
        ] {
            note_sizes(flags);
            assert_eq!(Remedy.to_string(), format!("use a smaller {said}"));
        }
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
