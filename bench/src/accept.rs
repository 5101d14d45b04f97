//! New connections with one request each, for axum and actix.

use std::net::SocketAddr;

use anyhow::ensure;
use toa_lab::{Balancer, BalancerConfig};

use crate::app::Method;
use crate::child::Server;
use crate::interleaved::{Comparison, InterleavedRuns, Work};
use crate::load::{Request, ask, connections, new_connections};
use crate::options::Options;
use crate::process::{Running, Start};
use crate::sandbox::Sandbox;
use crate::section::{Data, Plot, Section, Table};

const TEXT: &str = "\
New connections with one request each, which the server closes, from eight clients at a time over loopback. The server is
a process of its own. *Plain* is the server over the ordinary listener while no source is loaded; *with TOA* is the same
over ours (`ToaListener`, `on_connect`), `ToaLayer` and `RealClient` included, while the eBPF source is attached to the
server's cgroup (what the source costs other processes' calls is a part of its own). *Plain, a second process* is what
chance alone does. Clients and server share one processor, so that all that a connection costs, on whichever side and
wherever in the kernel, counts. *Per second of CPU* divides by the processor time of both; it comes near the
rate of a machine that does nothing else, and suffers less from one that does (caches and hypervisor still show). *By the clock* divides by the time that went by.

In *without option* the clients connect directly; in *with option* they come through the laptop balancer, which gives
each connection a TOA option, to both servers alike. The balancer's own work, in the same time, hides some of the ratio
there; the server's own CPU time does not have this fault.

What bounds it: of some 33 µs that a server of this kind takes for a connection with one request, the `getsockopt` call
is the largest part of ours, 0.4 µs for a call that answers nothing and as much again for the kernel's hook around our
program (see *The source: system calls*); the eBPF programs at the handshake, at `accept` and at the close
take 0.3 µs without an option and 1.4 µs with one (see *The source: a connection*). In the server itself callgrind counts
2,000 to 3,000 instructions under axum (see *Ways to learn the client*) and 1,400 of 35,000 under actix-web, which
allocates a map for each connection once there is an `on_connect` hook, whatever that does.

Target: a ratio of at least 0.98.";

/// Measures it.
///
/// # Errors
/// When a server cannot be started, or the source attached.
pub(crate) fn measure(options: &Options) -> anyhow::Result<Section> {
    let sandbox = Sandbox::enter()?;
    let runs = InterleavedRuns::new(options);
    let columns = Comparison::columns("new connections");
    let (mut rows, mut bars) = (Vec::new(), Vec::new());
    for (name, server) in [("axum", Server::Axum), ("actix", Server::Actix)] {
        let servers = Servers::start(&sandbox, server)?;
        for (what, compared) in [
            ("without option", servers.directly(&sandbox, runs)?),
            ("with option", servers.through_balancers(&sandbox, runs)?),
        ] {
            for (at, (who, comparison)) in compared.iter().enumerate() {
                let row = format!("{name}, {what}: {who}");
                if at > 0 {
                    bars.push(comparison.bar(&row));
                }
                rows.push([vec![row], comparison.cells(at == 0)].concat());
            }
        }
    }
    Ok(Section {
        title: "Accept path".to_owned(),
        text: TEXT.to_owned(),
        tables: vec![Table { columns, rows }],
        plots: vec![Plot {
            name: "accept".to_owned(),
            caption: "New connections per second of CPU, against the plain server without a source"
                .to_owned(),
            data: Data::Bars {
                unit: "ratio (1: as fast as plain)".to_owned(),
                bars,
            },
        }],
    })
}

const PLAIN: &str = "plain";
const AGAIN: &str = "plain, a second process";
const TOA: &str = "with TOA";

struct Servers {
    plain: Running,
    again: Running,
    toa: Running,
}

impl Servers {
    fn start(sandbox: &Sandbox, server: Server) -> anyhow::Result<Self> {
        let plain = || Start::new(server, Method::Bare).run();
        let toa = Start::new(server, Method::Toa).in_cgroup(sandbox.cgroup());
        Ok(Self {
            plain: plain()?,
            again: plain()?,
            toa: toa.run()?,
        })
    }

    fn directly(
        &self,
        sandbox: &Sandbox,
        runs: InterleavedRuns,
    ) -> anyhow::Result<Vec<(&'static str, Comparison)>> {
        let candidates = [
            (PLAIN, &self.plain, self.plain.addr()),
            (AGAIN, &self.again, self.again.addr()),
            (TOA, &self.toa, self.toa.addr()),
        ];
        compare(sandbox, runs, &candidates, "127.0.0.1")
    }

    fn through_balancers(
        &self,
        sandbox: &Sandbox,
        runs: InterleavedRuns,
    ) -> anyhow::Result<Vec<(&'static str, Comparison)>> {
        let balancer = |server: &Running| Balancer::start(BalancerConfig::nat64_to(server.port()));
        let [plain, toa] = [balancer(&self.plain)?, balancer(&self.toa)?];
        let candidates = [
            (PLAIN, &self.plain, plain.virtual_addr()),
            (TOA, &self.toa, toa.virtual_addr()),
        ];
        let client = std::net::TcpStream::connect(toa.virtual_addr())?.local_addr()?;
        compare(sandbox, runs, &candidates, &client.ip().to_string())
    }
}

/// Compares the candidates with the first; the last runs under our source, and must tell
/// `client`.
fn compare(
    sandbox: &Sandbox,
    runs: InterleavedRuns,
    candidates: &[(&'static str, &Running, SocketAddr)],
    client: &str,
) -> anyhow::Result<Vec<(&'static str, Comparison)>> {
    let request = Request::get("/");
    let work = runs.interleave(candidates.len(), |at| {
        let (name, server, addr) = candidates[at];
        let _source = (name == TOA).then(|| sandbox.attach()).transpose()?;
        if name == TOA {
            let answer = ask(addr, &Request::get("/client"))?;
            ensure!(
                answer.ends_with(&format!("\n{client}")),
                "{name} says {answer:?}, not {client}"
            );
        }
        connections(addr, &request, 100)?;
        Work::measure(server, || new_connections(addr, &request, runs.duration))
    })?;
    Ok(candidates
        .iter()
        .zip(&work)
        .map(|((name, ..), runs)| (*name, Comparison::of(runs, &work[0])))
        .collect())
}
