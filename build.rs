//! Gives every binary, test, bench and example of this package the run-time path of the
//! libtorch that torch-sys found, links `libtorch.so` itself, and says which version that is, of
//! which git commit the sources are, and how they differ from it.
//!
//! Without `--no-as-needed -ltorch` the linker keeps only the CPU library, and the program never
//! sees a GPU; without the rpath it starts only under `LD_LIBRARY_PATH`. `DEP_TCH_LIBTORCH_LIB`
//! comes from torch-sys' `links = "tch"` metadata, which reaches direct dependents only.

use std::path::{Path, PathBuf};
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
            check_version(&lib);
            link(&lib);
            // The date of the library that was linked, so that another kind of libtorch at the
            // same place links the binaries anew.
            println!("cargo:rerun-if-changed={lib}/libtorch.so");
            // For the build scripts of packages that use this one as a library, which have to link
            // in the same way: DEP_NEURON_LAB_LIBTORCH.
            println!("cargo:libtorch={lib}");
        }
        Err(_) => println!("cargo:warning=torch-sys names no libtorch: run scripts/setup first"),
    }
}

/// The libtorch that tch is made for; scripts/setup installs it.
const LIBTORCH_VERSION: &str = "2.13.0";

/// Gives the version of the libtorch in a folder of libraries to the compiler, and refuses another
/// one than tch is made for: torch-sys looks for it in one of the two files alone.
fn check_version(lib: &str) {
    const BYPASS: &str = "LIBTORCH_BYPASS_VERSION_CHECK";
    println!("cargo:rerun-if-env-changed={BYPASS}");
    let folder = Path::new(lib).join("..");
    let read = |name: &str| std::fs::read_to_string(folder.join(name)).ok();
    let quoted = |text: String| {
        let line = text.lines().find(|line| line.starts_with("__version__"))?.to_string();
        line.split('\'').nth(1).map(str::to_string)
    };
    let version = read("version.py").and_then(quoted);
    let version = version.or_else(|| read("build-version").map(|text| text.trim().to_string()));
    let Some(version) = version else { return };
    println!("cargo:rustc-env=NEURON_LAB_LIBTORCH_VERSION={version}");
    let plain = version.split('+').next().unwrap_or_default();
    if plain != LIBTORCH_VERSION && std::env::var_os(BYPASS).is_none() {
        println!(
            "cargo::error=the libtorch in {lib} is version {version}, and {LIBTORCH_VERSION} is \
             needed: unset LIBTORCH and run scripts/setup, or give that version (or set {BYPASS}=1)"
        );
    }
}

/// Links libtorch, and says where to find it when a program starts. On Linux, where a binary lies
/// counts before the path of this machine, so that a checkout can be moved; both are a DT_RPATH,
/// which counts before LD_LIBRARY_PATH, where another libtorch may be.
fn link(lib: &str) {
    let os = std::env::var("CARGO_CFG_TARGET_OS").unwrap_or_default();
    if os == "linux" {
        println!("cargo:rustc-link-arg=-Wl,--disable-new-dtags");
        println!("cargo:rustc-link-arg=-Wl,--no-as-needed");
    }
    let places = if os == "linux" { beside(lib) } else { Vec::new() };
    let places = places.iter().map(|place| format!("$ORIGIN/{place}"));
    let mut places: Vec<String> = places.collect();
    places.insert(places.len().min(1), lib.into());
    for place in places {
        println!("cargo:rustc-link-arg=-Wl,-rpath,{place}");
    }
    println!("cargo:rustc-link-arg=-ltorch");
}

/// Where libtorch is, seen from a program's folder, if both are in this package: from that of the
/// binaries, from that of tests and examples, and from a copy of the first beside `.libtorch`.
fn beside(lib: &str) -> Vec<String> {
    let folder = |name: &str| std::env::var_os(name).map(PathBuf::from).unwrap_or_default();
    let (root, out) = (folder("CARGO_MANIFEST_DIR"), folder("OUT_DIR"));
    // OUT_DIR is <binaries>/build/<package>/out.
    let binaries = out.ancestors().nth(3).and_then(|binaries| binaries.strip_prefix(&root).ok());
    let inside = Path::new(lib).strip_prefix(&root).ok();
    let (Some(binaries), Some(inside)) = (binaries, inside) else { return Vec::new() };
    let depth = binaries.components().count();
    let place = |up: usize| format!("{}{}", "../".repeat(up), inside.display());
    [depth, depth + 1, 1].map(place).to_vec()
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
        if !changes.is_empty() {
            println!("cargo:rustc-env=NEURON_LAB_GIT_DIFF={}", on_one_line(&difference(&changes)));
        }
    }
}

/// The most bytes of a difference that are kept: a word of a process's environment, by which the
/// compiler gets it, has 128 KiB at most on Linux.
const MOST_DIFFERENCE: usize = 48 * 1024;

/// How the sources differ from the commit, for `git apply`: the names of files that git does not
/// know, of what `git status` says, as comments, then the changes of those that it knows.
fn difference(status: &str) -> String {
    let names = status.lines().filter_map(|line| line.strip_prefix("?? "));
    let mut text: String = names.map(|name| format!("# not in git: {name}\n")).collect();
    // What a user has set up for differences, colours for example, is not for a patch.
    let plain =
        ["--no-optional-locks", "diff", "HEAD", "--no-color", "--no-ext-diff", "--no-textconv"];
    let diff = [&plain[..], &["--src-prefix=a/", "--dst-prefix=b/", "--"], &SOURCES].concat();
    let diff = Command::new("git").args(diff).output();
    text += &diff.map_or(String::new(), |diff| String::from_utf8_lossy(&diff.stdout).into_owned());
    let whole = text.len();
    if whole > MOST_DIFFERENCE {
        text.truncate(text.floor_char_boundary(MOST_DIFFERENCE));
        text += &format!("\n# cut: the whole difference has {whole} bytes\n");
    }
    text
}

/// A text as `Package::git_diff` takes it, since what cargo gives to the compiler is on one line.
fn on_one_line(text: &str) -> String {
    text.replace('\0', "").replace('\\', "\\\\").replace('\r', "\\r").replace('\n', "\\n")
}

/// What a git command prints, where it succeeds.
fn git(arguments: &[&str]) -> Option<String> {
    let output = Command::new("git").args(arguments).output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    output.status.success().then(|| text.trim().to_string())
}
