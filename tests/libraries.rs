//! A program finds the libtorch that it was made for, whatever else is on this machine.

#![allow(clippy::unwrap_used)]

mod common;

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use common::{Bench, program, skip};

/// Where a program takes libtorch from.
fn libtorch_of(bench: &Bench, program: &Path) -> PathBuf {
    let said = bench.execute("ldd", &[program.to_str().unwrap()]).expect(0).stdout;
    let line = said.lines().find(|line| line.contains("libtorch_cpu.so")).unwrap();
    let path = line.split_whitespace().nth(2).unwrap();
    // Links stay as they are: a folder that is linked to is another place here.
    let mut found = PathBuf::new();
    for part in Path::new(path).components() {
        match part.as_os_str() == ".." {
            true => drop(found.pop()),
            false => found.push(part),
        }
    }
    found
}

#[test]
fn another_libtorch_on_the_path_is_not_taken() {
    let bench = Bench::new();
    fs::create_dir(bench.path("other")).unwrap();
    for name in ["libc10.so", "libtorch_cpu.so", "libtorch.so"] {
        fs::write(bench.path("other").join(name), "no library").unwrap();
    }
    let line = format!("LD_LIBRARY_PATH=other exec {} --version", program());
    let version = bench.execute("sh", &["-c", &line]).expect(0);
    assert!(version.stdout.starts_with("selector_mnist ") && version.stderr.is_empty());
}

#[test]
fn a_checkout_can_be_moved() {
    let bench = Bench::new();
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let own = libtorch_of(&bench, Path::new(program()));
    let (Ok(inside), Ok(binary)) =
        (own.strip_prefix(root), Path::new(program()).strip_prefix(root))
    else {
        skip("libtorch or the programs are outside of the checkout");
        return;
    };
    let moved = bench.path("moved").join(binary);
    fs::create_dir_all(moved.parent().unwrap()).unwrap();
    fs::copy(program(), &moved).unwrap();
    symlink(root.join(".libtorch"), bench.path("moved/.libtorch")).unwrap();
    assert_eq!(libtorch_of(&bench, &moved), bench.path("moved").join(inside));
    bench.execute(moved.to_str().unwrap(), &["--version"]).expect(0);
    // Alone, it takes the one that it was linked with.
    let copied = bench.path("selector_mnist");
    fs::copy(program(), &copied).unwrap();
    assert_eq!(libtorch_of(&bench, &copied), own);
}
