//! Asks the kernel what is loaded; nothing is remembered beside it.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use aya::Pod;
use aya::maps::{Array, HashMap, Map, MapData, MapError, MapInfo, PerCpuArray};
use ipnet::IpNet;

use super::diagnosis::{self, RawKey, RawSlot, RawValue};
use super::hooks::{HOOKS, Hook};
use super::host::{self, Cgroup};
use super::maps::{RawConfig, net4, net6};
use super::sys::{self, LinkInfo, ProgInfo};
use crate::{Counters, Error, Lifetime, ProgramStatus, Recent, Scope, Status, Unread};

/// Several times what the map of unread options holds.
const UNREAD_READ: usize = 1024;

/// One attached program of a source.
struct Piece {
    hook: Hook,
    link: LinkInfo,
    program: ProgInfo,
    maps: Maps,
}

impl Piece {
    fn of(hook: Hook, link: LinkInfo) -> Result<Self, Error> {
        let program = sys::prog_info(link.prog_id).map_err(ask)?;
        Ok(Self {
            hook,
            link,
            maps: Maps::named(&program.map_ids)?,
            program,
        })
    }

    fn is_ours(&self) -> bool {
        self.program.name == self.hook.program && self.maps.config.is_some()
    }
}

/// What the source behind these links does.
pub(crate) fn of_links(links: &[(Hook, BorrowedFd<'_>)]) -> Result<Status, Error> {
    let pieces = links
        .iter()
        .map(|&(hook, link)| Piece::of(hook, sys::link_info(link).map_err(ask)?))
        .collect::<Result<Vec<_>, _>>()?;
    of_pieces(&pieces)
}

/// The map that holds the connections of a source, and the number that it writes into them.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Table {
    pub(crate) conns: Option<u32>,
    pub(crate) virtuals: Option<u32>,
    cgroup_id: u64,
}

impl Table {
    /// A source that shares its map with no other has no number of its own.
    pub(crate) fn has_judged(self, map: u32, scope: u32) -> bool {
        self.conns == Some(map) && (scope == 0 || scope == self.cgroup_id as u32)
    }
}

/// The sources that the kernel has, with one of the links `chosen`.
pub(crate) fn sources(chosen: impl Fn(u32) -> bool) -> Result<Vec<Status>, Error> {
    let sources = with_tables(chosen)?.into_iter();
    Ok(sources.map(|(_, status)| status).collect())
}

/// All sources that the kernel has. Which programs belong together the map of connections
/// and the cgroup tell: they stay while a source is replaced. Without its cgroup the
/// configuration has to. Of those with none of the links `chosen` nothing is read.
pub(crate) fn with_tables(chosen: impl Fn(u32) -> bool) -> Result<Vec<(Table, Status)>, Error> {
    // An older kernel has none, and no call that would say so.
    if !host::may_have_source() {
        return Ok(Vec::new());
    }
    let mut sources: BTreeMap<_, Vec<Piece>> = BTreeMap::new();
    let mut id = 0;
    while let Some(next) = sys::next_link(id).map_err(ask)? {
        id = next;
        // It may be gone by now.
        let Ok(link) = sys::link(id).and_then(|link| sys::link_info(link.as_fd())) else {
            continue;
        };
        let hook = HOOKS
            .into_iter()
            .find(|hook| link.is_of_cgroup() && hook.attach_type == link.attach_type);
        let Some(hook) = hook else { continue };
        let Ok(piece) = Piece::of(hook, link) else {
            continue;
        };
        if piece.is_ours() {
            let Maps { conns, config, .. } = piece.maps;
            let gone = config.filter(|_| piece.link.cgroup_id == 0);
            let key = (conns, piece.link.cgroup_id, gone);
            sources.entry(key).or_default().push(piece);
        }
    }
    sources
        .into_iter()
        .filter(|(_, pieces)| pieces.iter().any(|piece| chosen(piece.link.id)))
        .map(|((conns, cgroup_id, _), pieces)| {
            let table = Table {
                conns,
                virtuals: pieces.iter().find_map(|piece| piece.maps.virtuals),
                cgroup_id,
            };
            Ok((table, of_pieces(&pieces)?))
        })
        .collect()
}

/// The program whose answers processes of this cgroup get, by default of this process's own:
/// where sources cover it and cgroups above it, the closest one's.
///
/// # Errors
/// When the kernel does not tell; it needs CAP_SYS_ADMIN and CAP_NET_ADMIN.
pub fn answering_program(cgroup: Option<&Path>) -> Result<Option<u32>, Error> {
    let cgroup = match cgroup {
        Some(path) => Cgroup::open(path)?,
        None => Cgroup::own()?,
    };
    let [hook, ..] = HOOKS;
    let (_, ids) = sys::query(cgroup.dir.as_fd(), hook.attach_type, true)
        .map_err(|error| lacks("CAP_NET_ADMIN", error))?;
    for id in ids {
        if sys::prog_info(id).map_err(ask)?.name == hook.program {
            return Ok(Some(id));
        }
    }
    Ok(None)
}

/// The configuration shown is that of the program that judges, sockops, if it is among them.
fn of_pieces(pieces: &[Piece]) -> Result<Status, Error> {
    let judge = HOOKS
        .iter()
        .rev()
        .find_map(|hook| {
            pieces
                .iter()
                .find(|piece| piece.hook.program == hook.program)
        })
        .expect("a source has a program");
    let cgroup_id = judge.link.cgroup_id;
    let cgroup = cgroup_path(cgroup_id);
    let other_version = || Error::OtherVersion {
        cgroup: cgroup.clone(),
    };
    let config = judge.maps.read_config().map_err(|error| match error {
        MapError::InvalidValueSize { .. } => other_version(),
        error => read("toa_config", error),
    })?;
    let counters = judge.maps.read_counters();
    let configs: BTreeSet<_> = pieces.iter().map(|piece| piece.maps.config).collect();
    let cgroups: BTreeSet<_> = pieces.iter().map(|piece| piece.link.cgroup_id).collect();
    let formats = config.formats().ok_or_else(other_version)?;
    Ok(Status {
        since: unix_seconds(judge.program.load_time),
        version: config.version(),
        scope: match cgroup_id {
            0 => Scope::Gone,
            host::ROOT_ID => Scope::Host,
            _ if cgroup.is_none() => Scope::Hidden,
            _ => Scope::Cgroup,
        },
        cgroup,
        lifetime: Lifetime::Unknown,
        pins: None,
        trust_any: config.trust_any(),
        trusted: judge.maps.read_trusted(&config)?,
        formats,
        peername: config.peername(),
        insecure_believe_implausible: config.believe_implausible(),
        counters: counters.map_err(|e| read("toa_counters", e))?,
        recent: judge
            .maps
            .read_recent()
            .map_err(|e| read("toa_recent", e))?,
        unread: judge
            .maps
            .read_unread()
            .map_err(|e| read("toa_unread", e))?,
        complete: pieces.len() == HOOKS.len()
            && configs.len() == 1
            && cgroups.len() == 1
            && !cgroups.contains(&0),
        programs: HOOKS
            .iter()
            .flat_map(|hook| {
                pieces
                    .iter()
                    .filter(|piece| piece.hook.program == hook.program)
            })
            .map(|piece| ProgramStatus {
                name: piece.hook.program,
                program_id: piece.program.id,
                link_id: piece.link.id,
            })
            .collect(),
    })
}

pub(crate) fn ask(source: io::Error) -> Error {
    lacks("CAP_SYS_ADMIN", source)
}

pub(crate) fn lacks(capability: &str, source: io::Error) -> Error {
    match source.raw_os_error() {
        Some(libc::EPERM) => Error::MissingCapabilities {
            what: "asking the kernel what is loaded",
            missing: capability.to_owned(),
        },
        _ => Error::KernelQuery { source },
    }
}

fn read(map: &'static str, error: MapError) -> Error {
    Error::Map {
        map,
        source: error.into(),
    }
}

/// The numbers of one program's maps, found by name.
#[derive(Clone, Copy, Default)]
struct Maps {
    config: Option<u32>,
    conns: Option<u32>,
    virtuals: Option<u32>,
    counters: Option<u32>,
    recent: Option<u32>,
    unread: Option<u32>,
    trusted4: Option<u32>,
    trusted6: Option<u32>,
}

impl Maps {
    fn named(ids: &[u32]) -> Result<Self, Error> {
        let mut maps = Self::default();
        for &id in ids {
            let info = MapInfo::from_id(id).map_err(|e| read("of a program", e))?;
            match info.name_as_str() {
                Some("toa_config") => maps.config = Some(id),
                Some("toa_conns") => maps.conns = Some(id),
                Some("toa_virtuals") => maps.virtuals = Some(id),
                Some("toa_counters") => maps.counters = Some(id),
                Some("toa_recent") => maps.recent = Some(id),
                Some("toa_unread") => maps.unread = Some(id),
                Some("toa_trusted4") => maps.trusted4 = Some(id),
                Some("toa_trusted6") => maps.trusted6 = Some(id),
                _ => {}
            }
        }
        Ok(maps)
    }

    fn read_config(&self) -> Result<RawConfig, MapError> {
        let data = MapData::from_id(self.config.ok_or(MapError::KeyNotFound)?)?;
        Array::<_, RawConfig>::try_from(Map::Array(data))?.get(&0, 0)
    }

    fn read_counters(&self) -> Result<Counters, MapError> {
        let data = MapData::from_id(self.counters.ok_or(MapError::KeyNotFound)?)?;
        let array = PerCpuArray::<_, u64>::try_from(Map::PerCpuArray(data))?;
        let sums = (0..array.len())
            .map(|i| array.get(&i, 0).map(|cpus| cpus.iter().sum()))
            .collect::<Result<Vec<u64>, _>>()?;
        Ok(Counters::from_values(sums.into_iter()))
    }

    fn read_recent(&self) -> Result<Recent, MapError> {
        let data = MapData::from_id(self.recent.ok_or(MapError::KeyNotFound)?)?;
        let array = PerCpuArray::<_, RawSlot>::try_from(Map::PerCpuArray(data))?;
        let slots = (0..array.len())
            .map(|i| array.get(&i, 0))
            .collect::<Result<Vec<_>, _>>()?;
        let slots = slots.iter().flat_map(|cpus| cpus.iter().copied());
        Ok(diagnosis::recent(slots, sys::since_boot(), unix_seconds))
    }

    /// Entries come and go meanwhile: the kernel may begin anew and never end.
    fn read_unread(&self) -> Result<Vec<Unread>, MapError> {
        let data = MapData::from_id(self.unread.ok_or(MapError::KeyNotFound)?)?;
        let map = HashMap::<_, RawKey, RawValue>::try_from(Map::LruHashMap(data))?;
        let mut seen = BTreeMap::new();
        for (key, value) in map.iter().take(UNREAD_READ).flatten() {
            seen.insert(key, value);
        }
        let mut unread: Vec<Unread> = seen
            .into_iter()
            .filter_map(|(key, value)| diagnosis::unread(key, value, unix_seconds))
            .collect();
        unread.sort_by_key(|unread| Reverse(unread.count));
        Ok(unread)
    }

    fn read_trusted(&self, config: &RawConfig) -> Result<Vec<IpNet>, Error> {
        let (has_v4, has_v6) = config.has_nets();
        let v4 = self.trusted4.filter(|_| has_v4);
        let v6 = self.trusted6.filter(|_| has_v6);
        let v4 = values(v4).map_err(|e| read("toa_trusted4", e))?;
        let v6 = values(v6).map_err(|e| read("toa_trusted6", e))?;
        let v4 = v4.into_iter().filter_map(net4);
        Ok(v4.chain(v6.into_iter().filter_map(net6)).collect())
    }
}

fn values<T: Pod>(id: Option<u32>) -> Result<Vec<T>, MapError> {
    let Some(id) = id else { return Ok(Vec::new()) };
    let array = Array::<_, T>::try_from(Map::Array(MapData::from_id(id)?))?;
    array.iter().collect()
}

/// The kernel dates programs by the time since boot.
fn unix_seconds(load_time: u64) -> u64 {
    let age = Duration::from_nanos(sys::since_boot().saturating_sub(load_time));
    let then = SystemTime::now()
        .checked_sub(age)
        .unwrap_or(SystemTime::UNIX_EPOCH);
    then.duration_since(SystemTime::UNIX_EPOCH)
        .unwrap_or_default()
        .as_secs()
}

/// The directory of the cgroup with this number, which is its inode's.
fn cgroup_path(id: u64) -> Option<PathBuf> {
    fn find(dir: &Path, id: u64) -> Option<PathBuf> {
        if fs::metadata(dir).ok()?.ino() == id {
            return Some(dir.to_owned());
        }
        let entries = fs::read_dir(dir).ok()?.flatten();
        entries
            .filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()))
            .find_map(|entry| find(&entry.path(), id))
    }
    find(&host::cgroup2_root()?, id)
}
