//! What the examples share: a stage to try TOA on, on one machine.
#![forbid(unsafe_code)]

pub mod tls;
pub mod who;

use std::io::IsTerminal;
use std::net::{Ipv6Addr, SocketAddr, TcpListener};

use anyhow::Context;
use socket2::{Domain, Socket, Type};
use toa_core::{SourceKind, TrustedPeers, detect_source};
use toa_lab::{Balancer, BalancerConfig};

/// A source of addresses and a load balancer on this machine, as far as they can
/// be had. Both go with this value, and with the process however it ends.
#[derive(Debug)]
pub struct Stage {
    source: Option<toa_bpf::Attached>,
    balancer: Option<Balancer>,
}

impl Stage {
    /// Prepares the stage for a server on `port` and prints what to try on it.
    ///
    /// What cannot be had is said in one line with the way to get it; the server
    /// works all the same, with peer addresses.
    ///
    /// # Errors
    /// When this machine has no TCP sockets to ask.
    pub fn set_up(port: u16) -> anyhow::Result<Self> {
        let mut stage = Self::with_balancer(BalancerConfig::nat64_to(port));
        stage.source = match find_source()? {
            SourceKind::Absent => match toa_bpf::attach(&toa_bpf::Config::new(stage.trusted())) {
                Ok(source) => {
                    println!("source    the eBPF program, for as long as this runs");
                    Some(source)
                }
                Err(error) => {
                    println!("source    none: {:#}", anyhow::Error::from(error));
                    None
                }
            },
            found => {
                println!("source    {}, on this machine already", found);
                None
            }
        };
        stage.print_what_to_try(port);
        Ok(stage)
    }

    /// Prepares it without a source, with a balancer that writes the option into the SYN as
    /// well. It loads nothing into the kernel.
    #[must_use]
    pub fn set_up_for_saved_syns(port: u16) -> Self {
        let stage = Self::with_balancer(BalancerConfig::nat64_to(port).with_option_in_syn(true));
        stage.print_what_to_try(port);
        stage
    }

    /// The balancer's own addresses, and nobody else's.
    #[must_use]
    pub fn trusted(&self) -> TrustedPeers {
        let pool = self.balancer.iter().flat_map(Balancer::pool);
        pool.map(|&ip| ip.into()).collect()
    }

    fn with_balancer(config: BalancerConfig) -> Self {
        let balancer = match Balancer::start(config) {
            Ok(balancer) => {
                println!("balancer  NAT64 on device {}", balancer.device());
                Some(balancer)
            }
            Err(error) => {
                println!("balancer  none: {:#}", anyhow::Error::from(error));
                None
            }
        };
        Self {
            source: None,
            balancer,
        }
    }

    fn print_what_to_try(&self, port: u16) {
        if let Some(balancer) = &self.balancer {
            // Quoted: a shell may take the brackets for a pattern.
            println!("try       curl -6 'http://{}/'", balancer.virtual_addr());
        }
        println!("compare   curl http://127.0.0.1:{port}/");
    }
}

fn find_source() -> anyhow::Result<SourceKind> {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None)
        .context("cannot open a TCP socket to ask for a source with")?;
    Ok(detect_source(&socket))
}

/// Where to listen: the first argument, else port 3000 on all addresses.
///
/// It is tried at once, so that nobody is told to ask a server which then cannot start.
///
/// # Errors
/// When the argument is not a socket address, or another program listens there.
pub fn listen_addr() -> anyhow::Result<SocketAddr> {
    let addr = match std::env::args().nth(1) {
        None => (Ipv6Addr::UNSPECIFIED, 3000).into(),
        Some(text) => text.parse().with_context(|| {
            format!("{text:?} is not an address to listen on: give one such as [::]:3000")
        })?,
    };
    TcpListener::bind(addr).with_context(|| {
        format!("cannot listen on {addr}: name another address to listen on, such as [::]:3001")
    })?;
    Ok(addr)
}

/// Prints `tracing` events to standard error; `RUST_LOG` chooses which. In colour on a
/// terminal alone, and there unless `NO_COLOR` is set.
pub fn log_to_stderr() {
    let no_color = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    let colours = std::io::stderr().is_terminal() && !no_color;
    tracing_subscriber::fmt()
        .with_writer(std::io::stderr)
        .with_ansi(colours)
        .with_env_filter(
            tracing_subscriber::EnvFilter::builder()
                .with_default_directive(tracing_subscriber::filter::LevelFilter::INFO.into())
                .from_env_lossy(),
        )
        .init();
}

#[cfg(doctest)]
mod readmes {
    #[doc = include_str!("../../toa-actix/README.md")]
    struct ToaActix;
    #[doc = include_str!("../../toa-core/README.md")]
    struct ToaCore;
    #[doc = include_str!("../../toa-lab/README.md")]
    struct ToaLab;
    #[doc = include_str!("../../toa-tower/README.md")]
    struct ToaTower;
}
