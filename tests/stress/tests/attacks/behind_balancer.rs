//! A stranger behind the laptop balancer, whose segments reach the backend from an
//! address that is trusted.
//!
//! Each attack is tried through a correct balancer, which overwrites its clients' own
//! options, and through one that passes them on, as balancers in use do. There, where the
//! source cannot tell, the test says so: it expects that the forged address is believed.

use std::cell::Cell;
use std::io::ErrorKind;
use std::net::{Ipv6Addr, SocketAddr, TcpListener, TcpStream};
use std::thread::sleep;
use std::time::{Duration, Instant};

use toa_bpf::{Config, attach};
use toa_core::abi::{INFO_HAS_ADDR, INFO_IMPLAUSIBLE};
use toa_core::{Resolver, TrustedPeers, to_canonical, to_mapped};
use toa_lab::peer::{Peer, PeerDevice, flags};
use toa_lab::sandbox::Sandbox;
use toa_lab::{Balancer, BalancerConfig, Mode, Stats};
use toa_stress::storm::option;

const MODES: [Mode; 3] = [Mode::Nat64, Mode::Fnat44, Mode::Fnat66];
/// How long what must happen may take.
const TIMEOUT: Duration = Duration::from_secs(5);
const MTU: usize = 1500;

/// What a balancer does with its clients' own options.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Balancing {
    /// It overwrites them, and passes no segment on that has no room for its own.
    Correct,
    /// It passes on both.
    Insecure,
}

use Balancing::{Correct, Insecure};

/// Whom the backend sees.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Seen {
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

struct Behind<'s> {
    mode: Mode,
    balancing: Balancing,
    balancer: Balancer,
    listener: TcpListener,
    sandbox: &'s Sandbox,
    device: &'s PeerDevice,
    next_port: Cell<u16>,
}

/// Runs the attack through both balancers in each mode, in one sandbox.
fn behind_every_balancer(attack: impl Fn(&Behind<'_>)) {
    let Some(sandbox) = Sandbox::enter_or_skip() else {
        return;
    };
    sandbox.cgroup().join().unwrap();
    // From the strangers' device into the balancer's.
    for forwarding in ["net/ipv4/ip_forward", "net/ipv6/conf/all/forwarding"] {
        sandbox.sysctl(forwarding, "1").unwrap();
    }
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
    fn stranger(&self) -> Peer<'s> {
        let port = self.next_port.replace(self.next_port.get() + 1);
        let ip = match self.mode {
            Mode::Fnat44 => "198.51.100.7",
            _ => "2001:db8:bad::7",
        };
        let from = SocketAddr::new(ip.parse().unwrap(), port);
        self.device.peer(from, self.balancer.virtual_addr())
    }

    /// The address that the stranger would like to have, of his own family.
    fn forged(&self) -> SocketAddr {
        match self.mode {
            Mode::Fnat44 => "203.0.113.66:6666",
            _ => "[2001:db8::66]:6666",
        }
        .parse()
        .unwrap()
    }

    /// Of IP and TCP, without options, as the stranger sends them.
    fn headers(&self) -> usize {
        match self.mode {
            Mode::Fnat44 => 40,
            _ => 60,
        }
    }

    fn until<T>(&self, what: &str, mut attempt: impl FnMut() -> Option<T>) -> T {
        let end = Instant::now() + TIMEOUT;
        loop {
            if let Some(done) = attempt() {
                return done;
            }
            assert!(Instant::now() < end, "{self:?}: {what}");
            sleep(Duration::from_millis(1));
        }
    }

    fn accepted(&self) -> Option<TcpStream> {
        match self.listener.accept() {
            Ok((stream, _)) => Some(stream),
            Err(error) if error.kind() == ErrorKind::WouldBlock => None,
            Err(error) => panic!("{self:?}: {error}"),
        }
    }

    /// Whom the backend sees when this completes the handshake.
    fn seen(&self, stranger: &Peer<'_>) -> Seen {
        let stream = self.until("no connection", || self.accepted());
        self.seen_on(&stream, stranger)
    }

    /// Every way of asking must agree.
    fn seen_on(&self, stream: &TcpStream, stranger: &Peer<'_>) -> Seen {
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
    fn seen_or_refused(&self, stranger: &Peer<'_>, before: Stats) -> Seen {
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
    fn third_ack(&self, options: &[u8]) -> Seen {
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

#[test]
fn a_list_filled_behind_the_balancer_names_nobody_else() {
    behind_every_balancer(|behind| {
        for forged in ["203.0.113.66:6666", "[2001:db8::66]:6666"] {
            let forged = option(forged.parse().unwrap());
            let room = 40 - forged.len();
            for padding in [vec![1; room], vec![0; room]] {
                let expected = match behind.balancing {
                    Correct => Seen::Stranger,
                    Insecure => Seen::Implausible,
                };
                let seen = behind.third_ack(&[&forged[..], &padding].concat());
                assert_eq!(seen, expected, "{behind:?} {forged:?}");
            }
            // An option that means something to somebody is no padding.
            let filler = [&[252, room as u8], &[7; 40][..room - 2]].concat();
            let seen = behind.third_ack(&[&forged[..], &filler].concat());
            let ours = option(behind.forged()).len();
            let expected = match behind.balancing {
                Insecure => Seen::Implausible,
                Correct if room + ours > 40 => Seen::Nobody,
                Correct if room + 2 * ours > 40 => Seen::Implausible,
                Correct => Seen::Stranger,
            };
            assert_eq!(seen, expected, "{behind:?} {forged:?}");
        }
    });
}

/// What a normal stack behind an honest balancer sends looks the same to the source:
/// an IPv6 address and timestamps.
#[test]
fn a_forged_option_beside_timestamps_is_ended_by_a_correct_balancer_alone() {
    behind_every_balancer(|behind| {
        let stamps = |value: u32, echo: u32| {
            let (value, echo) = (value.to_be_bytes(), echo.to_be_bytes());
            [&[1, 1, 8, 10][..], &value, &echo].concat()
        };
        let mut stranger = behind.stranger();
        stranger.syn(&stamps(1, 0)).unwrap();
        let answer = stranger.syn_ack().unwrap().options;
        let at = answer.windows(2).position(|two| two == [8, 10]).unwrap();
        let echo = u32::from_be_bytes(answer[at + 2..at + 6].try_into().unwrap());
        let options = [option(behind.forged()), stamps(2, echo)].concat();
        stranger.ack(&options).unwrap();
        let expected = match (behind.balancing, behind.mode) {
            // An IPv4 address leaves the balancer's own option its room, which comes first.
            (Correct, _) | (Insecure, Mode::Fnat44) => Seen::Stranger,
            (Insecure, _) => Seen::Forged,
        };
        assert_eq!(behind.seen(&stranger), expected, "{behind:?}");
        stranger.reset(&[]).unwrap();
    });
}

/// The data completes the handshake, as when the ACK before it was lost.
#[test]
fn a_first_segment_too_long_for_the_option_is_ended_by_a_correct_balancer_alone() {
    behind_every_balancer(|behind| {
        let forged = option(behind.forged());
        let mut stranger = behind.stranger();
        stranger.syn(&[]).unwrap();
        stranger.syn_ack().unwrap();
        let long = vec![b'x'; MTU - behind.headers() - forged.len()];
        stranger.data(&forged, &long).unwrap();
        let expected = match (behind.balancing, behind.mode) {
            // What the stranger's option took is the room for the balancer's.
            (Correct, _) => Seen::Stranger,
            // The backend's IPv4 header is shorter: the balancer's option comes first.
            (Insecure, Mode::Nat64) => Seen::Implausible,
            (Insecure, _) => Seen::Forged,
        };
        assert_eq!(behind.seen(&stranger), expected, "{behind:?}");
        stranger.reset(&[]).unwrap();

        // Without an option: to come as the balancer itself.
        let mut stranger = behind.stranger();
        stranger.syn(&[]).unwrap();
        stranger.syn_ack().unwrap();
        let before = behind.balancer.stats();
        let long = vec![b'x'; MTU - behind.headers()];
        let first = stranger.sequence;
        stranger.data(&[], &long).unwrap();
        let expected = match (behind.balancing, behind.mode) {
            (_, Mode::Nat64) => Seen::Stranger,
            (Correct, _) => Seen::Nobody,
            (Insecure, _) => Seen::Balancer,
        };
        let seen = behind.seen_or_refused(&stranger, before);
        assert_eq!(seen, expected, "{behind:?}");
        if seen == Seen::Nobody {
            stranger.sequence = first;
            stranger.data(&[], &long[20..]).unwrap();
            assert_eq!(behind.seen(&stranger), Seen::Stranger, "{behind:?}");
        }
        stranger.reset(&[]).unwrap();
    });
}

/// Under SYN cookies the kernel takes several acknowledgement numbers, of which the
/// balancer knows one.
#[test]
fn the_ack_of_another_syn_cookie_is_ended_by_a_correct_balancer_alone() {
    behind_every_balancer(|behind| {
        let sandbox = behind.sandbox;
        sandbox.sysctl("net/ipv4/tcp_syncookies", "2").unwrap();
        let forged = option(behind.forged());
        let expected = match behind.balancing {
            Correct => Seen::Balancer,
            Insecure => Seen::Forged,
        };
        // Neighbours encode another segment size, or none.
        let mut connections = 0;
        for off in [1, 2, 3, u32::MAX, u32::MAX - 1, 1 << 24] {
            let mut stranger = behind.stranger();
            stranger.syn(&[]).unwrap();
            stranger.syn_ack().unwrap();
            stranger.acknowledgment = stranger.acknowledgment.wrapping_add(off);
            stranger.ack(&forged).unwrap();
            let stream = behind.until("neither a connection nor a reset", || {
                let reset = |stranger: &Peer<'_>| {
                    let answer = stranger.receive(Duration::from_millis(1)).unwrap();
                    answer.is_some_and(|segment| segment.flags & flags::RST != 0)
                };
                match behind.accepted() {
                    None => reset(&stranger).then_some(None),
                    stream => Some(stream),
                }
            });
            if let Some(stream) = stream {
                let seen = behind.seen_on(&stream, &stranger);
                assert_eq!(seen, expected, "{behind:?} {off}");
                connections += 1;
                stranger.reset(&[]).unwrap();
            }
        }
        assert!(connections > 0, "{behind:?}: no neighbour was taken");

        // The older of two cookies.
        let mut stranger = behind.stranger();
        stranger.syn(&[]).unwrap();
        stranger.syn_ack().unwrap();
        let older = (stranger.sequence, stranger.acknowledgment);
        stranger.sequence += 5000;
        stranger.syn(&[]).unwrap();
        stranger.syn_ack().unwrap();
        assert_ne!(stranger.acknowledgment, older.1);
        (stranger.sequence, stranger.acknowledgment) = older;
        stranger.ack(&forged).unwrap();
        assert_eq!(behind.seen(&stranger), expected, "{behind:?} older");
        stranger.reset(&[]).unwrap();
        sandbox.sysctl("net/ipv4/tcp_syncookies", "1").unwrap();
    });
}

#[test]
fn forty_bytes_of_padding_hide_nobody_behind_a_correct_balancer() {
    behind_every_balancer(|behind| {
        for padding in [[1; 40], [0; 40]] {
            let expected = match behind.balancing {
                Correct => Seen::Stranger,
                Insecure => Seen::Balancer,
            };
            assert_eq!(behind.third_ack(&padding), expected, "{behind:?}");
        }
    });
}
