//! A stranger, the laptop balancer, and a listener of the live kernel with the source
//! loaded.

use std::cell::Cell;
use std::io::ErrorKind;
use std::net::{Ipv6Addr, SocketAddr, TcpListener, TcpStream};
use std::thread::sleep;
use std::time::{Duration, Instant};

use toa_bpf::{Config, attach};
use toa_core::abi::{INFO_HAS_ADDR, INFO_IMPLAUSIBLE};
use toa_core::{Resolver, TrustedPeers, to_canonical, to_mapped};
use toa_lab::peer::{Peer, PeerDevice};
use toa_lab::sandbox::Sandbox;
use toa_lab::{Balancer, BalancerConfig, Mode, Stats};
use toa_stress::{Balancing, forward};

const MODES: [Mode; 3] = [Mode::Nat64, Mode::Fnat44, Mode::Fnat66];
/// How long what must happen may take.
const TIMEOUT: Duration = Duration::from_secs(5);
/// Of the stranger's way to the backend.
pub(crate) const MTU: usize = 1500;

pub(crate) use Balancing::{Correct, Insecure};

/// Whom the backend sees.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Seen {
    /// The stranger, by the balancer's option.
    Stranger,
    /// The address in the stranger's own option.
    Forged,
    /// The balancer: no option arrived.
    Balancer,
    /// The balancer: the option was refused as implausible.
    Implausible,
    /// Nobody: there is no connection.
    Nobody,
}

pub(crate) struct Behind<'s> {
    pub(crate) mode: Mode,
    pub(crate) balancing: Balancing,
    pub(crate) balancer: Balancer,
    listener: TcpListener,
    pub(crate) sandbox: &'s Sandbox,
    device: &'s PeerDevice,
    next_port: Cell<u16>,
}

/// Runs the attack through both balancers in each mode, in one sandbox.
pub(crate) fn behind_every_balancer(attack: impl Fn(&Behind<'_>)) {
    let Some(sandbox) = Sandbox::enter_or_skip() else {
        return;
    };
    sandbox.cgroup().join().unwrap();
    forward(&sandbox).unwrap();
    let device = PeerDevice::open().unwrap();
    let config = Config::new(TrustedPeers::private()).with_cgroup(sandbox.cgroup().path());
    let _source = attach(&config).unwrap();
    for mode in MODES {
        for balancing in [Correct, Insecure] {
            let listener = TcpListener::bind((Ipv6Addr::UNSPECIFIED, 0)).unwrap();
            listener.set_nonblocking(true).unwrap();
            let config = BalancerConfig::new(mode, listener.local_addr().unwrap().port())
                .with_insecure_client_options(balancing == Insecure);
            attack(&Behind {
                mode,
                balancing,
                balancer: Balancer::start(config).unwrap(),
                listener,
                sandbox: &sandbox,
                device: &device,
                next_port: Cell::new(30_000),
            });
        }
    }
}

impl<'s> Behind<'s> {
    pub(crate) fn stranger(&self) -> Peer<'s> {
        let port = self.next_port.replace(self.next_port.get() + 1);
        let ip = match self.mode {
            Mode::Fnat44 => "198.51.100.7",
            _ => "2001:db8:bad::7",
        };
        let from = SocketAddr::new(ip.parse().unwrap(), port);
        self.device.peer(from, self.balancer.virtual_addr())
    }

    /// The address that the stranger would like to have, of his own family.
    pub(crate) fn forged(&self) -> SocketAddr {
        match self.mode {
            Mode::Fnat44 => "203.0.113.66:6666",
            _ => "[2001:db8::66]:6666",
        }
        .parse()
        .unwrap()
    }

    /// Of IP and TCP, without options, as the stranger sends them.
    pub(crate) fn headers(&self) -> usize {
        match self.mode {
            Mode::Fnat44 => 40,
            _ => 60,
        }
    }

    pub(crate) fn until<T>(&self, what: &str, mut attempt: impl FnMut() -> Option<T>) -> T {
        let end = Instant::now() + TIMEOUT;
        loop {
            if let Some(done) = attempt() {
                return done;
            }
            assert!(Instant::now() < end, "{self:?}: {what}");
            sleep(Duration::from_millis(1));
        }
    }

    pub(crate) fn accepted(&self) -> Option<TcpStream> {
        match self.listener.accept() {
            Ok((stream, _)) => Some(stream),
            Err(error) if error.kind() == ErrorKind::WouldBlock => None,
            Err(error) => panic!("{self:?}: {error}"),
        }
    }

    /// Whom the backend sees when this completes the handshake.
    pub(crate) fn seen(&self, stranger: &Peer<'_>) -> Seen {
        let stream = self.until("no connection", || self.accepted());
        self.seen_on(&stream, stranger)
    }

    /// Every way of asking must agree.
    pub(crate) fn seen_on(&self, stream: &TcpStream, stranger: &Peer<'_>) -> Seen {
        let info = toa_core::source_info(stream).unwrap();
        let peer = to_canonical(info.peer().unwrap());
        assert!(self.balancer.pool().contains(&peer.ip()), "{self:?} {peer}");
        let client = Resolver::new().resolve_connected(stream).unwrap().client();
        let shown = to_mapped(stream.peer_addr().unwrap());
        assert_eq!(shown, client, "{self:?}: getpeername()");
        let client = to_canonical(client);
        let flags = info.flags() & (INFO_HAS_ADDR | INFO_IMPLAUSIBLE);
        match flags {
            INFO_HAS_ADDR if client == stranger.local_addr() => Seen::Stranger,
            INFO_HAS_ADDR => Seen::Forged,
            _ => {
                assert_eq!(client, peer, "{self:?}");
                match flags {
                    0 => Seen::Balancer,
                    _ => Seen::Implausible,
                }
            }
        }
    }

    /// As `seen`, where the balancer may refuse the segment: it counts that.
    pub(crate) fn seen_or_refused(&self, stranger: &Peer<'_>, before: Stats) -> Seen {
        let refused = |stats: Stats| stats.toa_no_room + stats.too_big_sent;
        let refused = || refused(self.balancer.stats()) > refused(before);
        let stream = self.until("neither a connection nor a refusal", || {
            match self.accepted() {
                None if self.balancing == Correct && refused() => Some(None),
                None => None,
                stream => Some(stream),
            }
        });
        match stream {
            Some(stream) => self.seen_on(&stream, stranger),
            None => {
                assert!(self.accepted().is_none(), "{self:?}");
                Seen::Nobody
            }
        }
    }

    /// The third ACK of a new connection has these options.
    pub(crate) fn third_ack(&self, options: &[u8]) -> Seen {
        let mut stranger = self.stranger();
        stranger.syn(&[]).unwrap();
        stranger.syn_ack().unwrap();
        let before = self.balancer.stats();
        stranger.ack(options).unwrap();
        let seen = self.seen_or_refused(&stranger, before);
        if seen == Seen::Nobody {
            stranger.ack(&[]).unwrap();
            assert_eq!(self.seen(&stranger), Seen::Stranger, "{self:?} later");
        }
        stranger.reset(&[]).unwrap();
        seen
    }
}

impl std::fmt::Debug for Behind<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:?} {:?}", self.mode, self.balancing)
    }
}
