//! Each format that a balancer writes, from curl and gRPC to what the service is told.

use std::net::{IpAddr, SocketAddr};

use toa_bpf::Config;
use toa_core::{OptionFormat, TrustedPeers};
use toa_lab::{Balancer, BalancerConfig, Mode};

use crate::support::{Demo, PORT, curl, example, sandbox, unprivileged};
use crate::toa_tower::ask_grpc_once;

const SERVERS: [&str; 3] = ["axum_demo", "tonic_demo", "actix_demo"];

/// One new connection through the balancer; its own address, and what it is told.
fn ask(server: &str, balancer: &Balancer) -> (SocketAddr, String) {
    let authority = balancer.virtual_addr().to_string();
    if server == "tonic_demo" {
        return ask_grpc_once(&authority);
    }
    let [answer] = curl(&[], &[&format!("http://{authority}/")])
        .try_into()
        .unwrap();
    (answer.local, answer.body)
}

fn balancer(mode: Mode, format: OptionFormat) -> Balancer {
    Balancer::start(BalancerConfig::new(mode, PORT).with_option_format(format)).unwrap()
}

/// The client and what it asked for, without what the format has no room for.
fn expected(
    format: OptionFormat,
    client: SocketAddr,
    virtual_addr: SocketAddr,
) -> (String, String) {
    let without_port = |addr: SocketAddr| SocketAddr::new(addr.ip(), 0);
    let client = match format {
        OptionFormat::Cip => without_port(client),
        _ => client,
    };
    let to = match (format, virtual_addr.ip()) {
        (OptionFormat::Vtoa, IpAddr::V6(_)) => format!(", to {}", without_port(virtual_addr)),
        (OptionFormat::Vtoa | OptionFormat::Ttgw, _) => format!(", to {virtual_addr}"),
        _ => String::new(),
    };
    (format!("{client} (toa, peer "), format!("{to})"))
}

#[test]
fn a_service_is_told_the_client_in_each_format_of_each_family() {
    use OptionFormat::{Cip, Toa, ToaAt, Ttgw, Vtoa};
    let Some(_sandbox) = sandbox() else { return };
    for server in SERVERS {
        let _demo = Demo::start_as(&mut unprivileged(&example(server)));
        for (mode, formats) in [
            (Mode::Nat64, &[Toa, Vtoa, Cip, ToaAt(252)][..]),
            (Mode::Fnat44, &[Toa, Vtoa, Cip, Ttgw, ToaAt(252)]),
            (Mode::Fnat66, &[Toa, Vtoa, Cip, ToaAt(252)]),
        ] {
            for &format in formats {
                let balancer = balancer(mode, format);
                let config = Config::new(TrustedPeers::private())
                    .with_formats(format.to_string().parse().unwrap());
                let _source = toa_bpf::attach(&config).unwrap();
                let (local, told) = ask(server, &balancer);
                let (client, to) = expected(format, local, balancer.virtual_addr());
                assert!(
                    told.contains(&client) && told.trim_end().ends_with(&to),
                    "{server} {mode:?} {format}: {told:?} instead of {client}...{to}"
                );
            }
        }
    }
}

#[test]
fn a_service_is_told_of_no_client_where_the_source_reads_another_format() {
    use OptionFormat::{Cip, Toa, ToaAt, Ttgw, Vtoa};
    let Some(_sandbox) = sandbox() else { return };
    let _demo = Demo::start_as(&mut unprivileged(&example("axum_demo")));
    for (written, read, told) in [
        (Ttgw, Toa, "foreign"),
        (ToaAt(252), Vtoa, "foreign"),
        (ToaAt(254), Ttgw, "foreign"),
        (Vtoa, ToaAt(249), "not_sent"),
        (Vtoa, Toa, "not_sent"),
        (Cip, Toa, "not_sent"),
    ] {
        let balancer = balancer(Mode::Fnat44, written);
        let config =
            Config::new(TrustedPeers::private()).with_formats(read.to_string().parse().unwrap());
        let _source = toa_bpf::attach(&config).unwrap();
        let (_, answer) = ask("axum_demo", &balancer);
        assert!(
            answer.contains(&format!("({told})")),
            "{written} read as {read}: {answer:?}"
        );
    }
}
