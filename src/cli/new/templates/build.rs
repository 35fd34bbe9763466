//! Has the linker lay what runs at a start beside each other, where cloakroom's own binary is laid out so: an idle server is
//! smaller.

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    if let Ok(layout) = std::env::var("DEP_CLOAKROOM_LAYOUT") {
        println!("cargo::rustc-link-arg-bins=-T");
        println!("cargo::rustc-link-arg-bins={layout}");
    }
}
