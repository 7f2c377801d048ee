//! SIGINT, SIGTERM and SIGUSR1 end a run after the step that is under way.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use anyhow::{Context, Result};
use signal_hook::consts::{SIGINT, SIGTERM, SIGUSR1, SIGXFSZ};
use signal_hook::flag;

/// The signal that asks the run to stop, if one has come.
#[derive(Debug, Clone, Default)]
pub struct StopSignal(Arc<AtomicUsize>);

impl StopSignal {
    /// Takes SIGINT, SIGTERM and SIGUSR1 from now on: the first is noted; a second SIGINT or SIGTERM
    /// ends the process at once with 128 + its number. Also makes a write beyond a file-size limit
    /// an error instead of a death.
    ///
    /// # Errors
    /// Where the kernel takes no handler.
    pub fn install() -> Result<Self> {
        let stop = Self::default();
        let again = Arc::new(AtomicBool::new(false));
        for signal in [SIGINT, SIGTERM] {
            // In this order: the first signal finds `again` false, and sets it.
            flag::register_conditional_shutdown(signal, 128 + signal, Arc::clone(&again))
                .and_then(|_| flag::register(signal, Arc::clone(&again)))
                .and_then(|_| flag::register_usize(signal, Arc::clone(&stop.0), signal as usize))
                .context("installing the handlers of SIGINT and SIGTERM")?;
        }
        // What a cluster sends before it takes a machine away; it may come more than once.
        flag::register_usize(SIGUSR1, Arc::clone(&stop.0), SIGUSR1 as usize)
            .context("installing the handler of SIGUSR1")?;
        flag::register(SIGXFSZ, Arc::new(AtomicBool::new(false)))
            .context("installing the handler of SIGXFSZ")?;
        Ok(stop)
    }

    /// The number of the signal that came, if any.
    pub fn received(&self) -> Option<i32> {
        match self.0.load(Ordering::Relaxed) {
            0 => None,
            signal => Some(signal as i32),
        }
    }
}
