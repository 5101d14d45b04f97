//! Asks the kernel what is loaded; nothing is remembered beside it.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::os::fd::BorrowedFd;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use aya::Pod;
use aya::maps::{Array, Map, MapData, MapError, MapInfo, PerCpuArray};
use ipnet::IpNet;

use super::maps::{RawConfig, net4, net6};
use super::object::{HOOKS, Hook};
use super::{host, sys};
use crate::{Counters, Error, ProgramStatus, Status};

/// What the source behind these links does. The configuration shown is that of
/// the program that judges, sockops, if it is among them.
pub(crate) fn of_links(links: &[(Hook, BorrowedFd<'_>)]) -> Result<Status, Error> {
    let mut programs = Vec::new();
    let mut configs = BTreeSet::new();
    let mut cgroups = BTreeSet::new();
    let mut loaded = 0;
    let mut maps = Maps::default();
    for &(hook, link) in links {
        let info = sys::link_info(link).map_err(ask)?;
        let program = sys::prog_info(info.prog_id).map_err(ask)?;
        maps = Maps::named(&program.map_ids)?;
        configs.insert(maps.config);
        cgroups.insert(info.cgroup_id);
        loaded = program.load_time;
        programs.push(ProgramStatus {
            name: hook.program,
            program_id: program.id,
            link_id: info.id,
        });
    }
    let config = maps.read_config().map_err(|e| read("toa_config", e))?;
    Ok(Status {
        since: unix_seconds(loaded),
        version: config.version(),
        cgroup: cgroups.last().and_then(|&id| cgroup_path(id)),
        trust_any: config.trust_any(),
        trusted: maps.read_trusted(&config)?,
        kinds: config.kinds(),
        peername: config.peername(),
        insecure_believe_implausible: config.believe_implausible(),
        counters: maps.read_counters().map_err(|e| read("toa_counters", e))?,
        complete: programs.len() == HOOKS.len()
            && configs.len() == 1
            && cgroups.len() == 1
            && !cgroups.contains(&0),
        programs,
    })
}

fn ask(source: io::Error) -> Error {
    match source.raw_os_error() {
        Some(libc::EPERM) => Error::NoPrivilege {
            missing: "CAP_SYS_ADMIN to be asked".to_owned(),
        },
        _ => Error::Object {
            source: source.into(),
        },
    }
}

fn read(map: &'static str, error: MapError) -> Error {
    Error::Map {
        map,
        source: error.into(),
    }
}

/// The numbers of one program's maps, found by name.
#[derive(Default)]
struct Maps {
    config: Option<u32>,
    counters: Option<u32>,
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
                Some("toa_counters") => maps.counters = Some(id),
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
