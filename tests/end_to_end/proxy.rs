//! The caveat of the documentation: TOA speaks of connections. A proxy in front of the
//! balancer is the client of its own connections, and one that reuses them makes a
//! request carry the address of whoever opened the connection.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::Path;
use std::process::Command;

use toa_core::TrustedPeers;
use toa_lab::{Balancer, BalancerConfig};

use crate::nginx::Nginx;
use crate::support::{Answer, PORT, Server, await_listener, curl, example, sandbox, unprivileged};

/// Where the proxy listens.
const PROXY: u16 = 8080;

/// Two clients on this machine.
const CLIENTS: [Ipv4Addr; 2] = [
    Ipv4Addr::new(198, 51, 100, 7),
    Ipv4Addr::new(203, 0, 113, 9),
];

/// The service behind its balancer, for clients of IPv4.
struct Service {
    _source: toa_bpf::Attached,
    _server: Server,
    balancer: Balancer,
}

impl Service {
    fn start(example_name: &str) -> Self {
        for client in CLIENTS {
            let args = ["addr", "replace", &format!("{client}/32"), "dev", "lo"];
            assert!(Command::new("ip").args(args).status().unwrap().success());
        }
        let source = toa_bpf::attach(&toa_bpf::Config::new(TrustedPeers::private())).unwrap();
        let balancer = Balancer::start(BalancerConfig::fnat44_to(PORT)).unwrap();
        let mut program = unprivileged(&example(example_name));
        let server = Server::start(program.arg(format!("[::]:{PORT}")));
        await_listener(PORT);
        Self {
            _source: source,
            _server: server,
            balancer,
        }
    }

    /// A proxy to the service that opens its connections with the client's own address.
    fn http_proxy(&self, keep_alive: &str) -> Nginx {
        let service = self.balancer.virtual_addr();
        let http = format!(
            "upstream service {{ server {service}; {keep_alive} }}
             server {{
                 listen {PROXY};
                 location / {{
                     proxy_pass http://service;
                     proxy_bind $remote_addr;
                     proxy_http_version 1.1;
                     proxy_set_header Connection '';
                     proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
                 }}
             }}"
        );
        Nginx::start(PROXY, "", &http)
    }
}

/// What the service answers each of the clients, one after the other, through the proxy.
fn ask_as_each_client(scheme: &str, path: &str) -> Vec<Answer> {
    let url = format!("{scheme}://127.0.0.1:{PROXY}{path}");
    let ask = |client: Ipv4Addr| curl(&["-k", "--interface", &client.to_string()], &[&url]);
    CLIENTS.into_iter().flat_map(ask).collect()
}

/// The address in an answer of `/client`.
fn told(answer: &Answer) -> IpAddr {
    let client: SocketAddr = answer.body.parse().unwrap();
    client.ip()
}

#[test]
fn a_proxy_that_opens_a_connection_for_each_request_keeps_the_clients_apart() {
    let Some(_sandbox) = sandbox() else { return };
    let service = Service::start("axum_demo");
    let _proxy = service.http_proxy("");
    let told: Vec<IpAddr> = ask_as_each_client("http", "/client")
        .iter()
        .map(told)
        .collect();
    assert_eq!(told, CLIENTS.map(IpAddr::V4));
}

#[test]
fn a_proxy_that_reuses_its_upstream_connections_gives_one_client_the_address_of_another() {
    let Some(_sandbox) = sandbox() else { return };
    let service = Service::start("axum_demo");
    let _proxy = service.http_proxy("keepalive 1;");
    let answers = ask_as_each_client("http", "/client");
    let [first, second] = answers.try_into().unwrap();
    assert_eq!(second.local.ip(), CLIENTS[1], "the second client asked");
    assert_eq!(told(&first), CLIENTS[0]);
    assert_eq!(told(&second), CLIENTS[0], "and was taken for the first");
    assert_eq!(
        first.body, second.body,
        "one connection, one client, port and all"
    );
}

#[test]
fn behind_a_stream_proxy_the_client_is_the_proxy_also_where_it_passes_tls() {
    let Some(_sandbox) = sandbox() else { return };
    let module = Path::new("/usr/lib/nginx/modules/ngx_stream_module.so");
    assert!(
        module.exists(),
        "install libnginx-mod-stream (ci/install-deps does)"
    );
    for (example, scheme) in [("axum_demo", "http"), ("axum_tls", "https")] {
        let service = Service::start(example);
        let stream = format!(
            "load_module {};
             stream {{ server {{ listen {PROXY}; proxy_pass {}; }} }}",
            module.display(),
            service.balancer.virtual_addr()
        );
        let _proxy = Nginx::start(PROXY, &stream, "");
        let proxy = route_to(service.balancer.virtual_addr().ip());
        for answer in ask_as_each_client(scheme, "/") {
            assert!(CLIENTS.map(IpAddr::V4).contains(&answer.local.ip()));
            let told = answer.body.strip_prefix("you are ").unwrap();
            let (told, provenance) = told.split_once(' ').unwrap();
            assert!(
                provenance.starts_with("(toa, peer "),
                "{example}: {answer:?}"
            );
            let told: SocketAddr = told.parse().unwrap();
            assert_eq!(told.ip(), proxy, "{example}: {answer:?}");
        }
    }
}

/// The address that this machine has towards `ip`.
fn route_to(ip: IpAddr) -> IpAddr {
    let socket = std::net::UdpSocket::bind("0.0.0.0:0").unwrap();
    socket.connect((ip, 9)).unwrap();
    socket.local_addr().unwrap().ip()
}
