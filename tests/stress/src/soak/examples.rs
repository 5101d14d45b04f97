//! Where the servers' programs are.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, ensure};

/// The examples that serve.
pub(crate) const EXAMPLES: [&str; 2] = ["axum_demo", "actix_demo"];

/// The directory of the examples of this program's own profile.
///
/// # Errors
/// When this program does not lie in cargo's target directory.
pub fn examples_dir() -> anyhow::Result<PathBuf> {
    let this = std::env::current_exe()?;
    this.ancestors()
        .skip(1)
        .find(|dir| dir.join(".fingerprint").is_dir())
        .map(|profile| profile.join("examples"))
        .context(
            "this program is not in cargo's target directory: name the examples with --servers",
        )
}

/// Whether all of them are in `dir`.
#[must_use]
pub fn are_built(dir: &Path) -> bool {
    EXAMPLES.iter().all(|name| dir.join(name).is_file())
}

/// Has cargo build them into `dir`, one that [`examples_dir`] gave.
///
/// # Errors
/// When cargo does not.
pub fn build_examples(dir: &Path) -> anyhow::Result<()> {
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or("cargo".into()));
    cargo
        .current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."))
        .args(["build", "--locked", "-p", "toa-examples"]);
    for example in EXAMPLES {
        cargo.args(["--example", example]);
    }
    if dir
        .parent()
        .is_some_and(|profile| profile.ends_with("release"))
    {
        cargo.arg("--release");
    }
    let status = cargo.status().context("cannot run cargo")?;
    ensure!(status.success(), "cargo cannot build the examples");
    ensure!(are_built(dir), "cargo did not build into {}", dir.display());
    Ok(())
}
