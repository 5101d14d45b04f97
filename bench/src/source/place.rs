//! Where it is measured: a network namespace and two cgroups of our own, gone afterwards.

use std::fs;
use std::io;
use std::net::{IpAddr, SocketAddr, TcpListener};
use std::path::PathBuf;
use std::process;
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use toa_bpf::{Attached, Config, attach};
use toa_core::TrustedPeers;
use toa_lab::netns::Namespace;
use toa_lab::peer::PeerDevice;

use crate::room;

/// How long another source on this machine, such as that of a test, is waited for.
const PATIENCE: Duration = Duration::from_secs(120);

const BACKLOG: i32 = 4096;

/// Where the source is, seen from the sockets that are measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Source {
    /// Nowhere.
    Absent,
    /// On a cgroup that they are not in.
    Elsewhere,
    /// On theirs.
    Here,
}

impl Source {
    pub(super) const ALL: [Self; 3] = [Self::Absent, Self::Elsewhere, Self::Here];
}

/// A namespace, and a cgroup in which a source is (`covered`) beside one in which none is.
/// This process is in the covered one.
#[derive(Debug)]
pub(super) struct Place {
    covered: Cgroup,
    bare: Cgroup,
    device: PeerDevice,
    _namespace: Namespace,
}

impl Place {
    pub(super) fn enter() -> anyhow::Result<Self> {
        let namespace =
            Namespace::enter().context("cannot make a network namespace: run as root")?;
        let device = PeerDevice::open()?;
        let place = Self {
            covered: Cgroup::make("covered")?,
            bare: Cgroup::make("bare")?,
            device,
            _namespace: namespace,
        };
        // The accept queue is bounded by this file, a number for each namespace.
        fs::write("/proc/sys/net/core/somaxconn", BACKLOG.to_string())?;
        place.covered.join()?;
        Ok(place)
    }

    pub(super) fn device(&self) -> &PeerDevice {
        &self.device
    }

    /// The source as configured, on the covered cgroup.
    pub(super) fn attach(&self, config: Config) -> anyhow::Result<Attached> {
        Ok(attach(&config.with_cgroup(&self.covered.path))?)
    }

    /// Does `work` with the source there, and nobody else's on this host: once more when
    /// one came meanwhile.
    pub(super) fn with<T>(
        &self,
        source: Source,
        mut work: impl FnMut() -> anyhow::Result<T>,
    ) -> anyhow::Result<T> {
        loop {
            self.wait_for_quiet()?;
            let attached = match source {
                Source::Absent => None,
                Source::Elsewhere => Some(attach(
                    &Config::new(TrustedPeers::private()).with_cgroup(&self.bare.path),
                )?),
                Source::Here => Some(self.attach(Config::new(TrustedPeers::private()))?),
            };
            let done = work()?;
            drop(attached);
            if !self.is_covered()? {
                return Ok(done);
            }
        }
    }

    /// Listens in the covered cgroup.
    pub(super) fn listener(&self, ip: impl Into<IpAddr>) -> io::Result<TcpListener> {
        let address = SocketAddr::new(ip.into(), 0);
        let domain = socket2::Domain::for_address(address);
        let socket = socket2::Socket::new(domain, socket2::Type::STREAM, None)?;
        socket.bind(&address.into())?;
        socket.listen(BACKLOG)?;
        Ok(socket.into())
    }

    /// Listens in the cgroup without a source: its connections are there, too.
    pub(super) fn bare_listener(&self, ip: impl Into<IpAddr>) -> anyhow::Result<TcpListener> {
        self.bare.join()?;
        let listener = self.listener(ip);
        self.covered.join()?;
        Ok(listener?)
    }

    fn wait_for_quiet(&self) -> anyhow::Result<()> {
        let end = Instant::now() + PATIENCE;
        while self.is_covered()? {
            if Instant::now() > end {
                bail!(
                    "another source answers on this host: unload it (`toa unload`, `rmmod toa`) and measure again"
                );
            }
            sleep(Duration::from_millis(100));
        }
        Ok(())
    }

    fn is_covered(&self) -> io::Result<bool> {
        let socket = self.listener(PeerDevice::KERNEL_V4)?;
        Ok(toa_core::source_info(&socket).is_ok())
    }
}

/// A directory of the cgroup v2 hierarchy.
#[derive(Debug)]
struct Cgroup {
    path: PathBuf,
    home: PathBuf,
}

impl Cgroup {
    fn make(name: &str) -> anyhow::Result<Self> {
        let root = room::cgroup_root()?;
        let own = fs::read_to_string("/proc/self/cgroup")?;
        let own = own.lines().find_map(|line| line.strip_prefix("0::/"));
        let path = root.join(format!("toa-bench-{}-{name}", process::id()));
        fs::create_dir(&path).with_context(|| format!("cannot make {}", path.display()))?;
        room::remove_at_interrupt(path.clone())?;
        Ok(Self {
            path,
            home: root.join(own.unwrap_or_default()),
        })
    }

    /// Moves this process: a socket is of the cgroup in which it is made.
    fn join(&self) -> anyhow::Result<()> {
        fs::write(self.path.join("cgroup.procs"), process::id().to_string())
            .with_context(|| format!("cannot move to {}", self.path.display()))
    }
}

impl Drop for Cgroup {
    fn drop(&mut self) {
        // Whoever is in there goes home first; a cgroup that stays is empty and harmless.
        let _ = fs::write(self.home.join("cgroup.procs"), process::id().to_string());
        let _ = fs::remove_dir(&self.path);
    }
}
