//! Where the source itself is measured: a sandbox, and a second cgroup without a source.

use std::io;
use std::net::{IpAddr, SocketAddr, TcpListener};
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::bail;
use toa_bpf::{Attached, Config, attach};
use toa_core::TrustedPeers;
use toa_lab::cgroup::Cgroup;
use toa_lab::peer::PeerDevice;
use toa_lab::sandbox::Sandbox;

use crate::sandbox::{self, BACKLOG};

/// How long to wait for another source on this machine, such as that of a test, to go.
const TIMEOUT: Duration = Duration::from_secs(120);

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

/// A namespace, and a cgroup in which a source is (`covered`) beside one in which none is
/// (`bare`). This process is in the covered one.
#[derive(Debug)]
pub(super) struct SourceSandbox {
    device: PeerDevice,
    bare: Cgroup,
    covered: Sandbox,
}

impl SourceSandbox {
    pub(super) fn enter() -> anyhow::Result<Self> {
        let covered = sandbox::enter()?;
        covered.cgroup().join()?;
        Ok(Self {
            device: PeerDevice::open()?,
            bare: Cgroup::create()?,
            covered,
        })
    }

    pub(super) fn device(&self) -> &PeerDevice {
        &self.device
    }

    /// The source as configured, on the covered cgroup.
    pub(super) fn attach(&self, config: Config) -> anyhow::Result<Attached> {
        Ok(attach(&config.with_cgroup(self.covered.cgroup().path()))?)
    }

    /// Does `work` with the source there and no other on this host, and repeats it when
    /// another was loaded meanwhile.
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
                    &Config::new(TrustedPeers::private()).with_cgroup(self.bare.path()),
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

    /// Listens in the cgroup without a source, to which its connections belong, too.
    pub(super) fn bare_listener(&self, ip: impl Into<IpAddr>) -> anyhow::Result<TcpListener> {
        self.bare.join()?;
        let listener = self.listener(ip);
        self.covered.cgroup().join()?;
        Ok(listener?)
    }

    fn wait_for_quiet(&self) -> anyhow::Result<()> {
        let end = Instant::now() + TIMEOUT;
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
