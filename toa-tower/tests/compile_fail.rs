//! Misuse that the types catch. The messages are the compiler's of the Rust version
//! that the workspace declares; other versions word them differently.
#![cfg(all(
    feature = "axum-0_8",
    feature = "axum-server-0_9",
    feature = "rustls-0_23"
))]

use std::process::Command;

#[test]
fn misuse_does_not_compile() {
    let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let version = Command::new(rustc).arg("--version").output().unwrap();
    let version = String::from_utf8(version.stdout).unwrap();
    let declared = env!("CARGO_PKG_RUST_VERSION");
    if !version.starts_with(&format!("rustc {declared}")) {
        println!("skipped: the expected messages are those of rustc {declared}, not {version}");
        return;
    }
    trybuild::TestCases::new().compile_fail("tests/compile_fail/*.rs");
}
