//! Handshakes that are not the usual three segments.

use std::net::SocketAddr;
use std::os::fd::AsFd;

use socket2::{Domain, Protocol, Socket, Type};
use toa_core::abi::{INFO_HAS_ADDR, INFO_INVALID, INFO_UNTRUSTED};
use toa_lab::peer::{Peer, flags};
use toa_lab::raw_packet::{Extras, Tcp};
use toa_lab::sandbox::skip;
use toa_stress::storm::{AddressPath, option};

use crate::backend::{Backend, Expected, WITH_ADDRESS, WITHOUT, on_every_path, on_paths};

/// Any server takes data in any SYN.
const FAST_OPEN_WITHOUT_COOKIES: &str = "1538";

/// The data of a Fast Open SYN is with the server before its sender has shown
/// that it can receive anything at its address.
#[test]
fn an_option_in_a_fast_open_syn_counts_for_nothing() {
    on_every_path(|backend| {
        let sysctl = "net/ipv4/tcp_fastopen";
        backend
            .sandbox
            .sysctl(sysctl, FAST_OPEN_WITHOUT_COOKIES)
            .unwrap();
        let backend = backend.with_new_listener();
        let peer = backend.trusted_peer();
        let mut syn = Tcp::new(peer.local_addr(), backend.server(), flags::SYN);
        syn.sequence = peer.sequence;
        syn.options = option(backend.path.client(66));
        syn.payload = b"GET /".to_vec();
        peer.send_packet(&syn.packet()).unwrap();
        let stream = backend.accept();
        backend.expect_data(&stream, b"GET /");
        backend.expect(&stream, &peer, Expected::NoOption);
        backend.expect_counted(&[WITHOUT]);
        backend.expect_still_works();
    });
}

/// A socket of ours whose SYN is on its way; its own address, and the other side's.
fn connecting(backend: &Backend<'_>) -> (Socket, SocketAddr, SocketAddr) {
    let domain = Domain::for_address(backend.server());
    let socket = Socket::new(domain, Type::STREAM, Some(Protocol::TCP)).unwrap();
    socket
        .bind(&SocketAddr::new(backend.server().ip(), 0).into())
        .unwrap();
    let from = socket.local_addr().unwrap().as_socket().unwrap();
    let remote = SocketAddr::new(backend.path.trusted(1), 5432);
    socket.set_nonblocking(true).unwrap();
    socket.connect(&remote.into()).unwrap_err();
    (socket, from, remote)
}

/// Two SYNs that cross open a connection as well, and the kernel calls that a
/// passive open too; but no listener is involved.
#[test]
fn a_server_that_we_connect_to_cannot_pass_for_another_by_crossing_syns() {
    on_every_path(|backend| {
        let (socket, from, remote) = connecting(backend);
        let mut peer = backend.device.peer(remote, from);
        let first = peer.expect(flags::SYN).unwrap();
        peer.syn(&[]).unwrap();
        peer.syn_ack().unwrap();
        peer.acknowledgment = first.sequence.wrapping_add(1);
        peer.ack(&option(backend.path.client(66))).unwrap();
        assert_eq!(socket.take_error().unwrap().map(|e| e.to_string()), None);
        let shown = socket.peer_addr().unwrap().as_socket().unwrap();
        assert_eq!(shown, remote, "{:?}", backend.path);
        let info = toa_core::source_info(&socket.as_fd()).unwrap();
        let outcome = info.flags() & (INFO_HAS_ADDR | INFO_UNTRUSTED | INFO_INVALID);
        assert_eq!(outcome, 0, "{:?}", backend.path);
        backend.expect_counted(&[]);
    });
}

#[test]
fn a_connection_of_our_own_learns_no_address_from_the_other_side() {
    on_every_path(|backend| {
        let (socket, from, remote) = connecting(backend);
        let mut peer = backend.device.peer(remote, from);
        let syn = peer.expect(flags::SYN).unwrap();
        let mut syn_ack = Tcp::new(remote, from, flags::SYN | flags::ACK);
        syn_ack.acknowledgment = syn.sequence.wrapping_add(1);
        syn_ack.sequence = peer.sequence;
        syn_ack.options = option(backend.path.client(66));
        peer.send_packet(&syn_ack.packet()).unwrap();
        peer.expect(flags::ACK).unwrap();
        peer.sequence += 1;
        peer.acknowledgment = syn.sequence.wrapping_add(1);
        peer.data(&option(backend.path.client(67)), b"hello")
            .unwrap();
        let shown = socket.peer_addr().unwrap().as_socket().unwrap();
        assert_eq!(shown, remote, "{:?}", backend.path);
        assert_eq!(
            toa_core::source_info(&socket.as_fd()).unwrap().client(),
            None
        );
        backend.expect_counted(&[]);
    });
}

fn completing(backend: &Backend<'_>, peer: &mut Peer<'_>, options: &[u8]) -> Tcp {
    peer.syn(&[]).unwrap();
    peer.syn_ack().unwrap();
    let mut ack = Tcp::new(peer.local_addr(), backend.server(), flags::ACK);
    ack.sequence = peer.sequence;
    ack.acknowledgment = peer.acknowledgment;
    ack.options = options.to_vec();
    ack
}

#[test]
fn fragments_hide_neither_the_sender_nor_the_first_option() {
    on_every_path(|backend| {
        // Behind an IPv6 one, what follows would leave the balancer no room.
        let client = "203.0.113.1:1111".parse().unwrap();
        for (mut peer, expected, counted) in [
            (
                backend.trusted_peer(),
                Expected::Client(client),
                vec![WITH_ADDRESS],
            ),
            (
                backend.untrusted_peer(),
                Expected::Untrusted,
                vec![WITHOUT, ("untrusted", 1)],
            ),
        ] {
            let mut ack = completing(backend, &mut peer, &option(client));
            ack.options.extend(
                [254, 8, 1, 1, 8, 8, 8, 8]
                    .iter()
                    .take(40 - ack.options.len()),
            );
            let [first, last] = ack.fragments(24, 77);
            // In the wrong order; the option lies across the cut.
            peer.send_packet(&last).unwrap();
            backend.expect_no_connection();
            peer.send_packet(&first).unwrap();
            backend.expect(&backend.accept(), &peer, expected);
            backend.expect_counted(&counted);
        }
    });
}

#[test]
fn ip_options_and_extension_headers_hide_neither_the_sender_nor_the_option() {
    on_every_path(|backend| {
        let client = backend.path.client(1);
        let extras = Extras {
            v4_options: vec![1; 40],
            v6_headers: vec![
                (0, vec![0, 1, 4, 0, 0, 0, 0]),
                (60, vec![0, 1, 4, 0, 0, 0, 0]),
            ],
            fragment: None,
        };
        for (mut peer, expected) in [
            (backend.trusted_peer(), Expected::Client(client)),
            (backend.untrusted_peer(), Expected::Untrusted),
        ] {
            let ack = completing(backend, &mut peer, &option(client));
            peer.send_packet(&ack.packet_with(&extras)).unwrap();
            backend.expect(&backend.accept(), &peer, expected);
        }
    });
}

/// The option follows the header, not what an urgent pointer or a data offset
/// that is too large point to.
#[test]
fn a_data_offset_beyond_the_segment_makes_no_connection() {
    on_every_path(|backend| {
        let client = backend.path.client(1);
        let mut peer = backend.trusted_peer();
        let mut ack = completing(backend, &mut peer, &option(client));
        for offset in [0, 1, 4, 15] {
            ack.offset = Some(offset);
            peer.send_packet(&ack.packet()).unwrap();
            backend.expect_no_connection();
        }
        backend.expect_counted(&[]);
        ack.offset = None;
        peer.send_packet(&ack.packet()).unwrap();
        backend.expect(&backend.accept(), &peer, Expected::Client(client));
        backend.expect_counted(&[WITH_ADDRESS]);
    });
}

/// A second path of the same Multipath TCP connection brings its own segment
/// that completes a handshake.
#[test]
fn a_multipath_listener_has_no_address_to_mistake() {
    const MPTCP: i32 = 262;
    on_paths(&[AddressPath::V4], |backend| {
        let Ok(listener) = Socket::new(Domain::IPV4, Type::STREAM, Some(MPTCP.into())) else {
            skip("this kernel has no MPTCP");
            return;
        };
        let any: SocketAddr = "0.0.0.0:0".parse().unwrap();
        listener.bind(&any.into()).unwrap();
        listener.listen(8).unwrap();
        let port = listener.local_addr().unwrap().as_socket().unwrap().port();
        let from = SocketAddr::new(backend.path.trusted(1), 29_000);
        let mut peer = backend.device.peer(from, backend.path.server(port));
        peer.connect(&[], &option(backend.path.client(1))).unwrap();
        // A peer that speaks plain TCP leaves a plain TCP socket, with its address.
        let (stream, _) = listener.accept().unwrap();
        backend.expect(
            &stream.into(),
            &peer,
            Expected::Client(backend.path.client(1)),
        );
        backend.expect_counted(&[WITH_ADDRESS]);
    });
}
