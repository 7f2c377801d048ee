//! Gives every binary, test, bench and example of this package the run-time path of the
//! libtorch that torch-sys found, links `libtorch.so` itself, and says of which git commit the
//! sources are.
//!
//! Without `--no-as-needed -ltorch` the linker keeps only the CPU library, and the program never
//! sees a GPU; without the rpath it starts only under `LD_LIBRARY_PATH`. `DEP_TCH_LIBTORCH_LIB`
//! comes from torch-sys' `links = "tch"` metadata, which reaches direct dependents only.

use std::path::Path;
use std::process::Command;

/// What a binary is built from; a change elsewhere, in the documentation for example, makes no
/// other program.
const SOURCES: [&str; 6] = ["src", "bin", "assets", "build.rs", "Cargo.toml", "Cargo.lock"];

fn main() {
    for source in SOURCES {
        println!("cargo:rerun-if-changed={source}");
    }
    git_commit();
    match std::env::var("DEP_TCH_LIBTORCH_LIB") {
        Ok(lib) => {
            println!("cargo:rustc-link-arg=-Wl,-rpath={lib}");
            println!("cargo:rustc-link-arg=-Wl,--no-as-needed");
            println!("cargo:rustc-link-arg=-ltorch");
            // The date of the library that was linked, so that another kind of libtorch at the
            // same place links the binaries anew.
            println!("cargo:rerun-if-changed={lib}/libtorch.so");
            println!("cargo:rustc-env=NEURON_LAB_LIBTORCH={lib}");
            // For the build scripts of packages that use this one as a library, which have to link
            // in the same way: DEP_NEURON_LAB_LIBTORCH.
            println!("cargo:libtorch={lib}");
        }
        Err(_) => println!("cargo:warning=torch-sys names no libtorch: run scripts/setup first"),
    }
}

/// Gives the commit of the sources to the compiler, and whether they differ from it. Where there is
/// no git, or the sources lie in someone else's repository, neither is known.
fn git_commit() {
    let Some(root) = git(&["rev-parse", "--show-toplevel"]) else { return };
    let own = std::env::var("CARGO_MANIFEST_DIR").ok();
    let own = own.and_then(|own| Path::new(&own).canonicalize().ok());
    if own.is_none() || Path::new(&root).canonicalize().ok() != own {
        return;
    }
    // A commit moves the branch that HEAD names, here or among the packed ones; a checkout moves
    // HEAD; the log of HEAD has both. In a worktree these files are elsewhere.
    let branch = git(&["symbolic-ref", "--quiet", "HEAD"]);
    for name in ["HEAD", "logs/HEAD", "packed-refs"].into_iter().chain(branch.as_deref()) {
        let path = git(&["rev-parse", "--git-path", name]);
        // Cargo takes a file that is not there for one that always changes.
        if let Some(path) = path.filter(|path| Path::new(path).exists()) {
            println!("cargo:rerun-if-changed={path}");
        }
    }
    let Some(commit) = git(&["rev-parse", "HEAD"]) else { return };
    println!("cargo:rustc-env=NEURON_LAB_GIT_COMMIT={commit}");
    let status = ["--no-optional-locks", "status", "--porcelain", "--"];
    if let Some(changes) = git(&[&status[..], &SOURCES].concat()) {
        println!("cargo:rustc-env=NEURON_LAB_GIT_DIRTY={}", !changes.is_empty());
    }
}

/// What a git command prints, where it succeeds.
fn git(arguments: &[&str]) -> Option<String> {
    let output = Command::new("git").args(arguments).output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    output.status.success().then(|| text.trim().to_string())
}
