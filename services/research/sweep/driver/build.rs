//! Builds `libcuda.a`, and says where it is; `cust_raw` itself asks the linker for a library of that name.
#![allow(clippy::panic, reason = "a build script ends with a text")]

fn main() {
    let target = std::env::var("TARGET").unwrap_or_default();
    let known = target.contains("linux") && (target.starts_with("x86_64") || target.starts_with("aarch64"));
    assert!(known, "expected Linux on x86_64 or aarch64, found {target}: build sweep with --no-default-features");
    println!("cargo:rerun-if-changed=src/driver.c");
    println!("cargo:rerun-if-changed=src/functions.def");
    cc::Build::new().file("src/driver.c").cargo_metadata(false).compile("cuda");
    println!("cargo:rustc-link-search=native={}", std::env::var("OUT_DIR").unwrap_or_default());
}
