//! A hand-made peer that speaks from a port of this machine.
#![cfg(target_os = "linux")]
#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::time::Duration;

use toa_lab::netns::Namespace;
use toa_lab::peer::{Peer, PeerPort, flags};

fn listeners() -> [TcpListener; 2] {
    ["127.0.0.1:0", "[::1]:0"].map(|address| TcpListener::bind(address).unwrap())
}

fn handshake(peer: &mut Peer<'_>) {
    peer.syn(&[2, 4, 5, 180]).unwrap();
    peer.syn_ack().unwrap();
    peer.ack(&[]).unwrap();
    // Had the kernel sent a reset, the other side would answer the ACK with one.
    assert_eq!(peer.receive(Duration::from_millis(50)).unwrap(), None);
}

#[test]
fn the_kernel_leaves_a_connection_of_a_hand_made_peer_alone() {
    let Some(_namespace) = Namespace::enter_or_skip() else {
        return;
    };
    for listener in listeners() {
        let port = PeerPort::open(listener.local_addr().unwrap()).unwrap();
        let mut peer = port.peer();
        handshake(&mut peer);
        let (mut stream, from) = listener.accept().unwrap();
        assert_eq!(from, peer.local_addr());

        peer.data(&[], b"question").unwrap();
        let mut question = [0; 8];
        stream.read_exact(&mut question).unwrap();
        assert_eq!(&question, b"question");
        stream.write_all(b"answer").unwrap();
        assert_eq!(peer.read(6).unwrap(), b"answer");
        drop(stream);
        peer.expect(flags::FIN).unwrap();
        peer.reset(&[]).unwrap();
    }
}

#[test]
fn two_hand_made_peers_of_one_listener_are_kept_apart() {
    let Some(_namespace) = Namespace::enter_or_skip() else {
        return;
    };
    for listener in listeners() {
        let to: SocketAddr = listener.local_addr().unwrap();
        let ports = [0; 2].map(|_| PeerPort::open(to).unwrap());
        let mut peers = ports.each_ref().map(PeerPort::peer);
        assert_ne!(peers[0].local_addr(), peers[1].local_addr());
        for (peer, answer) in peers.iter_mut().zip([b"first ", b"second"]) {
            handshake(peer);
            let (mut stream, _) = listener.accept().unwrap();
            stream.write_all(answer).unwrap();
        }
        for (peer, answer) in peers.iter_mut().zip([b"first ", b"second"]) {
            assert_eq!(peer.read(6).unwrap(), answer);
        }
    }
}

#[test]
fn a_port_belongs_to_its_peer_until_it_is_dropped() {
    let Some(_namespace) = Namespace::enter_or_skip() else {
        return;
    };
    for listener in listeners() {
        let port = PeerPort::open(listener.local_addr().unwrap()).unwrap();
        let local = port.peer().local_addr();
        assert!(TcpListener::bind(local).is_err());
        drop(port);
        TcpListener::bind(local).unwrap();
    }
}
