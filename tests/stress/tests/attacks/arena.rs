//! Where an attack happens: a listener of the live kernel with the source loaded.

use std::cell::Cell;
use std::io::{ErrorKind, Read};
use std::net::{IpAddr, SocketAddr, TcpListener, TcpStream};
use std::thread::sleep;
use std::time::{Duration, Instant};

use toa_bpf::{Attached, Counters, attach};
use toa_core::abi::{INFO_HAS_ADDR, INFO_IMPLAUSIBLE, INFO_INVALID, INFO_UNTRUSTED};
use toa_core::{Policy, to_canonical, to_mapped};
use toa_lab::netns::Namespace;
use toa_lab::peer::Peer;
use toa_stress::storm::{Ground, Side};

/// How long a connection that must come may take.
const PATIENCE: Duration = Duration::from_secs(5);

pub(crate) struct Arena<'g> {
    pub(crate) ground: &'g Ground,
    pub(crate) side: Side,
    pub(crate) listener: TcpListener,
    source: &'g Attached,
    before: Cell<Counters>,
    next_port: Cell<u16>,
}

/// What a server must be told about a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    /// This client, with this peer behind it.
    Client(SocketAddr),
    /// The peer: no option was sent, or none where it counts.
    NoOption,
    /// The peer: the option was refused.
    Untrusted,
    /// The same.
    Invalid,
    /// The same.
    Implausible,
}

/// Runs the attack on each side, in a network namespace of its own. A run is
/// named by the counters that move; the others must stand still.
pub(crate) fn on_every_side(attack: impl Fn(&Arena<'_>)) {
    on_sides(&Side::ALL, attack);
}

pub(crate) fn on_sides(sides: &[Side], attack: impl Fn(&Arena<'_>)) {
    let Some(namespace) = Namespace::enter_or_skip() else {
        return;
    };
    let ground = Ground::take(namespace).unwrap();
    let source = attach(&ground.config()).unwrap();
    for &side in sides {
        attack(&Arena {
            ground: &ground,
            side,
            listener: side.listen().unwrap(),
            source: &source,
            before: Cell::new(source.status().unwrap().counters),
            next_port: Cell::new(30_000),
        });
    }
}

impl<'g> Arena<'g> {
    /// The same with another listener, for settings that listen() looks at.
    pub(crate) fn with_new_listener(&self) -> Arena<'g> {
        Arena {
            listener: self.side.listen().unwrap(),
            before: self.before.clone(),
            next_port: self.next_port.clone(),
            ..*self
        }
    }

    /// A peer at a port that was not used yet.
    pub(crate) fn peer(&self, from: IpAddr) -> Peer<'g> {
        let port = self.next_port.replace(self.next_port.get() + 1);
        self.ground
            .device
            .peer(SocketAddr::new(from, port), self.server())
    }

    pub(crate) fn server(&self) -> SocketAddr {
        self.side.server(self.listener.local_addr().unwrap().port())
    }

    pub(crate) fn trusted(&self) -> Peer<'g> {
        self.peer(self.side.trusted(1))
    }

    pub(crate) fn stranger(&self) -> Peer<'g> {
        self.peer(self.side.stranger())
    }

    pub(crate) fn accept(&self) -> TcpStream {
        let end = Instant::now() + PATIENCE;
        loop {
            match self.listener.accept() {
                Ok((stream, _)) => return stream,
                Err(error) if error.kind() == ErrorKind::WouldBlock && Instant::now() < end => {
                    sleep(Duration::from_millis(1));
                }
                Err(error) => panic!("{:?}: no connection: {error}", self.side),
            }
        }
    }

    /// Nobody is in the queue. A segment is dealt with before the device takes the
    /// next one, so there is nothing to wait for.
    pub(crate) fn expect_nobody(&self) {
        let error = self.listener.accept().map(drop).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::WouldBlock, "{:?}", self.side);
    }

    /// Every way to ask gives this answer.
    pub(crate) fn expect(&self, stream: &TcpStream, peer: &Peer<'_>, answer: Answer) {
        let side = self.side;
        let info = toa_core::source_info(stream).unwrap();
        assert_eq!(info.peer(), Some(to_mapped(peer.local_addr())), "{side:?}");
        let outcome =
            info.flags & (INFO_HAS_ADDR | INFO_UNTRUSTED | INFO_INVALID | INFO_IMPLAUSIBLE);
        let (client, flags) = match answer {
            Answer::Client(client) => (client, INFO_HAS_ADDR),
            Answer::NoOption => (peer.local_addr(), 0),
            Answer::Untrusted => (peer.local_addr(), INFO_UNTRUSTED),
            Answer::Invalid => (peer.local_addr(), INFO_INVALID),
            Answer::Implausible => (peer.local_addr(), INFO_IMPLAUSIBLE),
        };
        assert_eq!(outcome, flags, "{side:?} {answer:?}");
        let known = toa_core::lookup(stream, &Policy::default()).unwrap();
        assert_eq!(known.client(), to_mapped(client), "{side:?} {answer:?}");
        let shown = to_canonical(to_mapped(stream.peer_addr().unwrap()));
        assert_eq!(shown, client, "{side:?} getpeername() {answer:?}");
    }

    /// A whole connection whose completing segment has these options.
    pub(crate) fn expect_of(&self, mut peer: Peer<'_>, options: &[u8], answer: Answer) {
        peer.connect(&[], options).unwrap();
        let stream = self.accept();
        self.expect(&stream, &peer, answer);
        peer.reset(&[]).unwrap();
    }

    /// What `stream` has received so far.
    pub(crate) fn expect_data(&self, mut stream: &TcpStream, data: &[u8]) {
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        let mut received = vec![0; data.len()];
        stream.read_exact(&mut received).unwrap();
        assert_eq!(received, data, "{:?}", self.side);
    }

    /// These counters moved since the last call, by so much; no other one that
    /// counts passive opens did.
    pub(crate) fn expect_counted(&self, moved: &[(&str, u64)]) {
        let now = self.source.status().unwrap().counters;
        let before = self.before.replace(now);
        let opens = now.iter().zip(before.iter()).filter(|((name, _), _)| {
            !name.starts_with("getname") && !name.starts_with("ip6_address")
        });
        let found: Vec<_> = opens
            .map(|((name, now), (_, before))| (name, now - before))
            .filter(|(_, by)| *by > 0)
            .collect();
        assert_eq!(found, moved, "{:?}", self.side);
    }

    /// After the attack, and in spite of it, a genuine client has its address.
    pub(crate) fn expect_works(&self) {
        let client = self.side.client(4242);
        let options = toa_stress::storm::option(client);
        self.expect_of(self.trusted(), &options, Answer::Client(client));
    }
}

pub(crate) const WITH_ADDRESS: (&str, u64) = ("syn_recv_sock_toa", 1);
pub(crate) const WITHOUT: (&str, u64) = ("syn_recv_sock_no_toa", 1);
