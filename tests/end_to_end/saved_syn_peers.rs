//! SYNs made by hand against a listener that reads them: what is believed, and what a SYN
//! cannot prove.

use std::net::{IpAddr, SocketAddr, TcpListener, TcpStream};

use toa_core::{ClientAddr, Resolver, SavedSyn};
use toa_lab::peer::{Peer, PeerDevice, flags};
use toa_lab::raw_packet::{Extras, Tcp};

use crate::support::sandbox;

/// 203.0.113.7:12345
const GOOD: [u8; 8] = [254, 8, 0x30, 0x39, 203, 0, 113, 7];
/// 192.0.2.9:80
const OTHER: [u8; 8] = [254, 8, 0, 80, 192, 0, 2, 9];
/// Segment size, SACK permitted, timestamps, window scale.
const NORMAL: [u8; 20] = [
    2, 4, 5, 180, 4, 2, 8, 10, 1, 2, 3, 4, 0, 0, 0, 0, 1, 3, 3, 7,
];
/// [2001:db8::7]:80
const IPV6: [u8; 20] = [
    254, 20, 0, 80, 0x20, 1, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 7,
];

const BALANCERS: [&str; 2] = ["10.9.0.7:4711", "[fd00:9::7]:4711"];

/// A listener that believes [`BALANCERS`].
struct Backend {
    listener: TcpListener,
    resolver: Resolver,
}

impl Backend {
    fn listen(ip: IpAddr) -> Self {
        let listener = TcpListener::bind((ip, 0)).unwrap();
        let saved_syn = SavedSyn::insecure_trusting("10.9.0.0/16,fd00:9::/64".parse().unwrap());
        let resolver = Resolver::new()
            .with_saved_syn(saved_syn, &listener)
            .unwrap();
        Self { listener, resolver }
    }

    /// One for each family, with the balancer's address.
    fn both() -> [(Self, SocketAddr); 2] {
        BALANCERS.map(|from| {
            let from: SocketAddr = from.parse().unwrap();
            let ip = match from {
                SocketAddr::V4(_) => PeerDevice::KERNEL_V4.into(),
                SocketAddr::V6(_) => PeerDevice::KERNEL_V6.into(),
            };
            (Self::listen(ip), from)
        })
    }

    fn addr(&self) -> SocketAddr {
        self.listener.local_addr().unwrap()
    }

    fn accept(&self) -> (TcpStream, ClientAddr) {
        let (stream, peer) = self.listener.accept().unwrap();
        let client = self.resolver.resolve(&stream, peer);
        (stream, client)
    }

    /// The client of a connection with these options in its SYN.
    fn client_of(&self, device: &PeerDevice, from: SocketAddr, syn: &[u8]) -> ClientAddr {
        let mut peer = device.peer(from, self.addr());
        peer.connect(syn, &[]).unwrap();
        let (_stream, client) = self.accept();
        peer.reset(&[]).unwrap();
        client
    }
}

#[test]
fn each_syn_is_answered_by_what_stands_in_it() {
    let Some(_sandbox) = sandbox() else { return };
    let device = PeerDevice::open().unwrap();
    let full = [&IPV6[..], &[1; 20]].concat();
    for (backend, balancer) in Backend::both() {
        for (syn, expected) in [
            (&GOOD[..], "203.0.113.7:12345 (toa_syn"),
            (&[&GOOD[..], &NORMAL].concat(), "203.0.113.7:12345 (toa_syn"),
            (&[&NORMAL[..], &GOOD].concat(), "203.0.113.7:12345 (toa_syn"),
            (&[&IPV6[..], &NORMAL].concat(), "[2001:db8::7]:80 (toa_syn"),
            (&[GOOD, OTHER].concat(), "203.0.113.7:12345 (toa_syn"),
            (&[OTHER, GOOD].concat(), "192.0.2.9:80 (toa_syn"),
            (&NORMAL, "(not_sent)"),
            (&[], "(not_sent)"),
            (&[254, 4, 0, 80], "(foreign)"),
            (&[254, 0, 0, 80], "(invalid)"),
            (&[254, 8, 0, 80], "(invalid)"),
            (&[254, 8, 0, 80, 127, 0, 0, 1], "(invalid)"),
            (&full, "(implausible)"),
            // On the same listener, after all that.
            (&[], "(not_sent)"),
        ] {
            let client = backend.client_of(&device, balancer, syn);
            let told = client.to_string();
            assert!(told.contains(expected), "{syn:?}: {told} is not {expected}");
            assert_eq!(client.peer_canonical(), balancer);
        }
    }
}

#[test]
fn a_stranger_is_not_believed_whatever_the_syn_says() {
    let Some(_sandbox) = sandbox() else { return };
    let device = PeerDevice::open().unwrap();
    let strangers = ["10.8.255.255:4711", "[fd00:9:0:1::7]:4711"];
    for ((backend, _), stranger) in Backend::both().into_iter().zip(strangers) {
        let stranger: SocketAddr = stranger.parse().unwrap();
        for syn in [&GOOD[..], &[254, 0, 0, 80], &[254, 8, 0, 80, 127, 0, 0, 1]] {
            let client = backend.client_of(&device, stranger, syn);
            assert_eq!(client.to_string(), format!("{stranger} (untrusted)"));
        }
    }
}

#[test]
fn neither_the_ack_nor_later_data_is_read() {
    let Some(_sandbox) = sandbox() else { return };
    let device = PeerDevice::open().unwrap();
    for (backend, balancer) in Backend::both() {
        for (syn, expected) in [
            (&[][..], format!("{balancer} (not_sent)")),
            (
                &GOOD,
                format!("203.0.113.7:12345 (toa_syn, peer {balancer})"),
            ),
        ] {
            let mut peer = device.peer(balancer, backend.addr());
            peer.connect(syn, &OTHER).unwrap();
            peer.data(&OTHER, b"hello").unwrap();
            let (_stream, client) = backend.accept();
            assert_eq!(client.to_string(), expected);
            peer.reset(&[]).unwrap();
        }
    }
}

#[test]
fn ip_options_and_extension_headers_do_not_hide_the_option() {
    let Some(_sandbox) = sandbox() else { return };
    let device = PeerDevice::open().unwrap();
    // One option that nobody knows and everybody passes over.
    let header = |len: u8| {
        [
            &[len / 8 - 1, 0x1e, len - 4][..],
            &vec![0; usize::from(len) - 4],
        ]
        .concat()
    };
    for (backend, balancer) in Backend::both() {
        for extras in [
            Extras::default(),
            Extras {
                v4_options: vec![1; 40],
                v6_headers: vec![(0, header(8)), (60, header(64)), (60, header(64))],
                fragment: None,
            },
            // A fragment header of a packet in one piece.
            Extras {
                fragment: Some((0, 7)),
                ..Extras::default()
            },
        ] {
            let mut peer = device.peer(balancer, backend.addr());
            send_syn(&mut peer, balancer, backend.addr(), &GOOD, &extras);
            peer.syn_ack().unwrap();
            peer.ack(&[]).unwrap();
            let (_stream, client) = backend.accept();
            let expected = format!("203.0.113.7:12345 (toa_syn, peer {balancer})");
            assert_eq!(client.to_string(), expected, "{extras:?}");
            peer.reset(&[]).unwrap();
        }
    }
}

fn send_syn(
    peer: &mut Peer<'_>,
    from: SocketAddr,
    to: SocketAddr,
    options: &[u8],
    extras: &Extras,
) {
    let mut syn = Tcp::new(from, to, flags::SYN);
    syn.sequence = peer.sequence;
    syn.options = options.to_vec();
    peer.send_packet(&syn.packet_with(extras)).unwrap();
    peer.sequence = peer.sequence.wrapping_add(1);
}

/// The handshake proves who receives the SYN-ACK, and not who sent the SYN: this is why
/// `SavedSyn` says insecure, and why the network must refuse the balancer's address from
/// everybody else.
#[test]
fn a_syn_in_the_balancers_name_before_its_own_names_any_client() {
    let Some(_sandbox) = sandbox() else { return };
    let device = PeerDevice::open().unwrap();
    for (backend, balancer) in Backend::both() {
        let forger = device.peer(balancer, backend.addr());
        let mut honest = device.peer(balancer, backend.addr());
        assert_eq!(
            forger.sequence, honest.sequence,
            "the client chose it, and knows it"
        );
        let mut forger = forger;
        forger.syn(&OTHER).unwrap();
        honest.syn(&GOOD).unwrap();
        honest.syn_ack().unwrap();
        honest.ack(&[]).unwrap();
        let (_stream, client) = backend.accept();
        let expected = format!("192.0.2.9:80 (toa_syn, peer {balancer})");
        assert_eq!(client.to_string(), expected);
        honest.reset(&[]).unwrap();
    }
}

#[test]
fn a_fast_open_syn_is_not_believed_as_nobody_has_answered_it_yet() {
    let Some(sandbox) = sandbox() else { return };
    // Fast Open for every listener, and without a cookie.
    sandbox.sysctl("net/ipv4/tcp_fastopen", "1538").unwrap();
    let device = PeerDevice::open().unwrap();
    for (backend, balancer) in Backend::both() {
        let mut syn = Tcp::new(balancer, backend.addr(), flags::SYN);
        syn.options = GOOD.to_vec();
        syn.payload = b"GET / HTTP/1.1\r\n\r\n".to_vec();
        device.send_packet(&syn.packet()).unwrap();
        // Accepted before the handshake is complete.
        let (_stream, client) = backend.accept();
        assert_eq!(client.to_string(), format!("{balancer} (untrusted)"));
    }
}

#[test]
fn a_syn_from_before_the_listener_kept_them_is_not_called_without_option() {
    let Some(_sandbox) = sandbox() else { return };
    let device = PeerDevice::open().unwrap();
    for (backend, balancer) in Backend::both() {
        let listener = TcpListener::bind((backend.addr().ip(), 0)).unwrap();
        let mut peer = device.peer(balancer, listener.local_addr().unwrap());
        peer.connect(&GOOD, &[]).unwrap();
        let (stream, from) = listener.accept().unwrap();
        let client = backend.resolver.resolve(&stream, from);
        assert_eq!(client.to_string(), format!("{balancer} (no_syn)"));
        // From then on, and for a further listener of the same resolver.
        SavedSyn::keep(&listener).unwrap();
        let later = Backend {
            listener,
            resolver: backend.resolver,
        };
        peer.reset(&[]).unwrap();
        let client = later.client_of(&device, balancer, &GOOD);
        assert!(client.is_from_toa(), "{client}");
    }
}
