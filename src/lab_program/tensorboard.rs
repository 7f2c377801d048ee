//! `lab tensorboard`.

use std::net::{Ipv4Addr, TcpListener};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::lab::log::console::Console;

/// Points that TensorBoard keeps of each tag: all pictures and histograms, enough of the curves. Zero
/// means all to one of its two loaders, and none to the other.
const SAMPLES: &str = "images=10000,histograms=10000,text=100,scalars=5000";

/// The port where none is asked for: TensorBoard's own.
const PORT: u16 = 6006;
/// Ports from there on that are tried.
const TRIED: u16 = 100;

/// The charts that belong together, as they were logged: TensorBoard smooths curves where the address
/// doesn't say otherwise.
const PAGE: &str = "#custom_scalars&_smoothingWeight=0";

/// The TensorBoard of the project's own environment, or the one that is installed.
fn program() -> Option<PathBuf> {
    let project = Path::new(env!("CARGO_MANIFEST_DIR")).join(".venv/bin/tensorboard");
    let path = std::env::var_os("PATH").unwrap_or_default();
    let installed = std::env::split_paths(&path).map(|folder| folder.join("tensorboard"));
    std::iter::once(project).chain(installed).find(|path| path.is_file())
}

/// The port if nothing listens there; one that is free for port 0.
fn free(port: u16) -> std::io::Result<u16> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, port))?.local_addr()?.port())
}

/// The port that was asked for, or the first that is free.
///
/// # Errors
/// Where that can't be taken, or none is free.
fn choose(asked: Option<u16>) -> Result<u16> {
    if let Some(port) = asked {
        return free(port).map_err(|error| {
            let hint = "choose another, or leave --port away for one that is free";
            anyhow::anyhow!("--port {port} can't be taken ({error}): {hint}")
        });
    }
    let last = PORT + TRIED - 1;
    (PORT..=last)
        .find_map(|port| free(port).ok())
        .with_context(|| format!("no port from {PORT} to {last} is free: give one with --port"))
}

/// Becomes TensorBoard, on loopback.
///
/// # Errors
/// Where there is none, no such folder, or the port is taken.
pub fn open(folder: &Path, port: Option<u16>, rest: &[String]) -> Result<()> {
    if !folder.is_dir() {
        bail!("no folder {}: train something first", folder.display());
    }
    let program = program().context(
        "no TensorBoard found: install it with scripts/tensorboard, or pip install tensorboard",
    )?;
    let port = choose(port)?;
    let console = Console::new(false, false);
    console.print(&format!("TensorBoard on {}: http://127.0.0.1:{port}/{PAGE}", folder.display()));
    let mut command = Command::new(&program);
    command.arg("--logdir").arg(folder).args(["--host", "127.0.0.1", "--port"]);
    command.arg(port.to_string()).args(["--samples_per_plugin", SAMPLES]).args(rest);
    // Only an error comes back.
    Err(command.exec()).with_context(|| format!("starting {}", program.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_busy_port_is_refused_where_it_was_asked_for() {
        let busy = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = busy.local_addr().unwrap().port();
        let error = choose(Some(port)).unwrap_err().to_string();
        assert!(error.starts_with(&format!("--port {port} can't be taken (")), "{error}");
        drop(busy);
        assert_eq!(choose(Some(port)).unwrap(), port);
    }

    #[test]
    fn without_one_the_next_free_port_is_taken() {
        let first = choose(None).unwrap();
        let _busy = TcpListener::bind((Ipv4Addr::LOCALHOST, first)).unwrap();
        let next = choose(None).unwrap();
        assert!(PORT <= first && first < next && next < PORT + TRIED, "{first}, {next}");
        assert_ne!(choose(Some(0)).unwrap(), 0);
    }
}
