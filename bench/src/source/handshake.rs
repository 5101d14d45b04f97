//! The cost of a connection, with the eBPF source and without.

use toa_bpf::Config;
use toa_core::TrustedPeers;
use toa_lab::peer::PeerDevice;

use super::Scale;
use super::comparison::SourceComparison;
use super::connect::{self, Peers, V4_OPTION, V6_OPTION};
use super::cpu_time::per_operation;
use super::programs;
use super::sandbox::{Source, SourceSandbox};
use crate::section::{Data, Plot, Section};

const TEXT: &str = "\
A connection is opened, accepted and closed, one after the other, in a network namespace of its own: over loopback, where \
the kernel speaks both ends, and from hand-made peers behind a TUN device, where this program speaks one end and can put the \
option into the third segment. The source is absent, attached to another cgroup, or attached to the one that the sockets \
are in; the three take turns. Figures are processor time of the one thread that does it all; the kernel's receiving side \
runs in it, too.

What bounds it: the kernel calls the `sockops` program at several moments of any connection, to ask for initial values and \
to tell of state changes, and most of those calls return at once. An option in the header costs two allocations in the \
kernel (see memory, below), which is most of it, and two more calls for the states of the close, where the addresses freed \
are counted. `accept()` runs `toa_peername`.

The second table is what the kernel itself counts (`BPF_ENABLE_STATS`); two readings of its clock are inside each run.";

const KINDS: [&str; 4] = [
    "loopback, no option",
    "hand-made IPv4, no option",
    "hand-made IPv4, IPv4 option",
    "hand-made IPv6, IPv6 option",
];

pub(super) fn measure(sandbox: &SourceSandbox, scale: Scale) -> anyhow::Result<Section> {
    let v4 = sandbox.listener(PeerDevice::KERNEL_V4)?;
    let v6 = sandbox.listener(PeerDevice::KERNEL_V6)?;
    let peers = [
        Peers::new(sandbox.device(), &v4, &[])?,
        Peers::new(sandbox.device(), &v4, V4_OPTION)?.starting_at(1 << 22),
        Peers::new(sandbox.device(), &v6, V6_OPTION)?,
    ];
    let connect = |kind: usize| match kind {
        0 => connect::loopback(&v4, scale.connections),
        _ => peers[kind - 1].open_and_close(scale.connections),
    };
    let took = SourceComparison::<{ KINDS.len() }>::measure(sandbox, scale.rounds, |kind| {
        per_operation(scale.connections, || connect(kind))
    })?;

    let source = sandbox.attach(Config::new(TrustedPeers::private()))?;
    let mut runs = Vec::new();
    for (kind, name) in KINDS.into_iter().enumerate() {
        runs.push((name, programs::during(&source, || connect(kind))?));
    }

    Ok(Section {
        title: "The source: a connection".to_owned(),
        text: TEXT.to_owned(),
        tables: vec![
            took.table("connect + accept + close", KINDS),
            programs::table("connection", scale.connections, &runs),
        ],
        plots: vec![Plot {
            name: "source-connection".to_owned(),
            caption: "A connection with the source, against none".to_owned(),
            data: Data::Bars {
                unit: "ratio".to_owned(),
                bars: KINDS
                    .iter()
                    .enumerate()
                    .map(|(kind, name)| took.ratio(Source::Here, kind).bar(*name))
                    .collect(),
            },
        }],
    })
}
