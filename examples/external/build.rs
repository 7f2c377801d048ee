//! Gives the program the run-time path of the libtorch that Neuron Lab was built with, and links
//! `libtorch.so` itself, without which a program never sees a GPU.

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    if let Ok(libtorch) = std::env::var("DEP_NEURON_LAB_LIBTORCH") {
        if std::env::var("CARGO_CFG_TARGET_OS").is_ok_and(|os| os == "linux") {
            // Before LD_LIBRARY_PATH, which may lead to another libtorch.
            println!("cargo:rustc-link-arg=-Wl,--disable-new-dtags");
            println!("cargo:rustc-link-arg=-Wl,--no-as-needed");
        }
        println!("cargo:rustc-link-arg=-Wl,-rpath,{libtorch}");
        println!("cargo:rustc-link-arg=-ltorch");
    }
}
