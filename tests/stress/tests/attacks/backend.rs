//! What an attack is aimed at: a listener of the live kernel with the source loaded.

use std::cell::Cell;
use std::io::{ErrorKind, Read};
use std::net::{IpAddr, SocketAddr, TcpListener, TcpStream};
use std::thread::sleep;
use std::time::{Duration, Instant};

use toa_bpf::{Attached, Config, Counters, attach};
use toa_core::TrustedPeers;
use toa_core::abi::{INFO_HAS_ADDR, INFO_IMPLAUSIBLE, INFO_INVALID, INFO_UNTRUSTED};
use toa_core::{Resolver, to_canonical, to_mapped};
use toa_lab::peer::{Peer, PeerDevice};
use toa_lab::sandbox::Sandbox;
use toa_stress::storm::AddressPath;

/// How long a connection that must be accepted may take.
const ACCEPT_TIMEOUT: Duration = Duration::from_secs(5);

pub(crate) struct Backend<'s> {
    pub(crate) sandbox: &'s Sandbox,
    pub(crate) device: &'s PeerDevice,
    pub(crate) path: AddressPath,
    pub(crate) listener: TcpListener,
    source: &'s Attached,
    before: Cell<Counters>,
    next_port: Cell<u16>,
}

/// What every way of asking must answer about a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Expected {
    /// This client.
    Client(SocketAddr),
    /// The peer: no option where it counts.
    NoOption,
    /// The peer: the option came from an untrusted peer.
    Untrusted,
    /// The peer: the option was invalid.
    Invalid,
    /// The peer: the option list left the balancer no room.
    Implausible,
}

/// Runs the attack on each address path, in one sandbox.
pub(crate) fn on_every_path(attack: impl Fn(&Backend<'_>)) {
    on_paths(&AddressPath::ALL, attack);
}

pub(crate) fn on_paths(paths: &[AddressPath], attack: impl Fn(&Backend<'_>)) {
    let Some(sandbox) = Sandbox::enter_or_skip() else {
        return;
    };
    sandbox.cgroup().join().unwrap();
    let device = PeerDevice::open().unwrap();
    let config = Config::new(TrustedPeers::private()).with_cgroup(sandbox.cgroup().path());
    let source = attach(&config).unwrap();
    for &path in paths {
        attack(&Backend {
            sandbox: &sandbox,
            device: &device,
            path,
            listener: path.listen().unwrap(),
            source: &source,
            before: Cell::new(source.status().unwrap().counters),
            next_port: Cell::new(30_000),
        });
    }
}

impl<'s> Backend<'s> {
    /// The same with a new listener, for settings that listen() reads.
    pub(crate) fn with_new_listener(&self) -> Backend<'s> {
        Backend {
            listener: self.path.listen().unwrap(),
            before: self.before.clone(),
            next_port: self.next_port.clone(),
            ..*self
        }
    }

    /// A peer at a port that was not used yet.
    pub(crate) fn peer(&self, from: IpAddr) -> Peer<'s> {
        let port = self.next_port.replace(self.next_port.get() + 1);
        self.device.peer(SocketAddr::new(from, port), self.server())
    }

    pub(crate) fn server(&self) -> SocketAddr {
        self.path.server(self.listener.local_addr().unwrap().port())
    }

    pub(crate) fn trusted_peer(&self) -> Peer<'s> {
        self.peer(self.path.trusted(1))
    }

    pub(crate) fn untrusted_peer(&self) -> Peer<'s> {
        self.peer(self.path.untrusted())
    }

    pub(crate) fn accept(&self) -> TcpStream {
        let end = Instant::now() + ACCEPT_TIMEOUT;
        loop {
            match self.listener.accept() {
                Ok((stream, _)) => return stream,
                Err(error) if error.kind() == ErrorKind::WouldBlock && Instant::now() < end => {
                    sleep(Duration::from_millis(1));
                }
                Err(error) => panic!("{:?}: no connection: {error}", self.path),
            }
        }
    }

    /// No connection can be accepted. The kernel handles a segment before the device takes
    /// the next one, so there is nothing to wait for.
    pub(crate) fn expect_no_connection(&self) {
        let error = self.listener.accept().map(drop).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::WouldBlock, "{:?}", self.path);
    }

    /// Every way of asking gives this answer.
    pub(crate) fn expect(&self, stream: &TcpStream, peer: &Peer<'_>, expected: Expected) {
        let path = self.path;
        let info = toa_core::source_info(stream).unwrap();
        assert_eq!(info.peer(), Some(to_mapped(peer.local_addr())), "{path:?}");
        let outcome =
            info.flags() & (INFO_HAS_ADDR | INFO_UNTRUSTED | INFO_INVALID | INFO_IMPLAUSIBLE);
        let (client, flags) = match expected {
            Expected::Client(client) => (client, INFO_HAS_ADDR),
            Expected::NoOption => (peer.local_addr(), 0),
            Expected::Untrusted => (peer.local_addr(), INFO_UNTRUSTED),
            Expected::Invalid => (peer.local_addr(), INFO_INVALID),
            Expected::Implausible => (peer.local_addr(), INFO_IMPLAUSIBLE),
        };
        assert_eq!(outcome, flags, "{path:?} {expected:?}");
        let known = Resolver::new().resolve_connected(stream).unwrap();
        assert_eq!(known.client(), to_mapped(client), "{path:?} {expected:?}");
        let shown = to_canonical(to_mapped(stream.peer_addr().unwrap()));
        assert_eq!(shown, client, "{path:?} getpeername() {expected:?}");
    }

    /// Opens a connection whose completing segment has these options, and checks it.
    pub(crate) fn expect_from(&self, mut peer: Peer<'_>, options: &[u8], expected: Expected) {
        peer.connect(&[], options).unwrap();
        let stream = self.accept();
        self.expect(&stream, &peer, expected);
        peer.reset(&[]).unwrap();
    }

    /// What `stream` has received so far.
    pub(crate) fn expect_data(&self, mut stream: &TcpStream, data: &[u8]) {
        stream.set_read_timeout(Some(ACCEPT_TIMEOUT)).unwrap();
        let mut received = vec![0; data.len()];
        stream.read_exact(&mut received).unwrap();
        assert_eq!(received, data, "{:?}", self.path);
    }

    /// Since the last call these counters moved by so much, and no other that counts
    /// passive opens did. Without an address is either not sent or refused.
    pub(crate) fn expect_counted(&self, moved: &[(&str, u64)]) {
        let now = self.source.status().unwrap().counters;
        let before = self.before.replace(now);
        let without = |of: &Counters| {
            let refused = of.untrusted + of.invalid + of.foreign + of.implausible;
            of.syn_recv_sock_no_toa - refused - of.store_failed
        };
        assert_eq!(now.not_sent, without(&now), "{:?}", self.path);
        let opens = now.iter().zip(before.iter()).filter(|((name, _), _)| {
            !name.starts_with("getname") && !name.starts_with("ip6_address") && *name != "not_sent"
        });
        let found: Vec<_> = opens
            .map(|((name, now), (_, before))| (name, now - before))
            .filter(|(_, by)| *by > 0)
            .collect();
        assert_eq!(found, moved, "{:?}", self.path);
    }

    /// After the attack a genuine client still has its address.
    pub(crate) fn expect_still_works(&self) {
        let client = self.path.client(4242);
        let options = toa_stress::storm::option(client);
        self.expect_from(self.trusted_peer(), &options, Expected::Client(client));
    }
}

pub(crate) const WITH_ADDRESS: (&str, u64) = ("syn_recv_sock_toa", 1);
pub(crate) const WITHOUT: (&str, u64) = ("syn_recv_sock_no_toa", 1);
/// A connection that opened without an option, and to which one was sent later.
pub(crate) const LATE: (&str, u64) = ("late", 1);
