//! Observers beside the sources, for as long as somebody watches.

mod event;
mod private_pins;

use std::fmt;
use std::os::fd::{AsFd, OwnedFd};
use std::time::{Duration, SystemTime};

use aya::maps::{Map, MapData, PerCpuArray, RingBuf};
use aya::programs::Program;
use aya::{Ebpf, EbpfLoader};

use self::event::Now;
use self::private_pins::PrivatePins;
use super::attach::attach_error;
use super::hooks::Hook;
use super::host::{self, Cgroup};
use super::memlock::Memlock;
use super::object::{load_error, map_error, program_error};
use super::status::{self, Table};
use super::sys;
use crate::{Error, Event, Status};

static OBJECT: &[u8] = aya::include_bytes_aligned!("../../../bpf/watch.bpf.o");
const EVENTS: &str = "toa_events";
const CPUS: &str = "toa_watch_cpus";
/// The maps that the observers of all sources share.
const SHARED: [&str; 3] = [EVENTS, CPUS, "toa_watch_late"];
/// Where `lost` stands in `struct toa_watch_cpu`.
const LOST: usize = 2;

/// In the order in which they are attached: what the second tells the first has seen.
const HOOKS: [Hook; 2] = [
    Hook {
        program: "toa_watch_skb",
        attach_type: 0,
    },
    Hook {
        program: "toa_watch_open",
        attach_type: 3,
    },
];

/// Tells of the connections that the sources of this host judge. Nothing is held but
/// descriptors: the observers go with the process, however it ends.
pub struct Watch {
    sources: Vec<(Table, Status)>,
    watched: Vec<usize>,
    events: RingBuf<MapData>,
    cpus: PerCpuArray<MapData, [u64; 4]>,
    lost: u64,
    _links: Vec<OwnedFd>,
}

/// Watches the sources that there are now, beside each on its cgroup.
///
/// # Errors
/// When the host lacks something; the error says what, and the cure. It needs
/// CAP_SYS_ADMIN and CAP_NET_ADMIN.
pub fn watch() -> Result<Watch, Error> {
    host::check_for_watch()?;
    let sources = status::with_tables(|_| true)?;
    let _raised = Memlock::raise();
    let pins = PrivatePins::mount().map_err(|source| Error::KernelQuery { source })?;
    let shared = shared_maps(&pins)?;
    let mut links = Vec::new();
    let mut watched = Vec::new();
    for (index, (table, status)) in sources.iter().enumerate() {
        let cgroup = status.cgroup.as_ref().map(|path| Cgroup::open(path));
        // One that is gone or not visible from here has no place to stand at.
        let (Some(Ok(cgroup)), Some(_)) = (cgroup, table.conns) else {
            continue;
        };
        links.extend(observe(index as u32, table, &cgroup, &pins)?);
        watched.push(index);
    }
    let (events, cpus) = shared;
    Ok(Watch {
        sources,
        watched,
        events,
        cpus,
        lost: 0,
        _links: links,
    })
}

impl fmt::Debug for Watch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Watch")
            .field("sources", &self.sources)
            .field("watched", &self.watched)
            .finish_non_exhaustive()
    }
}

type Shared = (RingBuf<MapData>, PerCpuArray<MapData, [u64; 4]>);

/// Made by a first load, whose programs are not loaded.
fn shared_maps(pins: &PrivatePins) -> Result<Shared, Error> {
    let mut object = load(0, None, pins)?;
    let mut take = |name| object.take_map(name).expect("the object has this map");
    let (Map::RingBuf(events), Map::PerCpuArray(cpus)) = (take(EVENTS), take(CPUS)) else {
        unreachable!("the object has maps of these types");
    };
    let events = RingBuf::try_from(Map::RingBuf(events)).map_err(|e| map_error(EVENTS, e))?;
    let cpus = PerCpuArray::try_from(Map::PerCpuArray(cpus)).map_err(|e| map_error(CPUS, e))?;
    Ok((events, cpus))
}

/// Loads the object with the table of a source and the maps that are shared.
fn load(source: u32, table: Option<&Table>, pins: &PrivatePins) -> Result<Ebpf, Error> {
    let mut loader = EbpfLoader::new();
    loader
        .btf(None)
        .override_global("toa_watch_source", &source, true);
    for name in SHARED {
        loader.map_pin_path(name, pins.path(name));
    }
    let maps = table.map(|table| [("toa_conns", table.conns), ("toa_virtuals", table.virtuals)]);
    for (map, id) in maps.into_iter().flatten() {
        let Some(id) = id else { continue };
        let path = pins.path(&format!("{map}_{source}"));
        let data = MapData::from_id(id).map_err(|e| map_error(map, e))?;
        data.pin(&path).map_err(|error| Error::Map {
            map,
            source: error.into(),
        })?;
        loader.map_pin_path(map, path);
    }
    loader.load(OBJECT).map_err(load_error)
}

fn observe(
    source: u32,
    table: &Table,
    cgroup: &Cgroup,
    pins: &PrivatePins,
) -> Result<Vec<OwnedFd>, Error> {
    let mut object = load(source, Some(table), pins)?;
    HOOKS
        .into_iter()
        .map(|hook| attach(&mut object, hook, cgroup))
        .collect()
}

fn attach(object: &mut Ebpf, hook: Hook, cgroup: &Cgroup) -> Result<OwnedFd, Error> {
    let failed = |error| program_error(hook.program, error);
    let program = object.program_mut(hook.program);
    let fd = match program.expect("the object has this program") {
        Program::SockOps(program) => program.load().and_then(|()| program.fd()),
        Program::CgroupSkb(program) => program.load().and_then(|()| program.fd()),
        _ => unreachable!("the object has programs of these types only"),
    };
    let fd = fd.map_err(failed)?;
    sys::link_create(fd.as_fd(), cgroup.dir.as_fd(), hook.attach_type)
        .map_err(|error| attach_error(hook, cgroup, error))
}

impl Watch {
    /// The sources, in the order of [`Event::source`].
    pub fn sources(&self) -> impl ExactSizeIterator<Item = &Status> {
        self.sources.iter().map(|(_, status)| status)
    }

    /// Whether there is an observer beside this source: not where its cgroup is gone, or is
    /// not visible from here.
    #[must_use]
    pub fn is_watched(&self, source: usize) -> bool {
        self.watched.contains(&source)
    }

    /// The next event, if there is one within this time.
    ///
    /// # Errors
    /// When it cannot be waited for.
    pub fn next(&mut self, patience: Duration) -> Result<Option<Event>, Error> {
        if let Some(event) = self.take() {
            return Ok(Some(event));
        }
        sys::wait_readable(self.events.as_fd(), patience)
            .map_err(|source| Error::KernelQuery { source })?;
        Ok(self.take())
    }

    fn take(&mut self) -> Option<Event> {
        let now = Now {
            wall: SystemTime::now(),
            since_boot: sys::since_boot(),
        };
        loop {
            let event = event::read(&self.events.next()?, now);
            if event.is_some_and(|event| event.source < self.sources.len()) {
                return event;
            }
        }
    }

    /// How many events were lost since this was asked last: more came than were taken.
    ///
    /// # Errors
    /// When the kernel does not tell.
    pub fn take_lost(&mut self) -> Result<u64, Error> {
        let cpus = self.cpus.get(&0, 0).map_err(|e| map_error(CPUS, e))?;
        let lost = cpus.iter().map(|cpu| cpu[LOST]).sum();
        Ok(lost - std::mem::replace(&mut self.lost, lost))
    }

    /// Whether the sources are still those that are watched. A source that was loaded since,
    /// or loaded again after it was unloaded, is not.
    ///
    /// # Errors
    /// When the kernel does not tell.
    pub fn is_current(&self) -> Result<bool, Error> {
        let links = |sources: &[(Table, Status)]| -> Vec<(Option<u32>, Vec<u32>)> {
            let links = sources.iter().map(|(table, status)| {
                let links = status.programs.iter().map(|program| program.link_id);
                (table.conns, links.collect())
            });
            links.collect()
        };
        Ok(links(&self.sources) == links(&status::with_tables(|_| true)?))
    }
}
