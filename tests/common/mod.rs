//! A folder of its own for the program under test, and what it said.

// Each test file is a crate of its own and uses a part of this.
#![allow(dead_code)]
#![allow(clippy::unwrap_used)]

pub mod cut;
pub mod damage;

use std::ffi::OsString;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use neuron_lab::data::{self, ImageData};
use neuron_lab::lab::log::tags::is_of_machine;
use serde_json::Value;
use tch::Device;

/// Every experiment.
pub const EXPERIMENTS: [&str; 13] = [
    "apical_characterize",
    "apical_toy",
    "apical_train",
    "depth_width",
    "efficient_coding",
    "one_neuron",
    "selector_continual",
    "selector_mnist",
    "selector_transformer",
    "steady_state",
    "steady_state_init",
    "steady_state_theory",
    "two_loss_toy",
];

/// Says that the test under way can't do its work on this machine, before it returns: `scripts/test`
/// counts the line. It goes past the test harness, which shows what a test prints only if it fails.
pub fn skip(reason: &str) {
    // Where standard error is gone, nobody counts.
    let _ = writeln!(std::io::stderr(), "skipped: {reason}");
}

/// A data set that `scripts/data` fetches; none where it has not, and then the test is skipped.
///
/// # Panics
/// Where the data set is not there and `CI=true` says that it has to be.
#[track_caller]
pub fn fetched(name: &str) -> Option<ImageData> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("data");
    match data::load(name, &folder, Device::Cpu) {
        Ok(data) => Some(data),
        Err(error) if std::env::var("CI").is_ok_and(|set| set == "true") => {
            panic!("CI=true, and there is no {name}: {error:#}")
        }
        Err(_) => {
            skip(&format!("no {name}; run scripts/data {name}"));
            None
        }
    }
}

/// A folder in which the program finds `runs/` and `checkpoints/`.
pub struct Bench {
    folder: tempfile::TempDir,
}

/// How a process ended.
#[derive(Debug)]
pub struct Outcome {
    pub code: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

impl Outcome {
    /// Asserts the exit code, and that nothing was said that a person shouldn't see.
    #[track_caller]
    pub fn expect(self, code: i32) -> Self {
        assert_eq!(self.code, Some(code), "{self:#?}");
        for word in ["panicked", "backtrace", "C++", "internal error", "frame #"] {
            assert!(!self.stderr.contains(word), "{word} in {self:#?}");
        }
        self
    }

    /// The one line that begins with `error: `; before it there may only be warnings.
    #[track_caller]
    pub fn error(&self) -> &str {
        let mut lines: Vec<&str> = self.stderr.lines().collect();
        let last = lines.pop().unwrap_or_default();
        assert!(last.starts_with("error: ") && last.len() > 20, "{self:#?}");
        assert!(lines.iter().all(|line| line.starts_with("warning: ")), "{self:#?}");
        last
    }

    /// The lines that begin with `warning: `.
    pub fn warnings(&self) -> Vec<&str> {
        self.stderr.lines().filter(|line| line.starts_with("warning: ")).collect()
    }
}

/// The binary under test.
pub fn program() -> &'static str {
    env!("CARGO_BIN_EXE_selector_mnist")
}

/// Splits a command line at blanks.
pub fn words(line: &str) -> Vec<&str> {
    line.split_whitespace().collect()
}

impl Bench {
    pub fn new() -> Self {
        // In memory where there is such a folder: a slow disk would only slow the tests down.
        let memory = Path::new("/dev/shm");
        let parent = if memory.is_dir() { memory.into() } else { std::env::temp_dir() };
        Self { folder: tempfile::tempdir_in(parent).unwrap() }
    }

    /// The words of a command line whose run is in this folder and on the CPU, the program first.
    pub fn arguments(&self, line: &str) -> Vec<OsString> {
        let (runs, checkpoints) = (self.path("runs"), self.path("checkpoints"));
        let mut arguments: Vec<OsString> = vec!["program".into(), "--device".into(), "cpu".into()];
        arguments.extend([
            "--runs".into(),
            runs.into(),
            "--checkpoints".into(),
            checkpoints.into(),
        ]);
        arguments.extend(words(line).into_iter().map(OsString::from));
        arguments
    }

    pub fn path(&self, inside: impl AsRef<Path>) -> PathBuf {
        self.folder.path().join(inside)
    }

    /// The file of a run.
    pub fn run_file(&self, run: &str, file: &str) -> PathBuf {
        self.path("runs/selector_mnist").join(run).join(file)
    }

    /// The folder of a run's checkpoints.
    pub fn checkpoints(&self, run: &str) -> PathBuf {
        self.path("checkpoints/selector_mnist").join(run)
    }

    fn command(&self, program: &str, arguments: &[&str]) -> Command {
        let mut command = Command::new(program);
        command.args(arguments).current_dir(self.folder.path()).stdin(Stdio::null());
        // What is said is compared: a backtrace has a test of its own.
        command.env_remove("RUST_BACKTRACE").env_remove("RUST_LIB_BACKTRACE");
        command
    }

    /// Runs the program with some arguments, separated by blanks.
    pub fn run(&self, line: &str) -> Outcome {
        // Bits are promised on the CPU; a line that names a device means it.
        let device = if line.contains("--device") { "" } else { " --device cpu" };
        self.execute(program(), &words(&format!("{line}{device}")))
    }

    /// Runs any program in the folder.
    pub fn execute(&self, program: &str, arguments: &[&str]) -> Outcome {
        let output = self.command(program, arguments).output().unwrap();
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        Outcome {
            code: output.status.code(),
            stdout: text(output.stdout),
            stderr: text(output.stderr),
        }
    }

    /// Starts the program; what it says goes to the files `stdout` and `stderr` in the folder.
    pub fn spawn(&self, line: &str) -> Child {
        let file = |name: &str| fs::File::create(self.path(name)).unwrap();
        let mut command = self.command(program(), &words(line));
        command.stdout(file("stdout")).stderr(file("stderr")).spawn().unwrap()
    }

    /// Starts a program that says nothing to anyone.
    pub fn spawn_quietly(&self, program: &str, line: &str) -> Child {
        let mut command = self.command(program, &words(line));
        command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
    }

    /// What a process that was started by [`Bench::spawn`] and has ended said.
    pub fn outcome(&self, status: ExitStatus) -> Outcome {
        let text = |name: &str| fs::read_to_string(self.path(name)).unwrap();
        Outcome { code: status.code(), stdout: text("stdout"), stderr: text("stderr") }
    }

    pub fn json(&self, path: impl AsRef<Path>) -> Value {
        serde_json::from_slice(&fs::read(self.path(path)).unwrap()).unwrap()
    }

    pub fn summary(&self, run: &str) -> Value {
        self.json(self.run_file(run, "summary.json"))
    }

    /// The lines of `metrics.jsonl` without what depends on the machine.
    pub fn metrics(&self, run: &str) -> Vec<Value> {
        let text = fs::read_to_string(self.run_file(run, "metrics.jsonl")).unwrap();
        let lines = text.lines().map(|line| {
            let mut entry: Value = serde_json::from_str(line).unwrap();
            entry.as_object_mut().unwrap().shift_remove("time");
            let values = entry["values"].as_object_mut().unwrap();
            values.retain(|tag, _| !is_of_machine(tag));
            entry
        });
        lines.filter(|entry| !entry["values"].as_object().unwrap().is_empty()).collect()
    }

    /// The bytes of the tensors' file of a step.
    pub fn tensors(&self, run: &str, step: u64) -> Vec<u8> {
        fs::read(self.checkpoints(run).join(format!("step-{step:08}.safetensors"))).unwrap()
    }

    /// Names of the files in a folder, sorted.
    pub fn names(&self, folder: impl AsRef<Path>) -> Vec<String> {
        let entries = fs::read_dir(self.path(folder)).unwrap().flatten();
        let mut names: Vec<String> =
            entries.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
        names.sort();
        names
    }

    /// As [`Bench::names`], none where there is no such folder yet.
    pub fn names_or_none(&self, folder: &str) -> Vec<String> {
        if self.path(folder).is_dir() { self.names(folder) } else { Vec::new() }
    }

    /// Asserts that two runs ended in the same bits: model, optimizer and state, and every value
    /// that was logged on the way.
    #[track_caller]
    pub fn assert_same(&self, run: &str, reference: &str, step: u64, context: &str) {
        let (a, b) = (self.tensors(run, step), self.tensors(reference, step));
        assert!(a == b, "{context}: the last checkpoints of {run} and {reference} differ");
        let (a, b) = (self.metrics(run), self.metrics(reference));
        for (a, b) in a.iter().zip(&b) {
            assert_eq!(a, b, "{context}: metrics.jsonl of {run} and {reference}");
        }
        assert_eq!(a.len(), b.len(), "{context}: lines of metrics.jsonl");
    }
}

/// After how long a wait is taken for one without an end: far more than any takes on a machine that
/// is busy with other things.
const IN_VAIN: Duration = Duration::from_secs(600);

/// Waits until something is so.
#[track_caller]
pub fn wait_until(what: &str, mut ready: impl FnMut() -> bool) {
    let start = Instant::now();
    while !ready() {
        assert!(start.elapsed() < IN_VAIN, "waited in vain until {what}");
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// Does something to a run that is under way, in a new one each time until `attempt` has not come too
/// late: on a busy machine a run may end before this process gets its turn.
#[track_caller]
pub fn in_time<T>(attempt: impl FnMut(u32) -> Option<T>) -> T {
    const ATTEMPTS: u32 = 20;
    let done = (0..ATTEMPTS).find_map(attempt);
    done.unwrap_or_else(|| panic!("{ATTEMPTS} runs ended before anything was done to them"))
}

/// SplitMix64 from the clock; the seed goes into every failure's message.
pub struct Random {
    pub seed: u64,
    state: u64,
}

impl Random {
    pub fn new() -> Self {
        let seed = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_nanos() as u64;
        Self { seed, state: seed }
    }

    /// A whole number below `end`.
    pub fn below(&mut self, end: u64) -> u64 {
        self.state = self.state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.state;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (z ^ (z >> 31)) % end
    }
}
