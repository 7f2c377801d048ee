//! The simulated device's library, compiled.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;

use sha2::{Digest, Sha256};

use crate::common;
use crate::operators;

const FLAGS: [&str; 8] = [
    "-std=c++17",
    "-O1",
    "-g1",
    "-fPIC",
    "-Wall",
    "-Wextra",
    "-Werror",
    // Interfaces of libtorch have arguments that a simulation has no use for.
    "-Wno-unused-parameter",
];

/// Whether a device can be simulated: not where libtorch has CUDA itself. Otherwise the test under way
/// says that it is skipped, and returns.
pub fn fits() -> bool {
    let real = libraries().join("libtorch_cuda.so").exists();
    if real {
        common::skip("this libtorch has CUDA itself, which can't be simulated beside it");
    }
    !real
}

/// The path of the library; it is compiled where it is not there for these sources.
///
/// # Panics
/// Where there is no C++ compiler (the bindings of libtorch need one too), or it fails.
pub fn path() -> &'static Path {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    BUILT.get_or_init(build)
}

fn compiler() -> String {
    std::env::var("CXX").unwrap_or_else(|_| "c++".into())
}

/// The folder of the libtorch that this process has loaded.
fn libraries() -> PathBuf {
    let maps = fs::read_to_string("/proc/self/maps").unwrap();
    let loaded = maps.lines().find(|line| line.ends_with("/libtorch_cpu.so"));
    let path = loaded.and_then(|line| line.find('/').map(|start| &line[start..]));
    Path::new(path.expect("libtorch is loaded")).parent().unwrap().to_path_buf()
}

fn sources() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/simulated_cuda/library")
}

fn build() -> PathBuf {
    let libraries = libraries();
    let libtorch = libraries.parent().unwrap();
    let yaml = libtorch.join("../torchgen/packaged/ATen/native/native_functions.yaml");
    let yaml = fs::read_to_string(&yaml).unwrap_or_else(|error| {
        panic!("the list of libtorch's operators: {}: {error}", yaml.display())
    });
    let operators = operators::with_cuda_kernel(&yaml);

    let mut files: Vec<PathBuf> =
        fs::read_dir(sources()).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    let mut digest = Sha256::new();
    for file in &files {
        digest.update(fs::read(file).unwrap());
    }
    digest.update(format!("{operators}{FLAGS:?}{}{}", compiler(), libtorch.display()));
    let name: String = digest.finalize().iter().take(8).map(|byte| format!("{byte:02x}")).collect();
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("simulated_cuda").join(name);
    let library = folder.join("libsimulated_cuda.so");
    if !library.exists() {
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join("operators.inc"), operators).unwrap();
        let is_code = |file: &&PathBuf| file.extension().is_some_and(|end| end == "cpp");
        let code: Vec<&PathBuf> = files.iter().filter(is_code).collect();
        compile(&code, &folder, libtorch);
        link(&code, &folder, &libraries, &library);
    }
    library
}

fn object(source: &Path, folder: &Path) -> PathBuf {
    folder.join(source.file_stem().unwrap()).with_extension("o")
}

/// Compiles every file, all at once.
fn compile(code: &[&PathBuf], folder: &Path, libtorch: &Path) {
    let start = |source: &&PathBuf| {
        let mut command = Command::new(compiler());
        command.args(FLAGS).arg("-I").arg(folder).arg("-isystem").arg(libtorch.join("include"));
        command.arg("-c").arg(source).arg("-o").arg(object(source, folder));
        let started = command.stdin(Stdio::null()).stderr(Stdio::piped()).spawn();
        started.unwrap_or_else(|error| panic!("no C++ compiler: {}: {error}", compiler()))
    };
    let running: Vec<_> = code.iter().map(start).collect();
    for (child, source) in running.into_iter().zip(code) {
        let output = child.wait_with_output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{}:\n{said}", source.display());
    }
}

fn link(code: &[&PathBuf], folder: &Path, libraries: &Path, library: &Path) {
    // Renamed when it is whole: a process that is stopped meanwhile leaves no half of a library.
    let unfinished = folder.join("unfinished.so");
    let mut command = Command::new(compiler());
    command.arg("-shared").args(code.iter().map(|source| object(source, folder)));
    command.arg("-L").arg(libraries).args(["-ltorch_cpu", "-lc10"]);
    command.arg(format!("-Wl,-rpath,{}", libraries.display())).arg("-o").arg(&unfinished);
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    fs::rename(&unfinished, library).unwrap();
}
