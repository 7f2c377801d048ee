//! How a run can fail, and the exit code that each way has.

use std::backtrace::BacktraceStatus;
use std::fmt;
use std::process::ExitCode;

use tch::TchError;

use super::panic::Panicked;
use super::tensor::memory;

/// A failure with an exit code of its own; every other error exits with 1.
#[derive(Debug)]
pub enum Failure {
    /// Flags or configuration were refused before a run folder existed: exit code 2.
    Refused(String),
    /// A loss or a gradient was not finite at this step (counted from 1): exit code 3.
    NonFinite {
        /// The first step whose loss or gradient was not finite; its update was not applied.
        step: u64,
    },
    /// Stopped by this signal, after a checkpoint: exit code 128 + signal.
    Interrupted {
        /// The number of the signal, such as 2 for SIGINT and 15 for SIGTERM.
        signal: i32,
    },
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Failure::Refused(message) => f.write_str(message),
            Failure::NonFinite { step } => write!(
                f,
                "the loss or a gradient was not finite at step {step}: its update was not applied; \
                 try a smaller learning rate or --clip-norm"
            ),
            Failure::Interrupted { signal: 2 } => f.write_str("interrupted by signal 2 (Ctrl-C)"),
            Failure::Interrupted { signal } => write!(f, "interrupted by signal {signal}"),
        }
    }
}

impl std::error::Error for Failure {}

/// An error for flags or configuration that can't be run (exit code 2). A control character, such
/// as the end of a line in a value or a key that was given, is escaped: the message is one line. A
/// number of hundreds of digits is written as `1e300`.
pub fn refuse(message: impl Into<String>) -> anyhow::Error {
    let mut line = String::new();
    for character in with_short_numbers(&message.into()).chars() {
        if character.is_control() {
            line.extend(character.escape_default());
        } else {
            line.push(character);
        }
    }
    Failure::Refused(line).into()
}

/// The longest number that [`refuse`] leaves as it is: any 64-bit integer is shorter.
const LONGEST_NUMBER: usize = 22;

/// A text whose long numbers, as Rust writes those that are far from 1, have an exponent.
fn with_short_numbers(text: &str) -> String {
    let is_part = |character: char| character.is_ascii_digit() || character == '.';
    let mut short = String::new();
    let mut rest = text;
    while let Some(start) = rest.find(is_part) {
        let (before, from) = rest.split_at(start);
        let end = from.find(|character| !is_part(character)).unwrap_or(from.len());
        let (number, after) = from.split_at(end);
        short += before;
        match number.parse::<f64>() {
            // Digits that are no such number, as in a name, stay.
            Ok(value) if number.len() > LONGEST_NUMBER && value.to_string() == number => {
                short += &format!("{value:e}");
            }
            _ => short += number,
        }
        rest = after;
    }
    short + rest
}

/// The exit code of an error: see [`Failure`].
pub fn exit_status(error: &anyhow::Error) -> u8 {
    match error.downcast_ref::<Failure>() {
        Some(Failure::Refused(_)) => 2,
        Some(Failure::NonFinite { .. }) => 3,
        Some(Failure::Interrupted { signal }) => (128 + signal) as u8,
        None => 1,
    }
}

/// As [`exit_status`], for `main`.
pub fn exit_code(error: &anyhow::Error) -> ExitCode {
    ExitCode::from(exit_status(error))
}

/// The whole chain of an error on one line. Of each cause only the first line is kept, since an
/// error of libtorch carries a C++ backtrace of thousands of characters behind it. One that is about
/// memory says what to do.
pub fn one_line(error: &anyhow::Error) -> String {
    let mut parts: Vec<String> = Vec::new();
    for cause in error.chain() {
        let text = cause.to_string();
        let mut line = text.lines().next().unwrap_or_default().trim().to_string();
        if cause.is::<TchError>() && memory::is_shortage(&line) {
            line = memory::shortage(&line);
        }
        if !parts.iter().any(|part| part.contains(&line)) {
            parts.push(line);
        }
    }
    parts.join(": ")
}

/// The backtrace of an error or of the panic that it stands for; none unless `RUST_BACKTRACE` asks
/// for one, and none of a [`Failure`], with which nothing is wrong inside.
pub fn backtrace(error: &anyhow::Error) -> Option<String> {
    if error.is::<Failure>() {
        return None;
    }
    if let Some(panicked) = error.downcast_ref::<Panicked>() {
        return panicked.backtrace().map(ToString::to_string);
    }
    let backtrace = error.backtrace();
    (backtrace.status() == BacktraceStatus::Captured).then(|| backtrace.to_string())
}

/// The candidate that is closest to `name`, by the similarity of Jaro and Winkler; none if none is
/// close.
pub fn nearest<'a>(name: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    candidates
        .into_iter()
        .map(|candidate| (strsim::jaro_winkler(name, candidate), candidate))
        .filter(|(similarity, _)| *similarity > 0.7)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, candidate)| candidate)
}

/// The [`nearest`] candidate as `; did you mean "…"?`, or nothing if none is close.
pub fn closest<'a>(name: &str, candidates: impl IntoIterator<Item = &'a str>) -> String {
    nearest(name, candidates)
        .map(|candidate| format!("; did you mean \"{candidate}\"?"))
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use anyhow::Context;

    #[test]
    fn a_libtorch_error_is_one_line_without_its_backtrace() {
        let torch = tch::Tensor::zeros([2, 3], (tch::Kind::Float, tch::Device::Cpu))
            .f_matmul(&tch::Tensor::zeros([2, 3], (tch::Kind::Float, tch::Device::Cpu)))
            .unwrap_err();
        let error = Err::<(), _>(torch).context("first layer").unwrap_err();
        let line = one_line(&error);
        assert!(line.starts_with("first layer: "), "{line}");
        assert!(!line.contains('\n') && line.len() < 250, "{line}");
    }

    #[test]
    fn a_lack_of_memory_says_what_to_do_and_a_name_does_not() {
        let float = (tch::Kind::Float, tch::Device::Cpu);
        let torch = tch::Tensor::f_zeros([1 << 40, 1 << 20], float).unwrap_err();
        let error = Err::<(), _>(torch).context("first layer").unwrap_err();
        let line = one_line(&error);
        assert!(line.starts_with("first layer: not enough memory: "), "{line}");
        let named = anyhow::anyhow!("out of memory.txt: no such file");
        assert_eq!(one_line(&named), "out of memory.txt: no such file");
    }

    #[test]
    fn codes_survive_context() {
        let refused: anyhow::Error = refuse("no").context("reading flags");
        assert_eq!(exit_status(&refused), 2);
        assert_eq!(exit_status(&Failure::Interrupted { signal: 15 }.into()), 143);
        assert_eq!(exit_status(&anyhow::anyhow!("x")), 1);
    }

    #[test]
    fn a_refusal_is_one_line_whatever_was_given() {
        let error = refuse("unknown key \"a\nb\"; --name \tµ");
        assert_eq!(one_line(&error), r#"unknown key "a\nb"; --name \tµ"#);
    }

    #[test]
    fn a_number_far_from_one_is_short() {
        let line = one_line(&refuse(format!("--lambda {}: up to {}; {}", 1e300, f32::MAX, 1e-30)));
        assert_eq!(line, "--lambda 1e300: up to 3.4028235e38; 1e-30");
        for kept in ["1.5 of 18446744073709551615", "run-12345678901234567890123456789", "v1.2..3."]
        {
            assert_eq!(one_line(&refuse(kept)), kept);
        }
    }

    #[test]
    fn closest_name() {
        assert_eq!(closest("batch_sise", ["seed", "batch_size"]), "; did you mean \"batch_size\"?");
        assert_eq!(closest("zzz", ["seed"]), "");
    }
}
