//! What this program does when it starts itself: the measured processes.

mod actix;
mod announce;
mod axum;
mod hyper_loop;
mod in_process;
mod serve;

use clap::Subcommand;

pub use in_process::Drive;
pub(crate) use in_process::Driver;
pub use serve::Serve;
pub(crate) use serve::Server;

/// A measured process.
#[derive(Clone, Debug, Subcommand)]
pub enum Role {
    /// Serves until its standard input ends.
    #[command(hide = true)]
    Serve(Serve),
    /// Calls a service in its own process.
    #[command(hide = true)]
    Drive(Drive),
}

/// Runs as a measured process.
///
/// # Errors
/// When it cannot.
pub fn run(role: Role) -> anyhow::Result<()> {
    match role {
        Role::Serve(serve) => serve.run(),
        Role::Drive(drive) => drive.run(),
    }
}
