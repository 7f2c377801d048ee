//! The signals that end a run after the step that is under way.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI32, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM, SIGUSR1, SIGUSR2, SIGXCPU, SIGXFSZ};
use signal_hook::{flag, low_level};

/// What a person or a supervisor sends, once to ask and again to insist.
const REQUESTS: [i32; 2] = [SIGINT, SIGTERM];
/// What a terminal that closes, a cluster, or the kernel at a limit of processor time sends; it may
/// come any number of times, and never means "at once".
const NOTICES: [i32; 4] = [SIGHUP, SIGUSR1, SIGUSR2, SIGXCPU];

/// Two different requests within this time are one that came by two ways: a wrapper passes on
/// its own, and the terminal or the cluster tells the whole group.
const BY_TWO_WAYS: Duration = Duration::from_secs(1);
/// So are two of one number that are closer than a person types: `timeout` signals its child and
/// then the group that it is in.
const TWICE: Duration = Duration::from_millis(50);

/// The signal that asks the run to stop, if one has come.
#[derive(Debug, Clone, Default)]
pub struct StopSignal(Arc<Received>);

/// What has come so far; a handler may interrupt any code, so that it is in atomics alone.
#[derive(Debug, Default)]
struct Received {
    /// The number of the first notice; 0 where none has come.
    notice: AtomicI32,
    /// The first request, its milliseconds times 256 and its number; 0 where none has come.
    request: AtomicU64,
}

impl Received {
    /// Notes a signal that comes so long after the handlers were installed, and says whether it
    /// insists: that a request came before, which it is not a part of.
    fn note(&self, signal: i32, after: Duration) -> bool {
        if NOTICES.contains(&signal) {
            let _ = self.notice.compare_exchange(0, signal, Ordering::Relaxed, Ordering::Relaxed);
            return false;
        }
        let (now, number) = (after.as_millis() as u64, signal as u64);
        let this = (now << 8) | number;
        match self.request.compare_exchange(0, this, Ordering::Relaxed, Ordering::Relaxed) {
            Ok(_) => false,
            Err(first) => {
                let apart = Duration::from_millis(now.saturating_sub(first >> 8));
                apart >= if first & 0xff == number { TWICE } else { BY_TWO_WAYS }
            }
        }
    }

    /// The first request, or else the first notice.
    fn first(&self) -> Option<i32> {
        let request = (self.request.load(Ordering::Relaxed) & 0xff) as i32;
        let notice = self.notice.load(Ordering::Relaxed);
        [request, notice].into_iter().find(|signal| *signal != 0)
    }
}

impl StopSignal {
    /// Takes the signals that end a run from now on: the first is noted. SIGINT or SIGTERM after
    /// another one ends the process at once with 128 + its number; SIGHUP, SIGUSR1, SIGUSR2 and
    /// SIGXCPU never do. A SIGHUP that is ignored, as `nohup` has it, stays so. Also makes a write
    /// beyond a file-size limit an error instead of a death.
    ///
    /// # Errors
    /// Where the kernel takes no handler.
    pub fn install() -> Result<Self> {
        let (stop, began) = (Self::default(), Instant::now());
        let hears = |signal: &i32| *signal != SIGHUP || !is_ignored(SIGHUP);
        for signal in REQUESTS.into_iter().chain(NOTICES).filter(hears) {
            let received = Arc::clone(&stop.0);
            let action = move || {
                if received.note(signal, began.elapsed()) {
                    low_level::exit(128 + signal);
                }
            };
            // SAFETY: the action reads the clock, changes atomics and leaves by `_exit`; a signal
            // handler may do each, and none allocates, locks or panics.
            unsafe { low_level::register(signal, action) }
                .with_context(|| format!("installing the handler of signal {signal}"))?;
        }
        flag::register(SIGXFSZ, Arc::new(AtomicBool::new(false)))
            .context("installing the handler of SIGXFSZ")?;
        Ok(stop)
    }

    /// The number of the signal that came, if any: of several the first, and a SIGINT or SIGTERM
    /// before the others.
    pub fn received(&self) -> Option<i32> {
        self.0.first()
    }
}

/// Whether an exit code is that of a process which one of these signals has ended, most often
/// after a checkpoint.
pub fn is_interruption(code: i32) -> bool {
    REQUESTS.iter().chain(&NOTICES).any(|signal| code == 128 + signal)
}

/// Whether whoever started this process has had it ignore a signal.
fn is_ignored(signal: i32) -> bool {
    // SAFETY: the structure is plain numbers, which may all be zero, and without a new action the
    // call only fills it in.
    unsafe {
        let mut action: libc::sigaction = std::mem::zeroed();
        let asked = libc::sigaction(signal, std::ptr::null(), &raw mut action);
        asked == 0 && action.sa_sigaction == libc::SIG_IGN
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whether each signal, after so many milliseconds, insists; and what was received.
    fn notes(signals: &[(i32, u64)]) -> (Vec<bool>, Option<i32>) {
        let received = Received::default();
        let note =
            |(signal, after): &(i32, u64)| received.note(*signal, Duration::from_millis(*after));
        (signals.iter().map(note).collect(), received.first())
    }

    #[test]
    fn one_request_by_two_ways_is_one() {
        let once = (vec![false, false], Some(SIGTERM));
        assert_eq!(notes(&[(SIGTERM, 0), (SIGINT, 999)]), once);
        assert_eq!(notes(&[(SIGTERM, 500), (SIGTERM, 502)]), once);
        let twice = (vec![false, true], Some(SIGTERM));
        assert_eq!(notes(&[(SIGTERM, 500), (SIGINT, 1500)]), twice);
        assert_eq!(notes(&[(SIGTERM, 500), (SIGTERM, 600)]), twice);
    }

    #[test]
    fn a_notice_may_come_any_number_of_times() {
        let several = [(SIGHUP, 0), (SIGHUP, 5000), (SIGXCPU, 6000), (SIGUSR2, 9000)];
        assert_eq!(notes(&several), (vec![false; 4], Some(SIGHUP)));
        let then_asked = [(SIGUSR1, 0), (SIGTERM, 5000), (SIGUSR1, 9000)];
        assert_eq!(notes(&then_asked), (vec![false; 3], Some(SIGTERM)));
        assert_eq!(notes(&[]), (vec![], None));
    }

    #[test]
    fn exit_codes_of_signals() {
        let known = [129, 130, 138, 140, 143, 152];
        assert_eq!((0..256).filter(|code| is_interruption(*code)).collect::<Vec<_>>(), known);
    }
}
