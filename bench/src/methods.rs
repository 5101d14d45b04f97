//! All ways to learn the client, from end to end.

use std::ffi::OsString;
use std::net::SocketAddr;

use anyhow::ensure;
use proxy_header::{ProxiedAddress, ProxyHeader};

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
server is one accept loop over hyper for all, because a PROXY header has to be read before HTTP begins. The source is
attached to its cgroup throughout. Instructions are callgrind's, of the server's process alone (the kernel's are not among
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
    Method::ToaConnectInfo,
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
    let _source = sandbox.attach()?;
    let runs = InterleavedRuns::new(options);
    let servers = METHODS.map(|method| start(&sandbox, method, Vec::new()));
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
        let instructions = instructions(&sandbox, method, options)?;
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

/// A server, found to tell the right client.
fn start(sandbox: &Sandbox, method: Method, under: Vec<OsString>) -> anyhow::Result<Running> {
    let server = Start::new(Server::Loop, method)
        .in_cgroup(sandbox.cgroup())
        .under(under)
        .run()?;
    let expected = match method {
        Method::Bare | Method::EmptyLayer => "nobody",
        Method::ConnectInfo | Method::Toa | Method::ToaAround | Method::ToaConnectInfo => {
            "127.0.0.1"
        }
        Method::Forwarded | Method::Proxy => "203.0.113.7",
    };
    let answer = ask(server.addr(), &request(method, "/client")?)?;
    ensure!(
        answer.ends_with(&format!("\n{expected}")),
        "{method:?} says {answer:?}, not {expected}"
    );
    Ok(server)
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

/// For one connection with one request.
fn instructions(sandbox: &Sandbox, method: Method, options: &Options) -> anyhow::Result<f64> {
    let count = if options.quick { 10 } else { 500 };
    let of = |count: u32| {
        let file = tempfile::NamedTempFile::new()?;
        let server = start(sandbox, method, tools::callgrind(file.path()).to_vec())?;
        connections(server.addr(), &request(method, "/")?, count)?;
        server.end()?;
        tools::instructions(file.path())
    };
    let [few, many] = [of(count)?, of(2 * count)?];
    #[expect(clippy::cast_precision_loss, reason = "millions of instructions")]
    let each = many.saturating_sub(few) as f64 / f64::from(count);
    Ok(each)
}
