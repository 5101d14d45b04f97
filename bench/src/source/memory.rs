//! The kernel's memory for each open connection.

use std::collections::BTreeMap;
use std::fs;
use std::thread::sleep;
use std::time::Duration;

use anyhow::Context as _;
use toa_lab::peer::PeerDevice;

use super::Scale;
use super::connect::V4_OPTION;
use super::open_connections::{OpenConnections, with_open_connections};
use super::sandbox::{Source, SourceSandbox};
use crate::interleaved::interleave;
use crate::section::{Data, Plot, Section, Table};
use crate::spread::Spread;

const KINDS: [(&str, Source, &[u8]); 3] = [
    ("no source", Source::Absent, &[]),
    ("source, no option", Source::Here, &[]),
    ("source, option", Source::Here, V4_OPTION),
];

const ROUNDS: usize = 3;

/// The kernel frees sockets a moment after their close.
const SETTLE: Duration = Duration::from_millis(700);

/// A connection has a whole number of objects in a cache: less than this for each comes from
/// other programs.
const NOISE: f64 = 0.5;

pub(super) fn measure(sandbox: &SourceSandbox, scale: Scale) -> anyhow::Result<Section> {
    let listener = sandbox.listener(PeerDevice::KERNEL_V4)?;
    let used = interleave(KINDS.len(), ROUNDS, |kind| {
        let (_, source, option) = KINDS[kind];
        sandbox.with(source, || {
            with_open_connections(sandbox.device(), &listener, option, |open| {
                memory_of_each(open, scale.open)
            })
        })
    })?;
    let caches = caches(&used);
    let sum = |slabs: &Slabs| -> f64 { caches.iter().map(|cache| slabs.bytes(cache)).sum() };
    let bytes = |kind: usize| Spread::of(used[kind].iter().map(sum));
    let total = |kind: usize| format!("{:.0}", bytes(kind).median);
    let more = |kind: usize| {
        let rounds = used[kind].iter().zip(&used[0]);
        let more = Spread::of(rounds.map(|(used, reference)| sum(used) - sum(reference)));
        format!("{:.0} ({:.0} to {:.0})", more.median, more.low, more.high)
    };
    let rows = [
        vec!["bytes".to_owned(), total(0), total(1), total(2)],
        vec![
            "more than without a source".to_owned(),
            String::new(),
            more(1),
            more(2),
        ],
    ];
    Ok(Section {
        title: "The source: memory".to_owned(),
        text: text(scale.open),
        tables: vec![
            table("kernel memory of an open connection", rows.into()),
            table("of these", objects(&used, &caches)),
        ],
        plots: vec![Plot {
            name: "source-memory".to_owned(),
            caption: format!("Kernel memory of one of {} open connections", scale.open),
            data: Data::Bars {
                unit: "bytes".to_owned(),
                bars: (0..KINDS.len())
                    .map(|kind| bytes(kind).bar(KINDS[kind].0))
                    .collect(),
            },
        }],
    })
}

fn text(open: u32) -> String {
    format!(
        "{open} connections of hand-made peers are accepted and held open. What is in use more than before in the kernel's \
slab caches (`/proc/slabinfo`), over the number of connections, is what one of them needs; {ROUNDS} rounds, in turns. Caches of \
which there is less than half an object for each connection in some round are left out: other programs use them.

A connection that carries no option needs nothing more. One that does has two objects, whatever the address family: the \
head of a socket's BPF storage, and its element with our 28 bytes. The kernel makes both, frees them with the socket, and \
decides on their size, which is what bounds it. An option that is refused is remembered in the same way, so that 4097 can say why \
there is no address.

The kernel module has one object of 112 bytes instead."
    )
}

fn table(head: &str, rows: Vec<Vec<String>>) -> Table {
    let names = KINDS.iter().map(|(name, ..)| (*name).to_owned());
    Table {
        columns: std::iter::once(head.to_owned()).chain(names).collect(),
        rows,
    }
}

/// The caches that connections have objects in, in every round.
fn caches(used: &[Vec<Slabs>]) -> Vec<String> {
    let names = used[0][0].0.keys();
    let counts = |name: &&String| {
        let of = |kind: &Vec<Slabs>| Spread::of(kind.iter().map(|slabs| slabs.objects(name)));
        used.iter().any(|kind| of(kind).low > NOISE)
    };
    names.filter(counts).cloned().collect()
}

/// Objects for each connection.
fn objects(used: &[Vec<Slabs>], caches: &[String]) -> Vec<Vec<String>> {
    let rows = caches.iter().map(|cache| {
        let of = |kind: &Vec<Slabs>| Spread::of(kind.iter().map(|slabs| slabs.objects(cache)));
        let size = used[0][0].0.get(cache).map_or(0.0, |&(_, size)| size);
        let mut row = vec![format!("objects in `{cache}`, {size} bytes each")];
        // Adding zero makes no difference but to a negative zero.
        let count = |kind| format!("{:.2}", (of(kind).median * 100.0).round() / 100.0 + 0.0);
        row.extend(used.iter().map(count));
        row
    });
    rows.collect()
}

/// What `count` open connections take, for each of them.
fn memory_of_each(open: &mut OpenConnections<'_, '_>, count: u32) -> anyhow::Result<Slabs> {
    sleep(SETTLE);
    let before = Slabs::now()?;
    open.grow(count)?;
    Ok(Slabs::now()?.since(&before, f64::from(count)))
}

/// Objects in use and their size, by cache.
#[derive(Clone, Debug)]
struct Slabs(BTreeMap<String, (f64, f64)>);

impl Slabs {
    fn now() -> anyhow::Result<Self> {
        let text = fs::read_to_string("/proc/slabinfo").context("cannot read /proc/slabinfo")?;
        Ok(Self::parse(&text))
    }

    fn parse(text: &str) -> Self {
        let caches = text.lines().filter_map(|line| {
            let mut words = line.split_whitespace();
            let name = words.next()?.to_owned();
            let active = words.next()?.parse().ok()?;
            let size = words.nth(1)?.parse().ok()?;
            Some((name, (active, size)))
        });
        Self(caches.collect())
    }

    fn since(mut self, before: &Self, connections: f64) -> Self {
        for (name, (active, _)) in &mut self.0 {
            *active = (*active - before.objects(name)) / connections;
        }
        self
    }

    fn objects(&self, cache: &str) -> f64 {
        self.0.get(cache).map_or(0.0, |&(active, _)| active)
    }

    fn bytes(&self, cache: &str) -> f64 {
        self.0
            .get(cache)
            .map_or(0.0, |&(active, size)| active * size)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BEFORE: &str = "slabinfo - version: 2.1
# name            <active_objs> <num_objs> <objsize> <objperslab> <pagesperslab> : tunables
TCP                   79    143   2368   13    8 : tunables    0    0    0 : slabdata      0
dentry              1000   1000    192   21    1 : tunables    0    0    0 : slabdata      0
";

    #[test]
    fn slabinfo_tells_what_a_connection_takes() {
        let after = BEFORE.replace("   79", "  279").replace(" 1000 ", " 1001 ");
        let each = Slabs::parse(&after).since(&Slabs::parse(BEFORE), 100.0);
        assert_eq!(each.objects("TCP"), 2.0);
        assert_eq!(each.objects("none such"), 0.0);
        assert_eq!(each.bytes("TCP"), 2.0 * 2368.0);
        let used = [vec![each.clone()], vec![each.clone()], vec![each]];
        assert_eq!(caches(&used), ["TCP"], "one dentry is noise");
    }
}
