//! Sources that outlive their loader, pinned in the BPF file system.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::host::{self, Cgroup};
use super::slot::{self, Slot, pin_error};
use super::{holder, lock, status, sys};
use crate::{Config, Error, Lifetime, Loaded, Scope, Status};

const DEFAULT: &str = "/sys/fs/bpf/toa";
const BPFFS: &str = "/sys/fs/bpf";
const BPFFS_MAGIC: u32 = 0xcafe_4a11;
/// Much longer than the kernel takes to detach the programs of a cgroup that was removed.
const DETACHING: Duration = Duration::from_secs(1);

/// The directory of the BPF file system that holds the sources, one for each cgroup that
/// was named. Where cgroups lie in each other, the source of the closest one counts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pins {
    dir: PathBuf,
    /// Whether it must be where the host keeps its pins.
    of_host: bool,
}

impl Default for Pins {
    fn default() -> Self {
        Self {
            dir: DEFAULT.into(),
            of_host: true,
        }
    }
}

impl Pins {
    /// A directory of one's own; its parent must lie in a BPF file system. The sources go
    /// with that: whoever names it knows how long it stays.
    #[must_use]
    pub fn at(dir: impl Into<PathBuf>) -> Self {
        Self {
            dir: dir.into(),
            of_host: false,
        }
    }

    /// Loads the source of a cgroup, or replaces a loaded one: each program's successor
    /// takes its place at one moment, connections keep their address, and killed half way
    /// it can be loaded or unloaded again. Sources of other cgroups stay.
    ///
    /// # Errors
    /// When the host lacks something; the error says what, and the cure. What was
    /// loaded before then stays.
    pub fn load(&self, config: &Config) -> Result<Loaded, Error> {
        host::check()?;
        host::check_no_other_source()?;
        let cgroup = match &config.cgroup {
            Some(path) => Cgroup::open(path)?,
            None => Cgroup::of_host()?,
        };
        let _lock = self.lock(true)?;
        slot::make_dir(&self.dir)?;
        let loaded = Slot::of(&self.dir, cgroup.id).fill(config, &cgroup);
        if loaded.is_err() {
            self.clear_if_unused()?;
        }
        let loaded = loaded?;
        self.forget_predecessors(&cgroup)?;
        slot::remove_all(&self.dir, |name| !slot::belongs_to_pins(name))?;
        Ok(loaded)
    }

    /// Removes all sources and every trace of them; says whether there were any.
    ///
    /// # Errors
    /// When something cannot be removed.
    pub fn unload(&self) -> Result<bool, Error> {
        self.clear(|_| true)
    }

    /// Removes the source of this cgroup, also when the cgroup is gone; says whether there
    /// was one. The others stay.
    ///
    /// # Errors
    /// When something cannot be removed.
    pub fn unload_cgroup(&self, cgroup: &Path) -> Result<bool, Error> {
        let id = Cgroup::open(cgroup).map(|cgroup| cgroup.id).ok();
        let path = cgroup.canonicalize().unwrap_or_else(|_| cgroup.to_owned());
        self.clear(|slot| {
            let same = id.is_some_and(|id| slot.dir() == Slot::of(&self.dir, id).dir());
            same || (slot.is_dead() && slot.cgroup().as_ref() == Some(&path))
        })
    }

    /// The sources that are pinned here.
    ///
    /// # Errors
    /// When the kernel does not tell; it needs CAP_SYS_ADMIN.
    pub fn status(&self) -> Result<Vec<Status>, Error> {
        let slots = self.slots();
        let is_pinned = |link| slots.iter().any(|(_, links)| links.contains(&link));
        self.sources_in(&slots, is_pinned)
    }

    /// All sources that the kernel has, wherever they are pinned and whoever holds them;
    /// those that are pinned here say so.
    ///
    /// # Errors
    /// When the kernel does not tell; it needs CAP_SYS_ADMIN.
    pub fn sources(&self) -> Result<Vec<Status>, Error> {
        self.sources_in(&self.slots(), |_| true)
    }

    /// With the numbers of the links that are pinned in each.
    fn slots(&self) -> Vec<(Slot, Vec<u32>)> {
        let slots = Slot::all(&self.dir).unwrap_or_default().into_iter();
        slots
            .map(|slot| {
                let links = slot.links();
                (slot, links)
            })
            .collect()
    }

    fn sources_in(
        &self,
        slots: &[(Slot, Vec<u32>)],
        chosen: impl Fn(u32) -> bool,
    ) -> Result<Vec<Status>, Error> {
        let lasts = open_bpffs(self.parent()).is_ok_and(|dir| host::is_mounted_by_host(&dir));
        let mut sources = status::sources(chosen)?;
        for source in &mut sources {
            let links: Vec<u32> = source.programs.iter().map(|p| p.link_id).collect();
            let slot = slots
                .iter()
                .find(|(_, pinned)| links.iter().any(|link| pinned.contains(link)));
            if let Some((slot, _)) = slot {
                source.pins = Some(slot.dir().to_owned());
                source.lifetime = match lasts {
                    true => Lifetime::Host,
                    false => Lifetime::Mount,
                };
                if source.scope == Scope::Gone {
                    source.cgroup = slot.cgroup();
                }
            } else if let Some(holder) = links.iter().find_map(|&link| holder::of_link(link)) {
                source.lifetime = holder;
            }
        }
        Ok(sources)
    }

    /// A service manager removes the cgroup of a service that it stops, and makes another
    /// one of the same name when it starts it again.
    fn forget_predecessors(&self, cgroup: &Cgroup) -> Result<(), Error> {
        let path = cgroup.path.canonicalize().ok();
        let own = Slot::of(&self.dir, cgroup.id);
        let slots = Slot::all(&self.dir).map_err(|e| pin_error("read", &self.dir, e))?;
        slots
            .iter()
            .filter(|slot| slot.cgroup() == path && slot.dir() != own.dir())
            .filter(|slot| slot.dies_within(DETACHING))
            .try_for_each(Slot::clear)
    }

    fn clear(&self, chosen: impl Fn(&Slot) -> bool) -> Result<bool, Error> {
        if !self.exists()? {
            return Ok(false);
        }
        let _lock = self.lock(false)?;
        // Another unloader may have held the lock.
        if !self.exists()? {
            return Ok(false);
        }
        let slots = Slot::all(&self.dir).map_err(|e| pin_error("read", &self.dir, e))?;
        let chosen: Vec<&Slot> = slots.iter().filter(|slot| chosen(slot)).collect();
        chosen.iter().try_for_each(|slot| slot.clear())?;
        // A loader that was killed at once leaves the directory alone.
        let found = !chosen.is_empty() || slots.is_empty();
        self.clear_if_unused()?;
        Ok(found)
    }

    /// With its last source the directory goes as well.
    fn clear_if_unused(&self) -> Result<(), Error> {
        let slots = Slot::all(&self.dir).map_err(|e| pin_error("read", &self.dir, e))?;
        if !slots.is_empty() {
            return Ok(());
        }
        slot::remove_all(&self.dir, |_| true)?;
        fs::remove_dir(&self.dir).map_err(|e| pin_error("remove", &self.dir, e))
    }

    fn parent(&self) -> &Path {
        self.dir.parent().unwrap_or(Path::new("/"))
    }

    /// One loader at a time. The lock is on the directory above, which stays. Where
    /// that is readable for all, any user can hold it: nobody waits for ever.
    fn lock(&self, mount: bool) -> Result<File, Error> {
        let parent = self.parent();
        let missing = |source| Error::NoBpffs {
            mount: parent.to_owned(),
            source,
        };
        let mut dir = open_bpffs(parent);
        let mounted = dir.is_err() && mount && parent == Path::new(BPFFS);
        if mounted {
            sys::mount_bpffs(parent).map_err(missing)?;
            dir = open_bpffs(parent);
        }
        let dir = dir.map_err(missing)?;
        if mount && self.of_host && !host::is_mounted_by_host(&dir) {
            if mounted {
                sys::unmount(parent).ok();
            }
            return Err(Error::HostOutOfReach {
                why: format!(
                    "{} is not the host's, so the source would end with this container or mount namespace",
                    parent.display()
                ),
            });
        }
        match lock::lock_within(&dir, lock::PATIENCE) {
            Ok(true) => Ok(dir),
            Ok(false) => Err(Error::Locked {
                dir: parent.to_owned(),
            }),
            Err(e) => Err(pin_error("lock", parent, e)),
        }
    }

    fn exists(&self) -> Result<bool, Error> {
        self.dir
            .try_exists()
            .map_err(|e| pin_error("open", &self.dir, e))
    }
}

fn open_bpffs(path: &Path) -> io::Result<File> {
    let dir = File::open(path)?;
    match sys::fs_magic(&dir)? {
        BPFFS_MAGIC => Ok(dir),
        _ => Err(io::Error::other("it is another file system")),
    }
}
