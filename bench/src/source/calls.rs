//! What the source adds to other system calls, and what asking it costs.

use std::hint::black_box;
use std::net::TcpStream;

use socket2::SockRef;
use toa_bpf::Config;
use toa_core::TrustedPeers;
use toa_lab::peer::PeerDevice;

use super::Scale;
use super::comparison::SourceComparison;
use super::connect::{Peers, V4_OPTION};
use super::cpu_time::per_operation;
use super::programs;
use super::sandbox::{Source, SourceSandbox};
use crate::section::{Data, Plot, Section};

const TEXT: &str = "\
One call, over and over, on an open connection. `SO_TYPE` stands for every `getsockopt` that has nothing to do with TOA: the \
hook makes the kernel copy the answer in again, run the program and copy it out, whatever the option is. 4097 is what the \
library asks, once for each connection; without a source it is an error of the kernel's. For the sockets of another \
cgroup, the kernel only looks whether theirs has a program. Other calls, `setsockopt`, `read`, `write` or `getsockname`, have no \
hook at all.

What bounds it: the kernel's own work around a `getsockopt` program, not the program, as the second table shows. \
`toa load --cgroup` keeps it to the services that need it.";

#[derive(Clone, Copy)]
enum Call {
    SoType,
    Info,
    Peername,
}

impl Call {
    fn make(self, stream: &TcpStream) {
        match self {
            Self::SoType => drop(black_box(SockRef::from(stream).r#type())),
            Self::Info => drop(black_box(toa_core::source_info(stream))),
            Self::Peername => drop(black_box(stream.peer_addr())),
        }
    }
}

/// A name, whether the connection carries an address, and the call.
const KINDS: [(&str, bool, Call); 5] = [
    ("getsockopt SO_TYPE", false, Call::SoType),
    ("getsockopt 4097, no address", false, Call::Info),
    ("getsockopt 4097, address", true, Call::Info),
    ("getpeername, no address", false, Call::Peername),
    ("getpeername, address", true, Call::Peername),
];

pub(super) fn measure(sandbox: &SourceSandbox, scale: Scale) -> anyhow::Result<Section> {
    let listener = sandbox.listener(PeerDevice::KERNEL_V4)?;
    let plain = Peers::new(sandbox.device(), &listener, &[])?;
    let with_address = Peers::new(sandbox.device(), &listener, V4_OPTION)?.starting_at(1 << 22);
    let ask = |kind: usize| -> anyhow::Result<f64> {
        let (_, address, call) = KINDS[kind];
        let peers = if address { &with_address } else { &plain };
        let mut took = 0.0;
        peers.each(1, |stream| {
            took = per_operation(scale.calls, || {
                (0..scale.calls).for_each(|_| call.make(stream));
                Ok(())
            })?;
            Ok(())
        })?;
        Ok(took)
    };
    let took = SourceComparison::<{ KINDS.len() }>::measure(sandbox, scale.rounds, ask)?;

    let source = sandbox.attach(Config::new(TrustedPeers::private()))?;
    let mut runs = Vec::new();
    for (kind, (name, ..)) in KINDS.into_iter().enumerate() {
        let mut counted = programs::during(&source, || ask(kind).map(drop))?;
        // Runs that the connection itself caused are not those of the calls.
        counted.retain(|runs| runs.count >= u64::from(scale.calls));
        runs.push((name, counted));
    }

    let bars = [
        ("no source", Source::Absent),
        ("source on another cgroup", Source::Elsewhere),
        ("source", Source::Here),
    ]
    .map(|(name, source)| took.took(source, 0).bar(name));
    Ok(Section {
        title: "The source: system calls".to_owned(),
        text: TEXT.to_owned(),
        tables: vec![
            took.table("call", KINDS.map(|(name, ..)| name)),
            programs::table("call", scale.calls, &runs),
        ],
        plots: vec![Plot {
            name: "source-getsockopt".to_owned(),
            caption: "getsockopt SO_TYPE, which has nothing to do with TOA".to_owned(),
            data: Data::Bars {
                unit: "ns".to_owned(),
                bars: bars.to_vec(),
            },
        }],
    })
}
