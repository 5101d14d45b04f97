//! A source that outlives its loader, pinned in the BPF file system.

use std::ffi::OsStr;
use std::fs::{self, DirBuilder, File};
use std::io::{self, ErrorKind};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Path, PathBuf};

use aya::maps::MapInfo;

use super::attach::attach_hook;
use super::hooks::{HOOKS, Hook};
use super::host::{self, Cgroup};
use super::object::{Object, SharedMaps};
use super::{lock, status, sys};
use crate::{Config, Error, Loaded, Status};

const DEFAULT: &str = "/sys/fs/bpf/toa";
const BPFFS_MAGIC: u32 = 0xcafe_4a11;
const MAPS: [&str; 2] = ["toa_conns", "toa_counters"];

/// The directory of the BPF file system that holds a source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pins {
    dir: PathBuf,
}

impl Default for Pins {
    fn default() -> Self {
        Self::at(DEFAULT)
    }
}

impl Pins {
    /// A directory of one's own; its parent must lie in a BPF file system.
    #[must_use]
    pub fn at(dir: impl Into<PathBuf>) -> Self {
        Self { dir: dir.into() }
    }

    /// Loads the source, or replaces a loaded one: each program's successor takes
    /// its place at one moment, connections keep their address, and killed half way
    /// it can be loaded or unloaded again.
    ///
    /// A source on another cgroup is first attached to the new one, then dropped
    /// from the old.
    ///
    /// # Errors
    /// When the host lacks something; the error says what, and the cure. What was
    /// loaded before then stays.
    pub fn load(&self, config: &Config) -> Result<Loaded, Error> {
        host::check()?;
        let cgroup = Cgroup::open(config.cgroup.as_deref())?;
        let _lock = self.lock(true)?;
        let loaded = self.make_dir()?;
        let done = self.fill(config, &cgroup);
        if done.is_err() && loaded == Loaded::Fresh {
            self.clear()?;
        }
        done.map(|()| loaded)
    }

    /// Removes the source and every trace of it; says whether there was any.
    ///
    /// # Errors
    /// When something cannot be removed.
    pub fn unload(&self) -> Result<bool, Error> {
        if !self.exists()? {
            return Ok(false);
        }
        let _lock = self.lock(false)?;
        // Another unloader may have held the lock.
        if !self.exists()? {
            return Ok(false);
        }
        self.clear()?;
        Ok(true)
    }

    /// What is loaded, if anything is.
    ///
    /// # Errors
    /// When the kernel does not tell; it needs CAP_SYS_ADMIN.
    pub fn status(&self) -> Result<Option<Status>, Error> {
        let mut links: Vec<(Hook, OwnedFd)> = Vec::new();
        for hook in HOOKS {
            let path = self.link(hook);
            match sys::pinned(&path) {
                Ok(link) => links.push((hook, link)),
                Err(e) if e.kind() == ErrorKind::NotFound => {}
                Err(e) => return Err(self.error("open", &path, e)),
            }
        }
        if links.is_empty() {
            return Ok(None);
        }
        let links: Vec<_> = links
            .iter()
            .map(|(hook, link)| (*hook, link.as_fd()))
            .collect();
        status::of_links(&links).map(Some)
    }

    fn fill(&self, config: &Config, cgroup: &Cgroup) -> Result<(), Error> {
        let maps = self.shared_maps()?;
        let object = Object::load(config, Some(&maps))?;
        for hook in HOOKS {
            self.put(&object, hook, cgroup)?;
        }
        self.remove_all(|name| !self.known(name))
    }

    fn clear(&self) -> Result<(), Error> {
        for hook in HOOKS.into_iter().rev() {
            // Detached before it is unpinned, so that it is over when this returns.
            if let Ok(link) = sys::pinned(&self.link(hook)) {
                sys::link_detach(link.as_fd()).ok();
            }
        }
        self.remove_all(|_| true)?;
        fs::remove_dir(&self.dir).map_err(|e| self.error("remove", &self.dir, e))
    }

    /// Brings one program into its place, whatever is there.
    fn put(&self, object: &Object, hook: Hook, cgroup: &Cgroup) -> Result<(), Error> {
        let path = self.link(hook);
        let old = sys::pinned(&path).ok();
        if let Some(old) = &old
            && sys::link_info(old.as_fd()).is_ok_and(|info| Some(info.cgroup_id) == cgroup.id())
        {
            return sys::link_update(old.as_fd(), object.program(hook.program)?)
                .map_err(|source| self.error("replace the program of", &path, source));
        }
        let link = attach_hook(object, hook, cgroup)?;
        let fresh = self.dir.join(format!("new_{}", hook.program));
        remove(&fresh).map_err(|e| self.error("remove", &fresh, e))?;
        sys::pin(link.as_fd(), &fresh).map_err(|e| self.error("pin to", &fresh, e))?;
        fs::rename(&fresh, &path).map_err(|e| self.error("pin to", &path, e))?;
        // Without a pin it would go by itself, but only some time after.
        old.map(|old| sys::link_detach(old.as_fd()).ok());
        Ok(())
    }

    /// Another version, or a loader that was killed, may have left other names.
    fn known(&self, name: &OsStr) -> bool {
        MAPS.iter().any(|&map| name == map) || HOOKS.iter().any(|hook| name == hook.program)
    }

    fn remove_all(&self, chosen: impl Fn(&OsStr) -> bool) -> Result<(), Error> {
        let entries = fs::read_dir(&self.dir).map_err(|e| self.error("read", &self.dir, e))?;
        entries
            .flatten()
            .filter(|entry| chosen(&entry.file_name()))
            .try_for_each(|entry| {
                remove(&entry.path()).map_err(|e| self.error("remove", &entry.path(), e))
            })
    }

    fn link(&self, hook: Hook) -> PathBuf {
        self.dir.join(hook.program)
    }

    /// A pinned map of an older layout cannot be shared: it makes room.
    fn shared_maps(&self) -> Result<SharedMaps, Error> {
        let [conns, counters] = MAPS.map(|map| self.dir.join(map));
        let maps = SharedMaps { conns, counters };
        for (path, (value, entries)) in [
            (&maps.conns, Object::CONNS_LAYOUT),
            (&maps.counters, Object::COUNTERS_LAYOUT),
        ] {
            let Ok(info) = MapInfo::from_pin(path) else {
                continue;
            };
            if (info.value_size(), info.max_entries()) != (value, entries) {
                remove(path).map_err(|e| self.error("remove", path, e))?;
            }
        }
        Ok(maps)
    }

    /// One loader at a time. The lock is on the directory above, which stays. Where
    /// that is readable for all, any user can hold it: nobody waits for ever.
    fn lock(&self, mount: bool) -> Result<File, Error> {
        let parent = self.dir.parent().unwrap_or(Path::new("/"));
        let mut dir = open_bpffs(parent);
        if dir.is_err() && mount && parent == Path::new("/sys/fs/bpf") {
            sys::mount_bpffs(parent).map_err(|source| Error::NoBpffs {
                mount: parent.to_owned(),
                source,
            })?;
            dir = open_bpffs(parent);
        }
        let dir = dir.map_err(|source| Error::NoBpffs {
            mount: parent.to_owned(),
            source,
        })?;
        match lock::lock_within(&dir, lock::PATIENCE) {
            Ok(true) => Ok(dir),
            Ok(false) => Err(Error::Locked {
                dir: parent.to_owned(),
            }),
            Err(e) => Err(self.error("lock", parent, e)),
        }
    }

    fn exists(&self) -> Result<bool, Error> {
        self.dir
            .try_exists()
            .map_err(|e| self.error("open", &self.dir, e))
    }

    fn make_dir(&self) -> Result<Loaded, Error> {
        match DirBuilder::new().mode(0o700).create(&self.dir) {
            Ok(()) => Ok(Loaded::Fresh),
            Err(e) if e.kind() == ErrorKind::AlreadyExists => {
                self.check_owner()
                    .map_err(|e| self.error("use", &self.dir, e))?;
                Ok(Loaded::Replaced)
            }
            Err(e) => Err(self.error("create", &self.dir, e)),
        }
    }

    /// Where everybody may write in the BPF file system, somebody may have been here
    /// first; the owner of a directory can remove what is pinned in it.
    fn check_owner(&self) -> io::Result<()> {
        let found = fs::symlink_metadata(&self.dir)?;
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

    fn error(&self, what: &'static str, path: &Path, source: io::Error) -> Error {
        Error::Pin {
            what,
            path: path.to_owned(),
            source,
        }
    }
}

fn open_bpffs(path: &Path) -> io::Result<File> {
    let dir = File::open(path)?;
    match sys::fs_magic(&dir)? {
        BPFFS_MAGIC => Ok(dir),
        _ => Err(io::Error::other("it is another file system")),
    }
}

fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(e) if e.kind() == ErrorKind::NotFound => Ok(()),
        done => done,
    }
}
