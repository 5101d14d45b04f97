//! Requests: the rate on connections that stay open, and layer and extractor alone.

use std::ffi::OsString;
use std::time::Duration;

use clap::ValueEnum as _;

use crate::app::Method;
use crate::child::{Driver, Server};
use crate::interleaved::{Comparison, InterleavedRuns, Work};
use crate::load::{Request, requests};
use crate::options::Options;
use crate::process::{Running, Start, value_name};
use crate::sandbox::Sandbox;
use crate::section::{Data, Plot, Section, Table};
use crate::spread::Spread;
use crate::tools;

const RATE_TEXT: &str = "\
Requests on eight connections that stay open, one after the other on each, to `axum::serve`. *Bare* has neither layer nor
extractor; *bare, a second process* is what chance alone does. The source is attached to all of them. Clients and server
share one processor; the columns are those of *Accept path*.

What bounds it: most of what `.layer(ToaLayer)` takes is axum's own work for a layer of a `Router`, whatever the layer does, see
the next part. Around the app, or as the first of a `tower::ServiceBuilder` that is there already, `ToaLayer` goes without. A
handler that takes `RealClient` needs no layer, and pays what `ConnectInfo` costs anybody.

Target: a ratio of at least 0.99.";

const ALONE_TEXT: &str = "\
What layer and extractor add to a request, without any network: a process calls the service that `axum::serve` would call
for one connection. In each row what bare axum takes for the same request is subtracted, so that building the request
(with its X-Forwarded-For header, where one is needed) is not counted. Instructions are callgrind's, of twice as
many requests minus as many; they include what the allocator does, and what axum itself does to call a layer.

What bounds it: axum boxes and clones its routes for each layer of a `Router`; *a layer that does nothing* shows what that
costs. `ToaLayer` around the whole app goes without, as
`ServiceExt::<Request>::into_make_service_with_connect_info::<ClientAddr>(ToaLayer.layer(app))`. The rest is axum's own
entry in the request's extensions, which the extractors read where it is.

Target: `ToaLayer` + `RealClient` at most what `ConnectInfo` takes under a layer that does nothing.

A PROXY protocol listener hands its address on as `ConnectInfo` does; what it costs is before the first request, see the
next part. Parsing the header's text, which X-Forwarded-For costs hyper, is in the next part as well.";

/// The rate.
///
/// # Errors
/// When a server or the source cannot be started.
pub(crate) fn measure_rate(options: &Options) -> anyhow::Result<Section> {
    let sandbox = Sandbox::enter()?;
    let _source = sandbox.attach()?;
    let runs = InterleavedRuns::new(options);
    let start = |method| {
        Start::new(Server::Axum, method)
            .in_cgroup(sandbox.cgroup())
            .run()
    };
    let servers: [(&str, Running); 6] = [
        (Method::Bare.name(), start(Method::Bare)?),
        ("bare axum, a second process", start(Method::Bare)?),
        (Method::ConnectInfo.name(), start(Method::ConnectInfo)?),
        (Method::Toa.name(), start(Method::Toa)?),
        (Method::ToaAround.name(), start(Method::ToaAround)?),
        (
            Method::ToaWithoutLayer.name(),
            start(Method::ToaWithoutLayer)?,
        ),
    ];
    let request = Request::get("/");
    let work = runs.interleave(servers.len(), |at| {
        let server = &servers[at].1;
        Work::measure(server, || requests(server.addr(), &request, runs.duration))
    })?;
    let (mut rows, mut bars) = (Vec::new(), Vec::new());
    for (at, ((name, _), runs)) in servers.iter().zip(&work).enumerate() {
        let comparison = Comparison::of(runs, &work[0]);
        rows.push([vec![(*name).to_owned()], comparison.cells(at == 0)].concat());
        if at > 0 {
            bars.push(comparison.bar(name));
        }
    }
    Ok(Section {
        title: "Request path".to_owned(),
        text: RATE_TEXT.to_owned(),
        tables: vec![Table {
            columns: Comparison::columns("requests"),
            rows,
        }],
        plots: vec![Plot {
            name: "requests".to_owned(),
            caption: "Requests per second of CPU on open connections, against bare axum".to_owned(),
            data: Data::Bars {
                unit: "ratio (1: as fast as bare axum)".to_owned(),
                bars,
            },
        }],
    })
}

/// The methods, and whether their requests have the header.
const ALONE: [(Method, bool); 6] = [
    (Method::EmptyLayer, false),
    (Method::ConnectInfo, false),
    (Method::Toa, false),
    (Method::ToaAround, false),
    (Method::ToaWithoutLayer, false),
    (Method::Forwarded, true),
];

/// Layer and extractor alone.
///
/// # Errors
/// When valgrind is missing or fails.
pub(crate) fn measure_alone(options: &Options) -> anyhow::Result<Section> {
    tools::require("valgrind")?;
    let runs = InterleavedRuns::new(options);
    let count = if options.quick { 100 } else { 5_000 };
    let bare = [
        instructions(Method::Bare, false, options)?,
        instructions(Method::Bare, true, options)?,
    ];
    let (mut rows, mut bars) = (Vec::new(), Vec::new());
    for (method, header) in ALONE {
        let mut drivers = [
            Driver::new(Method::Bare, header)?,
            Driver::new(method, header)?,
        ];
        let took = runs.interleave(drivers.len(), |at| drivers[at].run(count))?;
        let requests = f64::from(count) * runs.slices as f64;
        let each = |round: &Duration| round.as_secs_f64() * 1e9 / requests;
        let extra = took[1].iter().zip(&took[0]);
        let extra = extra.map(|(method, bare)| each(method) - each(bare));
        let nanoseconds = Spread::of(extra);
        let instructions = instructions(method, header, options)? - bare[usize::from(header)];
        rows.push(vec![
            method.name().to_owned(),
            format!("{instructions:.0}"),
            format!(
                "{:.0} ({:.0}–{:.0})",
                nanoseconds.median, nanoseconds.low, nanoseconds.high
            ),
        ]);
        bars.push((
            method.name().replace('`', ""),
            instructions,
            instructions,
            instructions,
        ));
    }
    Ok(Section {
        title: "Layer and extractor alone".to_owned(),
        text: ALONE_TEXT.to_owned(),
        tables: vec![Table {
            columns: ["", "instructions per request", "ns per request"]
                .map(str::to_owned)
                .to_vec(),
            rows,
        }],
        plots: vec![Plot {
            name: "layer".to_owned(),
            caption: "What telling the address adds to a request, in process".to_owned(),
            data: Data::Bars {
                unit: "instructions".to_owned(),
                bars,
            },
        }],
    })
}

/// For one request.
fn instructions(method: Method, header: bool, options: &Options) -> anyhow::Result<f64> {
    let count = if options.quick { 20 } else { 2_000 };
    let of = |requests: u32| {
        let mut arguments: Vec<OsString> = vec!["drive".into()];
        arguments.push(value_name(method.to_possible_value()));
        arguments.extend(["--requests".into(), requests.to_string().into()]);
        if header {
            arguments.push("--header".into());
        }
        tools::instructions_of(&arguments)
    };
    let [few, many] = [of(count)?, of(2 * count)?];
    #[expect(clippy::cast_precision_loss, reason = "millions of instructions")]
    let each = many.saturating_sub(few) as f64 / f64::from(count);
    Ok(each)
}
