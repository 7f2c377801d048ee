//! Gives every binary, test, bench and example of this package the run-time path of the
//! libtorch that torch-sys found, and links `libtorch.so` itself.
//!
//! Without `--no-as-needed -ltorch` the linker keeps only the CPU library, and the program never
//! sees a GPU; without the rpath it starts only under `LD_LIBRARY_PATH`. `DEP_TCH_LIBTORCH_LIB`
//! comes from torch-sys' `links = "tch"` metadata, which reaches direct dependents only.

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    match std::env::var("DEP_TCH_LIBTORCH_LIB") {
        Ok(lib) => {
            println!("cargo:rustc-link-arg=-Wl,-rpath={lib}");
            println!("cargo:rustc-link-arg=-Wl,--no-as-needed");
            println!("cargo:rustc-link-arg=-ltorch");
            // The date of the library that was linked, so that another kind of libtorch at the
            // same place links the binaries anew.
            println!("cargo:rerun-if-changed={lib}/libtorch.so");
            println!("cargo:rustc-env=NEURON_LAB_LIBTORCH={lib}");
        }
        Err(_) => println!("cargo:warning=torch-sys names no libtorch: run scripts/setup first"),
    }
}
