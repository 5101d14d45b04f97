//! The balancer on a real device, between real sockets.
#![cfg(target_os = "linux")]

mod common;

use std::io::{self, Read, Write};
use std::net::{Ipv6Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

use common::{MODES, connected, start};
use toa_lab::netns::Namespace;
use toa_lab::{Balancer, BalancerConfig, Mode};

/// Bytes that show any loss, repetition or reordering.
fn pattern(len: usize, mut seed: u64) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(len + 8);
    while bytes.len() < len {
        seed = seed
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        bytes.extend(seed.to_be_bytes());
    }
    bytes.truncate(len);
    bytes
}

#[test]
fn each_side_sees_the_address_that_it_knows_and_all_is_counted() {
    let Some(_namespace) = Namespace::enter_or_skip() else {
        return;
    };
    for mode in MODES {
        let (listener, balancer) = start(mode);
        let (client, server) = connected(&listener, &balancer);
        assert_eq!(client.peer_addr().unwrap(), balancer.virtual_addr());
        assert_eq!(
            server.local_addr().unwrap().ip().to_canonical(),
            balancer.backend().ip()
        );
        let stats = balancer.stats();
        assert_eq!((stats.flows, stats.opened), (1, 1), "{mode:?}");
        assert_eq!(stats.toa_inserted, 1, "{mode:?}: in the third segment");
    }
}

#[test]
fn megabytes_pass_unharmed_both_ways_at_once() {
    const LEN: usize = 8 << 20;
    let Some(_namespace) = Namespace::enter_or_skip() else {
        return;
    };
    for mode in MODES {
        let (listener, balancer) = start(mode);
        let (client, server) = connected(&listener, &balancer);
        thread::scope(|scope| {
            for (stream, out, back) in [(&client, 1, 2), (&server, 2, 1)] {
                scope.spawn(move || {
                    (&mut &*stream).write_all(&pattern(LEN, out)).unwrap();
                    stream.shutdown(Shutdown::Write).unwrap();
                });
                scope.spawn(move || {
                    let mut data = Vec::new();
                    (&mut &*stream).read_to_end(&mut data).unwrap();
                    assert!(
                        data == pattern(LEN, back),
                        "{mode:?}: {} bytes came",
                        data.len()
                    );
                });
            }
        });
        let stats = balancer.stats();
        assert_eq!(
            (stats.malformed, stats.bad_checksum, stats.write_errors),
            (0, 0, 0)
        );
        assert_eq!(
            (stats.too_big_sent, stats.too_big, stats.resets_sent),
            (0, 0, 0)
        );
        assert_eq!(stats.toa_over_mtu, 0, "{mode:?}");
    }
}

#[test]
fn many_connections_at_once_are_kept_apart() {
    const THREADS: u16 = 8;
    const EACH: u16 = 100;
    let Some(_namespace) = Namespace::enter_or_skip() else {
        return;
    };
    for mode in MODES {
        let (listener, balancer) = start(mode);
        let address = balancer.virtual_addr();
        thread::scope(|scope| {
            scope.spawn(move || {
                for stream in listener.incoming().take(usize::from(THREADS * EACH)) {
                    let mut stream = stream.unwrap();
                    thread::spawn(move || -> io::Result<()> {
                        let mut question = [0; 2];
                        stream.read_exact(&mut question)?;
                        stream.write_all(&pattern(1000, u16::from_be_bytes(question).into()))
                    });
                }
            });
            for thread in 0..THREADS {
                scope.spawn(move || {
                    for number in thread * EACH..(thread + 1) * EACH {
                        let mut stream = TcpStream::connect(address).unwrap();
                        stream.write_all(&number.to_be_bytes()).unwrap();
                        let mut answer = Vec::new();
                        stream.read_to_end(&mut answer).unwrap();
                        assert_eq!(answer, pattern(1000, number.into()), "{mode:?}");
                    }
                });
            }
        });
        assert_eq!(balancer.stats().opened, u64::from(THREADS * EACH));
    }
}

#[test]
fn a_half_closed_connection_still_carries_the_other_way() {
    let Some(_namespace) = Namespace::enter_or_skip() else {
        return;
    };
    for mode in MODES {
        let (listener, balancer) = start(mode);
        let (mut client, mut server) = connected(&listener, &balancer);
        client.write_all(b"question").unwrap();
        client.shutdown(Shutdown::Write).unwrap();
        let mut question = Vec::new();
        server.read_to_end(&mut question).unwrap();
        assert_eq!(question, b"question");
        server.write_all(&pattern(100_000, 3)).unwrap();
        drop(server);
        let mut answer = Vec::new();
        client.read_to_end(&mut answer).unwrap();
        assert!(answer == pattern(100_000, 3));
    }
}

#[test]
fn a_reset_reaches_the_other_side() {
    let Some(_namespace) = Namespace::enter_or_skip() else {
        return;
    };
    for mode in MODES {
        let (listener, balancer) = start(mode);
        // Closing with unread data resets, both ways in turn.
        let (mut client, server) = connected(&listener, &balancer);
        client.write_all(b"unread").unwrap();
        server.peek(&mut [0]).unwrap();
        drop(server);
        let error = client.read(&mut [0]).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::ConnectionReset, "{mode:?}");

        let (client, mut server) = connected(&listener, &balancer);
        server.write_all(b"unread").unwrap();
        client.peek(&mut [0]).unwrap();
        drop(client);
        let error = server.read(&mut [0]).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::ConnectionReset, "{mode:?}");
    }
}

#[test]
fn a_closed_backend_and_a_wrong_port_refuse_at_once() {
    let Some(_namespace) = Namespace::enter_or_skip() else {
        return;
    };
    let (listener, balancer) = start(Mode::Nat64);
    let mut wrong: SocketAddr = balancer.virtual_addr();
    wrong.set_port(wrong.port() ^ 1);
    let begin = Instant::now();
    let error = TcpStream::connect(wrong).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::ConnectionRefused);
    drop(listener);
    let error = TcpStream::connect(balancer.virtual_addr()).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::ConnectionRefused);
    assert!(begin.elapsed() < Duration::from_secs(5));
}

#[test]
fn the_option_in_the_syn_harms_no_handshake() {
    let Some(_namespace) = Namespace::enter_or_skip() else {
        return;
    };
    let listener = TcpListener::bind((Ipv6Addr::UNSPECIFIED, 3000)).unwrap();
    let config = BalancerConfig::nat64_to(3000)
        .with_option_in_syn(true)
        .with_option_format(toa_core::OptionFormat::ToaAt(253));
    let balancer = Balancer::start(config.with_virtual_port(80)).unwrap();
    assert_eq!(balancer.virtual_addr().port(), 80);
    connected(&listener, &balancer);
    // Linux's SYN has exactly 20 bytes of options: it just fits.
    assert!(balancer.stats().toa_inserted >= 2);
    assert_eq!(balancer.stats().toa_no_room, 0);
}
