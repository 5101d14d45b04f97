//! Hand-made peers against the kernel's own listeners.
#![cfg(target_os = "linux")]

use std::io::{Read, Write};
use std::net::{IpAddr, SocketAddr, TcpListener};
use std::time::Duration;

use toa_lab::netns::Namespace;
use toa_lab::peer::{PeerDevice, Segment, flags};

const TOA: [u8; 8] = [254, 8, 0x30, 0x39, 203, 0, 113, 7];

fn listener(ip: impl Into<IpAddr>) -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind((ip.into(), 0)).expect("bind");
    let address = listener.local_addr().expect("bound");
    (listener, address)
}

#[test]
fn a_peer_of_any_address_connects_talks_and_closes() {
    let Some(_namespace) = Namespace::enter_or_skip() else {
        return;
    };
    let device = PeerDevice::open().unwrap();
    let peers = [
        "192.168.7.7:4711",
        "8.8.8.8:53",
        "[fd00::7]:4711",
        "[2001:db8::7]:1",
        "[fe80::7]:2",
    ];
    for from in peers.map(|from| from.parse::<SocketAddr>().unwrap()) {
        let kernel: IpAddr = match from {
            SocketAddr::V4(_) => PeerDevice::KERNEL_V4.into(),
            SocketAddr::V6(_) => PeerDevice::KERNEL_V6.into(),
        };
        let (listener, address) = listener(kernel);
        let mut peer = device.peer(from, address);
        // No TOA: a source on this machine would make accept() tell the client.
        peer.connect(&[2, 4, 5, 0xb4], &[1, 1, 1, 0]).unwrap();
        let (mut stream, seen) = listener.accept().unwrap();
        assert_eq!((seen.ip(), seen.port()), (from.ip(), from.port()));

        peer.data(&[1, 1, 1, 0], b"question").unwrap();
        let mut question = [0; 8];
        stream.read_exact(&mut question).unwrap();
        assert_eq!(&question, b"question");
        stream.write_all(b"answer").unwrap();
        assert_eq!(peer.read(6).unwrap(), b"answer");

        peer.fin(&[]).unwrap();
        assert_eq!(stream.read(&mut question).unwrap(), 0);
        drop(stream);
        assert_eq!(peer.read(1).unwrap(), b"");
    }
}

#[test]
fn data_completes_a_handshake() {
    let Some(_namespace) = Namespace::enter_or_skip() else {
        return;
    };
    let device = PeerDevice::open().unwrap();
    let (listener, address) = listener(PeerDevice::KERNEL_V4);
    let mut peer = device.peer("10.1.2.3:4".parse().unwrap(), address);
    peer.syn(&[]).unwrap();
    peer.syn_ack().unwrap();
    peer.data(&TOA, b"early").unwrap();
    let (mut stream, _) = listener.accept().unwrap();
    let mut early = [0; 5];
    stream.read_exact(&mut early).unwrap();
    assert_eq!(&early, b"early");
}

#[test]
fn a_wrong_sequence_number_completes_nothing_and_a_reset_ends() {
    let Some(_namespace) = Namespace::enter_or_skip() else {
        return;
    };
    let device = PeerDevice::open().unwrap();
    let (listener, address) = listener(PeerDevice::KERNEL_V6);
    listener.set_nonblocking(true).unwrap();
    let mut peer = device.peer("[fd00::1]:4711".parse().unwrap(), address);
    peer.syn(&[]).unwrap();
    peer.syn_ack().unwrap();
    let wrong = Segment {
        flags: flags::ACK,
        sequence: peer.sequence.wrapping_add(1_000_000),
        acknowledgment: peer.acknowledgment,
        window: 1000,
        ..Segment::default()
    };
    peer.send(&wrong).unwrap();
    std::thread::sleep(Duration::from_millis(50));
    assert!(listener.accept().is_err());

    peer.ack(&[]).unwrap();
    listener.set_nonblocking(false).unwrap();
    let (mut stream, _) = listener.accept().unwrap();
    peer.reset(&[]).unwrap();
    let error = stream.read(&mut [0]).unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset);
}

#[test]
fn peers_on_one_device_do_not_take_each_others_segments() {
    let Some(_namespace) = Namespace::enter_or_skip() else {
        return;
    };
    let device = PeerDevice::open().unwrap();
    let (_listener, address) = listener(PeerDevice::KERNEL_V4);
    std::thread::scope(|scope| {
        for thread in 0..4u8 {
            let device = &device;
            scope.spawn(move || {
                for port in 1..=25 {
                    let from = SocketAddr::from(([10, 9, 8, thread], port));
                    device.peer(from, address).connect(&[], &TOA).unwrap();
                }
            });
        }
    });
}

#[test]
fn options_that_fit_no_header_are_refused() {
    let Some(_namespace) = Namespace::enter_or_skip() else {
        return;
    };
    let device = PeerDevice::open().unwrap();
    let mut peer = device.peer(
        "10.1.2.3:4".parse().unwrap(),
        "10.116.112.1:80".parse().unwrap(),
    );
    for len in [1, 3, 44] {
        let error = peer.syn(&vec![1; len]).unwrap_err();
        assert_eq!(error.kind(), std::io::ErrorKind::InvalidInput);
    }
}

#[test]
fn try_receive_takes_the_segments_for_all_peers() {
    let Some(_namespace) = Namespace::enter_or_skip() else {
        return;
    };
    let device = PeerDevice::open().unwrap();
    let (_listener, address) = listener(PeerDevice::KERNEL_V4);
    let mut expected = Vec::new();
    for from in ["10.1.2.3:4", "198.51.100.7:8"] {
        let from: SocketAddr = from.parse().unwrap();
        device.peer(from, address).syn(&[]).unwrap();
        expected.push((address, from, flags::SYN | flags::ACK));
    }
    let mut seen = Vec::new();
    let start = std::time::Instant::now();
    while seen.len() < 2 && start.elapsed() < Duration::from_secs(10) {
        if let Some((source, destination, segment)) = device.try_receive().unwrap() {
            seen.push((source, destination, segment.flags));
        }
    }
    assert_eq!(seen, expected);
    assert_eq!(device.try_receive().unwrap(), None);
}
