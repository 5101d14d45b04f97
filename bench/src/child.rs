//! What this program does when it starts itself: the measured processes.

use clap::Subcommand;

/// A measured process.
#[derive(Clone, Debug, Subcommand)]
pub enum Role {
    /// Does nothing.
    #[command(hide = true)]
    Idle,
}

/// Runs as a measured process.
///
/// # Errors
/// When it cannot.
pub fn play(role: Role) -> anyhow::Result<()> {
    match role {
        Role::Idle => Ok(()),
    }
}
