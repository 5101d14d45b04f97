//! The system calls of a connection.

use std::collections::BTreeMap;

use crate::app::Method;
use crate::child::Server;
use crate::load::{Request, connections};
use crate::options::Options;
use crate::process::Start;
use crate::sandbox::Sandbox;
use crate::section::{Section, Table};
use crate::tools;

const TEXT: &str = "\
System calls per connection with one request, counted by `strace -f -c` over the server's life: with twice as many
connections minus with as many, so that what a server does once falls out. The server has a single worker; the calls by
which a runtime waits (`epoll_wait`, `futex`, `eventfd`'s `read` and `write`) vary from run to run by themselves.

Target: exactly one `getsockopt` more, and nothing else.";

const COLUMNS: [(&str, Server, Method); 4] = [
    ("axum, plain", Server::Axum, Method::Bare),
    ("axum, with TOA", Server::Axum, Method::Toa),
    ("actix, plain", Server::Actix, Method::Bare),
    ("actix, with TOA", Server::Actix, Method::Toa),
];

/// Counts them.
///
/// # Errors
/// When strace is missing, or a server or the source cannot be started.
pub(crate) fn measure(options: &Options) -> anyhow::Result<Section> {
    tools::require("strace")?;
    let sandbox = Sandbox::enter()?;
    let _source = sandbox.attach()?;
    let count = if options.quick { 20 } else { 500 };
    let mut calls: BTreeMap<String, [f64; COLUMNS.len()]> = BTreeMap::new();
    for (at, (_, server, method)) in COLUMNS.into_iter().enumerate() {
        for (connections, sign) in [(count, -1.0), (2 * count, 1.0)] {
            for (name, number) in counted(&sandbox, server, method, connections)? {
                #[expect(clippy::cast_precision_loss, reason = "thousands of calls")]
                let number = sign * number as f64 / f64::from(count);
                calls.entry(name).or_default()[at] += number;
            }
        }
    }
    let row = |(name, each): (String, [f64; 4])| {
        let cells = each.iter().map(|number| format!("{:.2}", number + 0.0));
        [format!("`{name}`")].into_iter().chain(cells).collect()
    };
    calls.retain(|_, each| each.iter().any(|number| *number >= 0.05));
    let names = COLUMNS.map(|(name, ..)| name.to_owned());
    Ok(Section {
        title: "System calls per connection".to_owned(),
        text: TEXT.to_owned(),
        tables: vec![Table {
            columns: [vec!["call".to_owned()], names.to_vec()].concat(),
            rows: calls.into_iter().map(row).collect(),
        }],
        plots: Vec::new(),
    })
}

fn counted(
    sandbox: &Sandbox,
    server: Server,
    method: Method,
    count: u32,
) -> anyhow::Result<Vec<(String, u64)>> {
    let file = tempfile::NamedTempFile::new()?;
    let mut start = Start::new(server, method);
    if method == Method::Toa {
        start = start.in_cgroup(sandbox.cgroup());
    }
    let running = start.under(tools::strace(file.path())).run()?;
    connections(running.addr(), &Request::get("/"), count)?;
    running.end()?;
    tools::system_calls(file.path())
}
