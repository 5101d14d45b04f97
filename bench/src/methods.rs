//! All ways to learn the client, from end to end.

use std::ffi::OsString;
use std::net::SocketAddr;

use anyhow::ensure;
use proxy_header::{ProxiedAddress, ProxyHeader};
use toa_bpf::Attached;

use crate::app::Method;
use crate::child::Server;
use crate::interleaved::{Comparison, InterleavedRuns, Work};
use crate::load::{Request, ask, connections, new_connections};
use crate::options::Options;
use crate::process::{Running, Start};
use crate::sandbox::Sandbox;
use crate::section::{Data, Plot, Section, Table};
use crate::tools;

const TEXT: &str = "\
New connections with one request each, and each connection with what the method needs: nothing for TOA (see *Accept path*
for the option's own cost), a header line with one address for X-Forwarded-For, 28 bytes before HTTP for PROXY v2. The
server is one accept loop over hyper for all, because a PROXY header has to be read before HTTP begins. The eBPF source is
attached to the servers of the TOA rows alone; the others run in a cgroup without it, as they would where TOA is not in
use. Instructions are callgrind's, of the server's process alone (the kernel's are not among
them: for these, see the rates and the CPU time), of twice as many connections minus as many; one connection with one
request, from `accept` to `close`.

All of these but the first two tell the real client. On a connection with many requests, what is parsed once (PROXY v2)
or asked once (TOA) is paid once, while X-Forwarded-For is paid with each request. PROXY v2 is at its best here: header
and request arrive in one segment. What TOA saves in the server's process by not parsing, it spends in the kernel, on one
system call and on the eBPF programs that run for a connection: where *server's CPU* is higher than for the others, TOA is
not the cheapest for a connection of one request, whatever the instructions say.";

const METHODS: [Method; 7] = [
    Method::Bare,
    Method::ConnectInfo,
    Method::Toa,
    Method::ToaAround,
    Method::ToaWithoutLayer,
    Method::Forwarded,
    Method::Proxy,
];

const CLIENT: &str = "203.0.113.7:41234";

/// Measures it.
///
/// # Errors
/// When valgrind is missing, or a server or the source cannot be started.
pub(crate) fn measure(options: &Options) -> anyhow::Result<Section> {
    tools::require("valgrind")?;
    let sandbox = Sandbox::enter()?;
    let source = sandbox.attach()?;
    let setup = Setup {
        sandbox: &sandbox,
        source: &source,
    };
    let runs = InterleavedRuns::new(options);
    let servers = METHODS.map(|method| setup.start(method, Vec::new()));
    let servers = servers.into_iter().collect::<anyhow::Result<Vec<_>>>()?;
    let work = runs.interleave(METHODS.len(), |at| {
        let (server, request) = (&servers[at], request(METHODS[at], "/")?);
        Work::measure(server, || {
            new_connections(server.addr(), &request, runs.duration)
        })
    })?;
    let (mut rows, mut bars) = (Vec::new(), Vec::new());
    let mut bare = 0.0;
    for (at, (method, runs)) in METHODS.into_iter().zip(&work).enumerate() {
        let instructions = setup.instructions(method, options)?;
        if at == 0 {
            bare = instructions;
        } else {
            let extra = instructions - bare;
            bars.push((method.name().replace('`', ""), extra, extra, extra));
        }
        let comparison = Comparison::of(runs, &work[0]);
        let counted = [
            format!("{instructions:.0}"),
            format!("{:+.0}", instructions - bare),
        ];
        rows.push(
            [
                vec![method.name().to_owned()],
                comparison.cells(at == 0),
                counted.to_vec(),
            ]
            .concat(),
        );
    }
    let mut columns = Comparison::columns("new connections");
    columns.extend(["instructions", "more than bare"].map(str::to_owned));
    Ok(Section {
        title: "Ways to learn the client, end to end".to_owned(),
        text: TEXT.to_owned(),
        tables: vec![Table { columns, rows }],
        plots: vec![Plot {
            name: "methods".to_owned(),
            caption: "What learning the client adds to a connection with one request".to_owned(),
            data: Data::Bars {
                unit: "instructions in the server's process".to_owned(),
                bars,
            },
        }],
    })
}

/// Where servers start, and the source that covers some of them.
struct Setup<'s> {
    sandbox: &'s Sandbox,
    source: &'s Attached,
}

impl Setup<'_> {
    /// A server that was seen to tell the right client. The source covers it only if its
    /// method needs one: the others must not pay for the source's programs.
    fn start(&self, method: Method, under: Vec<OsString>) -> anyhow::Result<Running> {
        let mut start = Start::new(Server::Loop, method).under(under);
        if method.needs_source() {
            start = start.in_cgroup(self.sandbox.cgroup());
        }
        let server = start.run()?;
        let expected = match method {
            Method::Bare => "nobody",
            Method::ConnectInfo
            | Method::EmptyLayer
            | Method::Toa
            | Method::ToaAround
            | Method::ToaWithoutLayer => "127.0.0.1",
            Method::Forwarded | Method::Proxy => "203.0.113.7",
        };
        let seen_before = self.seen()?;
        let answer = ask(server.addr(), &request(method, "/client")?)?;
        ensure!(
            answer.ends_with(&format!("\n{expected}")),
            "{method:?} says {answer:?}, not {expected}"
        );
        let seen = self.seen()? - seen_before;
        ensure!(
            seen == u64::from(method.needs_source()),
            "the source has seen {seen} connections to a server by {method:?}"
        );
        Ok(server)
    }

    /// Connections that the source has seen so far.
    fn seen(&self) -> anyhow::Result<u64> {
        let counters = self.source.status()?.counters;
        Ok(counters.syn_recv_sock_toa + counters.syn_recv_sock_no_toa)
    }

    /// The instructions of one connection with one request.
    fn instructions(&self, method: Method, options: &Options) -> anyhow::Result<f64> {
        let count = if options.quick { 10 } else { 500 };
        let of = |count: u32| {
            let file = tempfile::NamedTempFile::new()?;
            let server = self.start(method, tools::callgrind(file.path()).to_vec())?;
            connections(server.addr(), &request(method, "/")?, count)?;
            server.end()?;
            tools::instructions(file.path())
        };
        let [few, many] = [of(count)?, of(2 * count)?];
        #[expect(clippy::cast_precision_loss, reason = "millions of instructions")]
        let each = many.saturating_sub(few) as f64 / f64::from(count);
        Ok(each)
    }
}

fn request(method: Method, path: &'static str) -> anyhow::Result<Request> {
    let request = Request::get(path);
    Ok(match method {
        Method::Forwarded => request.with_header("X-Forwarded-For: 203.0.113.7"),
        Method::Proxy => {
            let client: SocketAddr = CLIENT.parse()?;
            let server: SocketAddr = "10.0.0.1:3000".parse()?;
            let header = ProxyHeader::with_address(ProxiedAddress::stream(client, server));
            let mut bytes = Vec::new();
            header.encode_v2(&mut bytes)?;
            request.with_prefix(bytes)
        }
        _ => request,
    })
}
