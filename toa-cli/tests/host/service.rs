//! A service under a source of its own, with hand-made peers.

use std::cell::Cell;
use std::net::{TcpListener, TcpStream};
use std::process::{Command, Output};

use toa_lab::peer::{Peer, PeerDevice};
use toa_lab::sandbox::Sandbox;

use super::{TOA, pins, stderr, toa};

/// 203.0.113.7:12345 by kind 254.
pub(crate) const CLIENT: [u8; 8] = [254, 8, 0x30, 0x39, 203, 0, 113, 7];
pub(crate) const BALANCER: [u8; 4] = [192, 168, 7, 7];
pub(crate) const STRANGER: [u8; 4] = [198, 51, 100, 7];

/// A service under a source of its own: this very process.
pub(crate) struct Service {
    pub(crate) listener: TcpListener,
    pub(crate) device: PeerDevice,
    next_port: Cell<u16>,
    sandbox: Sandbox,
}

impl Service {
    pub(crate) fn start() -> Option<Self> {
        let sandbox = Sandbox::enter_or_skip()?;
        let device = PeerDevice::open().unwrap();
        sandbox.cgroup().join().unwrap();
        Some(Self {
            listener: TcpListener::bind((PeerDevice::KERNEL_V4, 0)).unwrap(),
            device,
            next_port: Cell::new(20_000),
            sandbox,
        })
    }

    pub(crate) fn start_covered() -> Option<Self> {
        let this = Self::start()?;
        let load = toa(&["load", "--trust", "private", "--cgroup", &this.cgroup()]);
        assert!(load.status.success(), "{}", stderr(&load));
        Some(this)
    }

    pub(crate) fn cgroup(&self) -> String {
        self.sandbox.cgroup().path().to_str().unwrap().to_owned()
    }

    pub(crate) fn port(&self) -> String {
        self.listener.local_addr().unwrap().port().to_string()
    }

    pub(crate) fn accept(&self, from: [u8; 4], options: &[u8]) -> (TcpStream, Peer<'_>) {
        let port = self.next_port.replace(self.next_port.get() + 1);
        let to = self.listener.local_addr().unwrap();
        let mut peer = self.device.peer((from, port).into(), to);
        peer.connect(&[], options).unwrap();
        (self.listener.accept().unwrap().0, peer)
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        toa(&["unload"]);
        assert!(!pins().exists());
    }
}

/// As root with these capabilities alone.
pub(crate) fn with_capabilities(capabilities: &str, args: &[&str]) -> Output {
    Command::new("setpriv")
        .args([
            format!("--bounding-set={capabilities}"),
            "--inh-caps=-all".to_owned(),
        ])
        .arg(TOA)
        .args(args)
        .output()
        .unwrap()
}
