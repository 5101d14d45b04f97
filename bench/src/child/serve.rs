//! A server in a process of its own.

use std::io::Read as _;
use std::path::PathBuf;

use clap::{Args, ValueEnum};

use super::{actix, axum, hyper_loop};
use crate::app::Method;

/// Which server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Server {
    /// `axum::serve` over tokio's listener (bare) or `ToaListener` (toa).
    Axum,
    /// `HttpServer`, plain (bare) or with `on_connect` (toa).
    Actix,
    /// An accept loop over hyper, which can read a PROXY header first.
    Loop,
}

/// The command line of a server.
#[derive(Args, Clone, Debug)]
pub struct Serve {
    #[arg(value_enum)]
    pub(crate) server: Server,
    #[arg(value_enum)]
    pub(crate) method: Method,
    /// On a single thread, so that counts do not depend on a scheduler.
    #[arg(long)]
    pub(crate) single: bool,
    /// The cgroup to serve in.
    #[arg(long)]
    pub(crate) cgroup: Option<PathBuf>,
}

impl Serve {
    pub(crate) fn run(self) -> anyhow::Result<()> {
        if let Some(cgroup) = &self.cgroup {
            // Before a socket is made: a socket belongs to the cgroup of its maker.
            toa_lab::cgroup::join(cgroup)?;
        }
        std::thread::spawn(end_with_stdin);
        match self.server {
            Server::Axum => runtime(self.single)?.block_on(axum::serve(self.method)),
            Server::Loop => runtime(self.single)?.block_on(hyper_loop::serve(self.method)),
            Server::Actix => actix::serve(self.method, self.single),
        }
    }
}

/// So that it goes when the one who started it goes, whatever the reason.
fn end_with_stdin() {
    let _ = std::io::stdin().read_to_end(&mut Vec::new());
    std::process::exit(0);
}

fn runtime(single: bool) -> std::io::Result<tokio::runtime::Runtime> {
    let mut builder = if single {
        tokio::runtime::Builder::new_current_thread()
    } else {
        tokio::runtime::Builder::new_multi_thread()
    };
    builder.enable_all().build()
}
