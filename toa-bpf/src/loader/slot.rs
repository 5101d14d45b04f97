//! The directory that holds the pins of one cgroup's source.

use std::ffi::OsStr;
use std::fs::{self, DirBuilder};
use std::io::{self, ErrorKind};
use std::os::fd::AsFd;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, symlink};
use std::path::{Path, PathBuf};
use std::thread::sleep;
use std::time::{Duration, Instant};

use aya::maps::MapInfo;

use super::attach::attach_hook;
use super::hooks::{HOOKS, Hook};
use super::host::Cgroup;
use super::object::{Object, SharedMaps};
use super::sys;
use crate::{Config, Error, Loaded};

const BETWEEN_LOOKS: Duration = Duration::from_millis(10);
/// The number is that of the layout: a map that has another one is not shared.
const CONNS: &str = "toa_conns_2";
const VIRTUALS: &str = "toa_virtuals";
const COUNTERS: &str = "toa_counters";
/// A symbolic link: the kernel forgets the path of a cgroup that is gone.
const CGROUP: &str = "cgroup";

/// A directory of [`Pins`](super::Pins) named by the number of its cgroup. What is known of
/// open connections lies beside all of them, in the pins' own directory: where cgroups lie in
/// each other, their sources share it.
#[derive(Debug)]
pub(super) struct Slot {
    dir: PathBuf,
}

impl Slot {
    pub(super) fn of(pins: &Path, cgroup: u64) -> Self {
        Self {
            dir: pins.join(cgroup.to_string()),
        }
    }

    /// All that there are.
    pub(super) fn all(pins: &Path) -> io::Result<Vec<Self>> {
        let entries = fs::read_dir(pins)?.flatten();
        Ok(entries
            .filter(|entry| is_slot(&entry.file_name()))
            .map(|entry| Self { dir: entry.path() })
            .collect())
    }

    pub(super) fn dir(&self) -> &Path {
        &self.dir
    }

    /// Where the cgroup is, or was.
    pub(super) fn cgroup(&self) -> Option<PathBuf> {
        fs::read_link(self.dir.join(CGROUP)).ok()
    }

    /// The numbers of the links that are pinned here.
    pub(super) fn links(&self) -> Vec<u32> {
        self.link_infos().map(|info| info.id).collect()
    }

    /// Whether the kernel has detached everything because the cgroup was removed.
    pub(super) fn is_dead(&self) -> bool {
        self.link_infos().all(|info| info.cgroup_id == 0)
    }

    /// The same, waiting for the kernel. In a container another cgroup may have the same path.
    pub(super) fn dies_within(&self, patience: Duration) -> bool {
        let start = Instant::now();
        loop {
            if self.is_dead() {
                return true;
            }
            if start.elapsed() >= patience {
                return false;
            }
            sleep(BETWEEN_LOOKS);
        }
    }

    fn link_infos(&self) -> impl Iterator<Item = sys::LinkInfo> {
        HOOKS.iter().filter_map(|&hook| {
            let link = sys::pinned(&self.link(hook)).ok()?;
            sys::link_info(link.as_fd()).ok()
        })
    }

    /// Loads the source, or replaces a loaded one.
    pub(super) fn fill(&self, config: &Config, cgroup: &Cgroup) -> Result<Loaded, Error> {
        let loaded = make_dir(&self.dir)?;
        let done = self.put_all(config, cgroup);
        if done.is_err() && loaded == Loaded::Fresh {
            self.clear()?;
        }
        done.map(|()| loaded)
    }

    fn put_all(&self, config: &Config, cgroup: &Cgroup) -> Result<(), Error> {
        self.remember(&cgroup.path)?;
        let object = Object::load(config, Some(&self.shared_maps(cgroup)?))?;
        for hook in HOOKS {
            self.put(&object, hook, cgroup)?;
        }
        // Another version, or a loader that was killed, may have left other names.
        remove_all(&self.dir, |name| !is_known(name))
    }

    fn remember(&self, cgroup: &Path) -> Result<(), Error> {
        let at = self.dir.join(CGROUP);
        let path = cgroup.canonicalize().unwrap_or_else(|_| cgroup.to_owned());
        if self.cgroup().as_ref() == Some(&path) {
            return Ok(());
        }
        remove(&at).map_err(|e| pin_error("remove", &at, e))?;
        symlink(path, &at).map_err(|e| pin_error("create", &at, e))
    }

    /// Removes the source and every trace of it.
    pub(super) fn clear(&self) -> Result<(), Error> {
        for hook in HOOKS.into_iter().rev() {
            // Detached before it is unpinned, so that it is over when this returns.
            if let Ok(link) = sys::pinned(&self.link(hook)) {
                sys::link_detach(link.as_fd()).ok();
            }
        }
        remove_all(&self.dir, |_| true)?;
        fs::remove_dir(&self.dir).map_err(|e| pin_error("remove", &self.dir, e))
    }

    /// Brings one program into its place, whatever is there.
    fn put(&self, object: &Object, hook: Hook, cgroup: &Cgroup) -> Result<(), Error> {
        let path = self.link(hook);
        let old = sys::pinned(&path).ok();
        if let Some(old) = &old
            && sys::link_info(old.as_fd()).is_ok_and(|info| info.cgroup_id == cgroup.id)
        {
            return sys::link_update(old.as_fd(), object.program(hook.program)?)
                .map_err(|source| pin_error("replace the program of", &path, source));
        }
        let link = attach_hook(object, hook, cgroup)?;
        let fresh = self.dir.join(format!("new_{}", hook.program));
        remove(&fresh).map_err(|e| pin_error("remove", &fresh, e))?;
        sys::pin(link.as_fd(), &fresh).map_err(|e| pin_error("pin to", &fresh, e))?;
        fs::rename(&fresh, &path).map_err(|e| pin_error("pin to", &path, e))
    }

    fn link(&self, hook: Hook) -> PathBuf {
        self.dir.join(hook.program)
    }

    /// A pinned map of an older layout cannot be shared: it makes room.
    fn shared_maps(&self, cgroup: &Cgroup) -> Result<SharedMaps, Error> {
        let maps = SharedMaps {
            conns: self.dir.with_file_name(CONNS),
            virtuals: self.dir.with_file_name(VIRTUALS),
            counters: self.dir.join(COUNTERS),
            table: table_number(self.dir.parent().unwrap_or(&self.dir))?,
            // Unlike the high half, this one differs between all cgroups that exist.
            scope: cgroup.id as u32,
        };
        for (path, (value, entries)) in [
            (&maps.conns, Object::CONNS_LAYOUT),
            (&maps.virtuals, Object::VIRTUALS_LAYOUT),
            (&maps.counters, Object::COUNTERS_LAYOUT),
        ] {
            let Ok(info) = MapInfo::from_pin(path) else {
                continue;
            };
            if (info.value_size(), info.max_entries()) != (value, entries) {
                remove(path).map_err(|e| pin_error("remove", path, e))?;
            }
        }
        Ok(maps)
    }
}

/// Not 0, and another one for each directory of pins.
fn table_number(pins: &Path) -> Result<u32, Error> {
    let meta = fs::metadata(pins).map_err(|e| pin_error("open", pins, e))?;
    Ok(meta.ino() as u32 | 1 << 31)
}

/// Whether the pins' own directory should have this.
pub(super) fn belongs_to_pins(name: &OsStr) -> bool {
    name == CONNS || name == VIRTUALS || is_slot(name)
}

fn is_slot(name: &OsStr) -> bool {
    name.to_str()
        .is_some_and(|name| name.parse::<u64>().is_ok())
}

fn is_known(name: &OsStr) -> bool {
    name == COUNTERS || name == CGROUP || HOOKS.iter().any(|hook| name == hook.program)
}

pub(super) fn make_dir(dir: &Path) -> Result<Loaded, Error> {
    match DirBuilder::new().mode(0o700).create(dir) {
        Ok(()) => Ok(Loaded::Fresh),
        Err(e) if e.kind() == ErrorKind::AlreadyExists => {
            check_owner(dir).map_err(|e| pin_error("use", dir, e))?;
            Ok(Loaded::Replaced)
        }
        Err(e) => Err(pin_error("create", dir, e)),
    }
}

/// Where everybody may write in the BPF file system, somebody may have been here
/// first; the owner of a directory can remove what is pinned in it.
fn check_owner(dir: &Path) -> io::Result<()> {
    let found = fs::symlink_metadata(dir)?;
    let ours = found.uid() == 0 || found.uid() == sys::effective_user();
    if ours && found.is_dir() && found.mode() & 0o022 == 0 {
        return Ok(());
    }
    Err(io::Error::other(format!(
        "it belongs to user {} with mode {:o}, and others than root may change it: remove it first",
        found.uid(),
        found.mode() & 0o7777
    )))
}

/// Removes files; directories are slots, which [`Slot::clear`] removes.
pub(super) fn remove_all(dir: &Path, chosen: impl Fn(&OsStr) -> bool) -> Result<(), Error> {
    let entries = fs::read_dir(dir).map_err(|e| pin_error("read", dir, e))?;
    entries
        .flatten()
        .filter(|entry| chosen(&entry.file_name()))
        .try_for_each(|entry| {
            remove(&entry.path()).map_err(|e| pin_error("remove", &entry.path(), e))
        })
}

fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(e) if e.kind() == ErrorKind::NotFound => Ok(()),
        done => done,
    }
}

pub(super) fn pin_error(what: &'static str, path: &Path, source: io::Error) -> Error {
    Error::Pin {
        what,
        path: path.to_owned(),
        source,
    }
}
