//! A sandbox with a device for hand-made peers, and a pin directory: all gone after
//! the test, also when it fails.
#![allow(dead_code, reason = "each test file uses its part")]
#![allow(
    clippy::unwrap_used,
    reason = "an unwrap here fails the test that called"
)]

use std::collections::BTreeSet;
use std::fs;
use std::net::{IpAddr, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::thread::sleep;
use std::time::{Duration, Instant};

use toa_bpf::{Config, Pins};
use toa_core::TrustedPeers;
use toa_core::abi::ToaInfo;
use toa_lab::peer::{Peer, PeerDevice};
use toa_lab::sandbox::Sandbox;

/// 203.0.113.7:12345 by kind 254.
pub(crate) const CLIENT: [u8; 8] = [254, 8, 0x30, 0x39, 203, 0, 113, 7];
pub(crate) const CLIENT_ADDR: &str = "[::ffff:203.0.113.7]:12345";

pub(crate) struct Host {
    pub(crate) device: PeerDevice,
    pub(crate) cgroup: PathBuf,
    pub(crate) pin_dir: PathBuf,
    /// Whether another source covers this process too.
    pub(crate) others: bool,
    before: BTreeSet<String>,
    next_port: std::cell::Cell<u16>,
    _sandbox: Sandbox,
}

impl Host {
    pub(crate) fn enter_or_skip() -> Option<Self> {
        let sandbox = Sandbox::enter_or_skip()?;
        let cgroup = sandbox.cgroup().path().to_owned();
        let mut host = Self {
            device: PeerDevice::open().unwrap(),
            pin_dir: Path::new("/sys/fs/bpf").join(cgroup.file_name().unwrap()),
            others: false,
            before: loaded(),
            next_port: 20_000.into(),
            _sandbox: sandbox,
            cgroup,
        };
        fs::create_dir(host.cgroup.join("inner")).unwrap();
        join(&host.cgroup);
        host.others = toa_core::source_info(&host.listener()).is_ok();
        Some(host)
    }

    pub(crate) fn config(&self) -> Config {
        Config::new(TrustedPeers::private()).with_cgroup(&self.cgroup)
    }

    pub(crate) fn pins(&self) -> Pins {
        Pins::at(&self.pin_dir)
    }

    pub(crate) fn listener(&self) -> TcpListener {
        TcpListener::bind((PeerDevice::KERNEL_V4, 0)).unwrap()
    }

    /// Opens a connection from `from` with these options in the completing segment.
    pub(crate) fn open(
        &self,
        listener: &TcpListener,
        from: impl Into<IpAddr>,
        options: &[u8],
    ) -> (TcpStream, SocketAddr, Peer<'_>) {
        let port = self.next_port.get();
        self.next_port.set(port.checked_add(1).unwrap_or(20_000));
        let to = listener.local_addr().unwrap();
        let mut peer = self.device.peer(SocketAddr::new(from.into(), port), to);
        peer.connect(&[], options).unwrap();
        let (stream, accepted) = listener.accept().unwrap();
        (stream, accepted, peer)
    }

    /// From a trusted balancer, with [`CLIENT`] in the option.
    pub(crate) fn open_via_balancer(
        &self,
        listener: &TcpListener,
    ) -> (TcpStream, SocketAddr, Peer<'_>) {
        self.open(listener, [192, 168, 7, 7], &CLIENT)
    }

    /// Programs and maps of ours that were not there when the test began.
    pub(crate) fn left(&self) -> BTreeSet<String> {
        loaded().difference(&self.before).cloned().collect()
    }

    /// The kernel frees programs and maps a moment after their last user is gone.
    pub(crate) fn expect_nothing_left(&self) {
        let end = Instant::now() + Duration::from_secs(10);
        while !self.left().is_empty() && Instant::now() < end {
            sleep(Duration::from_millis(20));
        }
        assert_eq!(self.left(), BTreeSet::new());
        assert!(!self.pin_dir.exists());
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        let _ = self.pins().unload();
    }
}

/// Moves this process: its sockets belong to the cgroup in which they are made.
pub(crate) fn join(cgroup: &Path) {
    toa_lab::cgroup::join(cgroup).unwrap();
}

/// What one of our sources says about this socket.
pub(crate) fn ask(stream: &TcpStream) -> ToaInfo {
    toa_core::source_info(stream).unwrap()
}

pub(crate) fn client_of(stream: &TcpStream) -> Option<String> {
    ask(stream).client().map(|client| client.to_string())
}

fn loaded() -> BTreeSet<String> {
    let ours = |name: Option<&str>| name.is_some_and(|name| name.starts_with("toa_"));
    let programs = aya::programs::loaded_programs()
        .flatten()
        .filter(|program| ours(program.name_as_str()))
        .map(|program| {
            format!(
                "program {} {}",
                program.id(),
                program.name_as_str().unwrap()
            )
        });
    let maps = aya::maps::loaded_maps()
        .flatten()
        .filter(|map| ours(map.name_as_str()))
        .map(|map| format!("map {} {}", map.id(), map.name_as_str().unwrap()));
    programs.chain(maps).collect()
}
