//! Which connections an operator wants to see.

use std::net::{IpAddr, SocketAddr};
use std::path::Path;

use ipnet::IpNet;

use super::process::Processes;
use super::row::Row;

/// By addresses. What is given twice admits either; every kind of filter must admit.
#[derive(Debug, Default, clap::Args)]
pub(crate) struct Addresses {
    /// Only connections to this port of the host; repeat it for more
    #[arg(long, value_name = "PORT")]
    port: Vec<u16>,
    /// Only connections of clients in this network, or of this one; repeat it for more
    #[arg(long, value_name = "CIDR", value_parser = network)]
    client: Vec<IpNet>,
    /// Only connections whose TCP peer, the balancer, is in this network; repeat it for more
    #[arg(long, value_name = "CIDR", value_parser = network)]
    peer: Vec<IpNet>,
}

/// By addresses and processes.
#[derive(Debug, Default, clap::Args)]
pub(crate) struct Filter {
    #[command(flatten)]
    addresses: Addresses,
    /// Only connections of processes of this name, such as nginx; repeat it for more
    #[arg(long, value_name = "NAME")]
    process: Vec<String>,
    /// Only connections of this process; repeat it for more
    #[arg(long, value_name = "PID")]
    pid: Vec<u32>,
}

impl Addresses {
    pub(crate) fn admits(
        &self,
        local: SocketAddr,
        peer: SocketAddr,
        client: Option<SocketAddr>,
    ) -> bool {
        any(&self.port, |port| *port == local.port())
            && any(&self.peer, |net| net.contains(&peer.ip()))
            && any(&self.client, |net| {
                client.is_some_and(|client| net.contains(&client.ip()))
            })
    }
}

impl Filter {
    /// The processes that may be shown, and their sockets.
    pub(crate) fn processes(&self) -> anyhow::Result<Processes> {
        for pid in &self.pid {
            if !Path::new("/proc").join(pid.to_string()).exists() {
                anyhow::bail!("there is no process {pid}: `--process NAME` finds one by its name");
            }
        }
        Ok(Processes::find(|id, name| self.admits_process(id, name)))
    }

    fn names_processes(&self) -> bool {
        !(self.process.is_empty() && self.pid.is_empty())
    }

    fn admits_process(&self, id: u32, name: &str) -> bool {
        any(&self.pid, |pid| *pid == id) && any(&self.process, |wanted| wanted == name)
    }

    /// The processes of the row are those of [`processes`](Self::processes).
    pub(crate) fn admits(&self, row: &Row) -> bool {
        self.addresses.admits(row.local, row.peer, row.client)
            && (!self.names_processes() || !row.processes.is_empty())
    }
}

/// Nothing wanted in particular admits everything.
fn any<T>(wanted: &[T], admits: impl Fn(&T) -> bool) -> bool {
    wanted.is_empty() || wanted.iter().any(admits)
}

/// A network, or one address. IPv4 is IPv4 in every row.
fn network(text: &str) -> Result<IpNet, String> {
    let network = text
        .parse()
        .or_else(|_| text.parse::<IpAddr>().map(IpNet::from))
        .map_err(|_| "write a network such as 203.0.113.0/24, or an address".to_owned())?;
    let mapped = match network {
        IpNet::V6(net) if net.prefix_len() >= 96 => net.addr().to_ipv4_mapped(),
        _ => None,
    };
    Ok(match mapped {
        Some(v4) => IpNet::new_assert(v4.into(), network.prefix_len() - 96),
        None => network.trunc(),
    })
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::connections::process::Process;

    #[derive(Parser)]
    struct Command {
        #[command(flatten)]
        filter: Filter,
    }

    fn filter(args: &str) -> Filter {
        let args = ["toa"].into_iter().chain(args.split_whitespace());
        Command::try_parse_from(args).unwrap().filter
    }

    #[test]
    fn each_filter_admits_what_it_names_and_all_must_admit() {
        let row = Row {
            client: Some("203.0.113.7:12345".parse().unwrap()),
            peer: "10.0.0.9:4711".parse().unwrap(),
            local: "10.0.0.1:3000".parse().unwrap(),
            processes: vec![Process {
                id: 7,
                name: "nginx".to_owned(),
            }],
            ..Row::mock()
        };
        for (args, admitted) in [
            ("", true),
            ("--port 3000", true),
            ("--port 80 --port 3000", true),
            ("--port 80", false),
            ("--client 203.0.113.0/24", true),
            ("--client 203.0.113.7", true),
            ("--client ::ffff:203.0.113.7", true),
            ("--client ::ffff:203.0.113.0/120", true),
            ("--client 203.0.113.9/24", true),
            ("--client 203.0.113.8", false),
            ("--client ::/0", false),
            ("--peer 10.0.0.0/8", true),
            ("--peer 203.0.113.0/24", false),
            (
                "--peer 10.0.0.0/8 --client 203.0.113.0/24 --port 3000",
                true,
            ),
            ("--peer 10.0.0.0/8 --client 203.0.113.0/24 --port 80", false),
            // The processes of a row have been chosen before.
            ("--process nginx", true),
        ] {
            assert_eq!(filter(args).admits(&row), admitted, "{args}");
        }
        let unknown = Row {
            client: None,
            processes: Vec::new(),
            ..row
        };
        assert!(filter("").admits(&unknown));
        assert!(!filter("--client 0.0.0.0/0").admits(&unknown));
        assert!(!filter("--process nginx").admits(&unknown));
        assert!(!filter("--pid 7").admits(&unknown));
    }

    #[test]
    fn processes_are_admitted_by_number_and_by_name() {
        for (args, admitted) in [
            ("", true),
            ("--pid 7", true),
            ("--pid 8", false),
            ("--pid 8 --pid 7", true),
            ("--process nginx", true),
            ("--process ngin", false),
            ("--process nginx --pid 8", false),
        ] {
            assert_eq!(filter(args).admits_process(7, "nginx"), admitted, "{args}");
        }
    }

    #[test]
    fn a_process_that_does_not_exist_is_an_error_that_names_it() {
        let error = filter("--pid 4294967295").processes().unwrap_err();
        assert!(error.to_string().contains("no process 4294967295"));
    }

    #[test]
    fn what_is_no_network_is_refused() {
        for nonsense in ["", "10.0.0.0/33", "example.org", "10.0.0"] {
            assert!(network(nonsense).is_err(), "{nonsense}");
        }
    }
}
