//! A network and a cgroup of one's own, so that neither the machine's network
//! nor other programs on it notice anything.

use std::fs;
use std::path::{Path, PathBuf};
use std::process;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use anyhow::{Context, Result};
use toa_bpf::Config;
use toa_core::TrustedPeers;
use toa_lab::netns::Namespace;
use toa_lab::peer::PeerDevice;

/// The process is in a cgroup of its own and the thread in a network namespace
/// with a [`PeerDevice`] while this lives; both end with it.
#[derive(Debug)]
pub struct Ground {
    /// Behind it is everybody.
    pub device: PeerDevice,
    cgroup: OwnCgroup,
    _namespace: Namespace,
}

impl Ground {
    /// Takes it. There is one at a time in a process, as that has one cgroup.
    ///
    /// # Errors
    /// What is missing.
    pub fn take(namespace: Namespace) -> Result<Self> {
        let cgroup = OwnCgroup::join()?;
        Ok(Self {
            device: PeerDevice::open()?,
            cgroup,
            _namespace: namespace,
        })
    }

    /// The cgroup's directory.
    #[must_use]
    pub fn cgroup(&self) -> &Path {
        &self.cgroup.dir
    }

    /// For a source that covers this process alone.
    #[must_use]
    pub fn config(&self) -> Config {
        Config::new(TrustedPeers::private()).with_cgroup(self.cgroup())
    }

    /// Sets a sysctl of this network namespace, as `net/ipv4/tcp_syncookies`.
    ///
    /// # Errors
    /// The kernel does not know it.
    pub fn sysctl(&self, name: &str, value: &str) -> Result<()> {
        fs::write(Path::new("/proc/sys").join(name), value)
            .with_context(|| format!("cannot set {name} to {value}"))
    }
}

#[derive(Debug)]
struct OwnCgroup {
    dir: PathBuf,
    home: PathBuf,
    _alone: MutexGuard<'static, ()>,
}

impl OwnCgroup {
    fn join() -> Result<Self> {
        static ALONE: Mutex<()> = Mutex::new(());
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
        let root = ["/sys/fs/cgroup/unified", "/sys/fs/cgroup"]
            .into_iter()
            .map(Path::new)
            .find(|root| root.join("cgroup.procs").exists())
            .context("cgroup v2 is not mounted: mount -t cgroup2 none /sys/fs/cgroup")?;
        let own = fs::read_to_string("/proc/self/cgroup")?;
        let own = own.lines().find_map(|line| line.strip_prefix("0::/"));
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let dir = root.join(format!("toa-stress-{}-{number}", process::id()));
        fs::create_dir(&dir).with_context(|| format!("cannot make {}", dir.display()))?;
        let this = Self {
            home: root.join(own.unwrap_or_default()),
            dir,
            _alone: alone,
        };
        move_to(&this.dir)?;
        Ok(this)
    }
}

impl Drop for OwnCgroup {
    fn drop(&mut self) {
        let left = move_to(&self.home).and_then(|()| Ok(fs::remove_dir(&self.dir)?));
        if let Err(error) = left {
            eprintln!("{} stays behind: {error:#}", self.dir.display());
        }
    }
}

/// A socket belongs to the cgroup that its process is in when it makes it.
fn move_to(cgroup: &Path) -> Result<()> {
    let procs = cgroup.join("cgroup.procs");
    fs::write(&procs, process::id().to_string())
        .with_context(|| format!("cannot write {}", procs.display()))
}
