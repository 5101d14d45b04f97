//! `toa lb`: the laptop load balancer.

use std::net::IpAddr;

use clap::ValueEnum;
use ipnet::{Ipv4Net, Ipv6Net};
use toa_core::OptionFormat;
use toa_lab::{Balancer, BalancerConfig, Mode};

use crate::output::{Outcome, say};
use crate::stop::Stop;

/// Run a load balancer on this machine that inserts TOA, to try things on
///
/// The server must listen on all addresses, not on loopback; clients are programs on this machine.
/// The balancer lives on a TUN device that goes when this ends.
#[derive(Debug, clap::Args)]
pub(crate) struct Lb {
    /// The port that the server listens on
    backend_port: u16,
    /// Which families meet
    #[arg(long, value_enum, default_value_t = Families::Nat64)]
    mode: Families,
    /// The port that clients connect to [default: the server's]
    #[arg(long, value_name = "PORT")]
    port: Option<u16>,
    /// The address that clients connect to [default: the device network's second]
    #[arg(long, value_name = "IP")]
    address: Option<IpAddr>,
    /// How the inserted option is written: toa, vtoa, cip, ttgw or toa@KIND
    #[arg(long, value_name = "NAME", default_value_t = OptionFormat::Toa)]
    format: OptionFormat,
    /// Insert the option into the SYN as well
    #[arg(long)]
    syn: bool,
    /// The IPv4 network of the device
    #[arg(long, value_name = "CIDR")]
    network_v4: Option<Ipv4Net>,
    /// The IPv6 network of the device
    #[arg(long, value_name = "CIDR")]
    network_v6: Option<Ipv6Net>,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Families {
    /// IPv6 clients, IPv4 server
    Nat64,
    /// IPv4 on both sides
    Fnat44,
    /// IPv6 on both sides
    Fnat66,
}

impl From<Families> for Mode {
    fn from(families: Families) -> Self {
        match families {
            Families::Nat64 => Self::Nat64,
            Families::Fnat44 => Self::Fnat44,
            Families::Fnat66 => Self::Fnat66,
        }
    }
}

impl Lb {
    pub(crate) fn run(self) -> anyhow::Result<Outcome> {
        let balancer = Balancer::start(self.config()?)?;
        let stop = Stop::prepare()?;
        say(format_args!(
            "balancing {} to {}, Ctrl-C ends it\ntry: curl http://{0}/\n",
            balancer.virtual_addr(),
            balancer.backend()
        ))?;
        stop.wait();
        let stats = balancer.stats();
        say(format_args!(
            "{} connections, {} segments from clients, {} of them with a TOA option\n",
            stats.opened, stats.from_client, stats.toa_inserted
        ))?;
        Ok(Outcome::Healthy)
    }

    fn config(self) -> anyhow::Result<BalancerConfig> {
        let mut config = BalancerConfig::new(self.mode.into(), self.backend_port)
            .with_option_format(self.format)
            .with_option_in_syn(self.syn);
        if let Some(port) = self.port {
            config = config.with_virtual_port(port);
        }
        if let Some(address) = self.address {
            config = config.with_virtual_ip(address);
        }
        if let Some(network) = self.network_v4 {
            config = config.with_network_v4(network);
        }
        if let Some(network) = self.network_v6 {
            config = config.with_network_v6(network);
        }
        Ok(config)
    }
}
