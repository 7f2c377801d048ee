//! What a panic was: its message and the place in our own code on one line, and its backtrace.
//!
//! The bindings of libtorch panic where an operation fails, in a generated file that says nothing
//! of what was computed. The place that is named is the nearest one outside of the toolchain and of
//! downloaded packages; it is looked up only once something has failed.

use std::any::Any;
use std::backtrace::{Backtrace, BacktraceStatus};
use std::fmt;
use std::panic::PanicHookInfo;
use std::sync::Mutex;

use crate::lab::tensor::memory;

/// Parts of paths that belong to the toolchain or to downloaded packages.
const FOREIGN: [&str; 4] = ["/rustc/", "/rustlib/src/", "/registry/src/", "/git/checkouts/"];

/// A panic, as an error of one line.
#[derive(Debug)]
pub struct Panicked {
    line: String,
    /// Where it was, if the environment asks for backtraces.
    backtrace: Option<Backtrace>,
}

impl fmt::Display for Panicked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.line)
    }
}

impl std::error::Error for Panicked {}

impl Panicked {
    /// The backtrace of the panic; none unless `RUST_BACKTRACE` asks for one.
    pub fn backtrace(&self) -> Option<&Backtrace> {
        self.backtrace.as_ref()
    }
}

/// What the hook knows of a panic that its payload does not say.
struct Noted {
    place: Option<String>,
    backtrace: Backtrace,
}

/// The last panic, until [`from_panic`] makes an error of it.
static NOTED: Mutex<Option<Noted>> = Mutex::new(None);

/// Makes panics silent, and notes where each was for [`from_panic`].
pub fn install_hook() {
    std::panic::set_hook(Box::new(note));
}

fn note(panic: &PanicHookInfo<'_>) {
    // Looking frames up takes memory itself, and the line about it names no place.
    if memory::is_shortage(message_of(panic.payload())) {
        return;
    }
    let backtrace = Backtrace::force_capture();
    let here = panic.location().filter(|at| is_own(at.file()));
    let here = here.map(|at| format!("{}:{}", relative(at.file()), at.line()));
    let place = here.or_else(|| own_frame(&backtrace.to_string()));
    if let Ok(mut noted) = NOTED.lock() {
        *noted = Some(Noted { place, backtrace });
    }
}

/// The error that a panic stands for.
pub fn from_panic(payload: &(dyn Any + Send)) -> anyhow::Error {
    // An error of libtorch inside a message has its line ends escaped.
    let line = message_of(payload).lines().next().unwrap_or_default();
    let line = line.split("\\n").next().unwrap_or_default();
    let said = line.split_once("Torch(\"").map_or(line, |(_, said)| said);
    let noted = NOTED.lock().ok().and_then(|mut noted| noted.take());
    let place = noted.as_ref().and_then(|noted| noted.place.as_ref());
    let line = if memory::is_shortage(said) {
        memory::shortage(said.trim_end_matches("\")"))
    } else {
        let place = place.map(|place| format!(" (at {place})")).unwrap_or_default();
        format!("internal error, please report it: {said}{place}")
    };
    // As the standard library decides it, from the environment.
    let asked = Backtrace::capture().status() == BacktraceStatus::Captured;
    let backtrace = noted.filter(|_| asked).map(|noted| noted.backtrace);
    Panicked { line, backtrace }.into()
}

/// What a panic says.
fn message_of(payload: &(dyn Any + Send)) -> &str {
    let text = payload.downcast_ref::<String>().map(String::as_str);
    text.or(payload.downcast_ref::<&str>().copied()).unwrap_or("unknown")
}

/// Whether a source file is neither the toolchain's nor a downloaded package's.
fn is_own(file: &str) -> bool {
    !FOREIGN.iter().any(|part| file.contains(part))
}

/// A path as it is called from the folder of this package, where it is in it.
fn relative(file: &str) -> &str {
    let inside = file.strip_prefix(env!("CARGO_MANIFEST_DIR")).map(|rest| &rest[1..]);
    inside.or(file.strip_prefix("./")).unwrap_or(file)
}

/// `<file>:<line>` of the innermost frame that is in own code; none without line tables.
fn own_frame(backtrace: &str) -> Option<String> {
    let place = |line: &str| {
        let mut parts = line.trim().strip_prefix("at ")?.rsplitn(3, ':');
        let (_column, line, file) = (parts.next()?, parts.next()?, parts.next()?);
        let file = relative(file);
        // The innermost frames are those of the hook.
        (is_own(file) && file != file!()).then(|| format!("{file}:{line}"))
    };
    backtrace.lines().find_map(place)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lab::error::one_line;

    #[test]
    fn a_panic_of_libtorch_says_what_to_do() {
        let result = std::panic::catch_unwind(|| {
            tch::Tensor::zeros([1 << 40, 1 << 20], (tch::Kind::Float, tch::Device::Cpu))
        });
        let line = one_line(&from_panic(&*result.unwrap_err()));
        assert!(line.starts_with("not enough memory: ") && line.len() < 300, "{line}");
        let text = "called `Result::unwrap()` on an `Err` value: Torch(\"std::bad_alloc\")";
        let line = one_line(&from_panic(&text));
        assert!(
            line.starts_with("not enough memory: ") && line.ends_with("(std::bad_alloc)"),
            "{line}"
        );
        let line = one_line(&from_panic(&"index out of bounds"));
        assert_eq!(line, "internal error, please report it: index out of bounds");
    }

    #[test]
    fn the_innermost_frame_of_our_own_is_named() {
        let frames = format!(
            "   0: neuron_lab::lab::panic::note\n             at {}/src/lab/panic.rs:60:21\n   \
             1: core::result::unwrap_failed\n             at /rustc/abc/library/core/src/result.rs:1:5\n   \
             2: tch::Tensor::matmul\n             at /root/.cargo/registry/src/i/tch/src/w.rs:9:1\n   \
             3: neuron_lab::selector::step\n             at {}/src/selector/step.rs:42:7\n   \
             4: main\n             at ./bin/a.rs:3:1\n",
            env!("CARGO_MANIFEST_DIR"),
            env!("CARGO_MANIFEST_DIR")
        );
        assert_eq!(own_frame(&frames).as_deref(), Some("src/selector/step.rs:42"));
        assert_eq!(own_frame("   0: <unknown>\n"), None);
        assert!(!is_own("/home/a/.cargo/git/checkouts/b/src/c.rs") && is_own("src/lib.rs"));
    }
}
