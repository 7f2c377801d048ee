//! `lab tensorboard`.

use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::lab::log::console::Console;

/// Points that TensorBoard keeps of each tag: all pictures and histograms, enough of the curves. Zero
/// means all to one of its two loaders, and none to the other.
const SAMPLES: &str = "images=10000,histograms=10000,text=100,scalars=5000";

/// The TensorBoard of the project's own environment, or the one that is installed.
fn program() -> Option<PathBuf> {
    let project = Path::new(env!("CARGO_MANIFEST_DIR")).join(".venv/bin/tensorboard");
    let path = std::env::var_os("PATH").unwrap_or_default();
    let installed = std::env::split_paths(&path).map(|folder| folder.join("tensorboard"));
    std::iter::once(project).chain(installed).find(|path| path.is_file())
}

/// Becomes TensorBoard, on loopback.
///
/// # Errors
/// Where there is none, or no such folder.
pub fn open(folder: &Path, port: u16, rest: &[String]) -> Result<()> {
    if !folder.is_dir() {
        bail!("no folder {}: train something first", folder.display());
    }
    let program = program().context(
        "no TensorBoard found: install it with scripts/tensorboard, or pip install tensorboard",
    )?;
    let console = Console::new(false, false);
    console.print(&format!("TensorBoard on {}: http://127.0.0.1:{port}", folder.display()));
    let mut command = Command::new(&program);
    command.arg("--logdir").arg(folder).args(["--host", "127.0.0.1", "--port"]);
    command.arg(port.to_string()).args(["--samples_per_plugin", SAMPLES]).args(rest);
    // Only an error comes back.
    Err(command.exec()).with_context(|| format!("starting {}", program.display()))
}
