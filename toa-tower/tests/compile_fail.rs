//! Misuse that the types catch. The messages are one compiler's; other versions word them
//! differently.
#![cfg(all(
    feature = "axum-0_8",
    feature = "axum-server-0_9",
    feature = "rustls-0_23"
))]

use std::process::Command;

/// The Rust version whose messages `compile_fail/*.stderr` has.
const MESSAGES_OF: &str = "1.95";

#[test]
fn misuse_does_not_compile() {
    let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let version = Command::new(rustc).arg("--version").output().unwrap();
    let version = String::from_utf8(version.stdout).unwrap();
    if !version.starts_with(&format!("rustc {MESSAGES_OF}.")) {
        toa_lab::sandbox::skip(&format!("the messages are those of rustc {MESSAGES_OF}"));
        return;
    }
    trybuild::TestCases::new().compile_fail("tests/compile_fail/*.rs");
}
