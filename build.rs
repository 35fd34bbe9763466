//! Has the linker lay what runs at a start beside each other (`.cargo/layout.ld`): Linux maps 64 KB and more around each function
//! that runs, and an idle server is a quarter smaller where they do not lie everywhere.

use std::env;
use std::path::Path;

const LAYOUT: &str = ".cargo/layout.ld";

fn main() {
    println!("cargo::rerun-if-changed={LAYOUT}");
    let layout = Path::new(&variable("CARGO_MANIFEST_DIR")).join(LAYOUT);
    let is_optimized = variable("PROFILE") == "release";
    let is_elf = variable("CARGO_CFG_TARGET_OS") == "linux";
    if is_optimized && is_elf && reads_scripts() && layout.exists() {
        println!("cargo::rustc-link-arg-bins=-T");
        println!("cargo::rustc-link-arg-bins={}", layout.display());
        // For the binary of an application.
        println!("cargo::metadata=LAYOUT={}", layout.display());
    }
}

/// The linkers that come with Rust and with GCC add a script to their own; one that somebody has chosen may not.
fn reads_scripts() -> bool {
    variable("RUSTC_LINKER").is_empty() && !variable("CARGO_ENCODED_RUSTFLAGS").contains("link")
}

fn variable(name: &str) -> String {
    env::var(name).unwrap_or_default()
}
