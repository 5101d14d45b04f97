//! What the backend's kernel is given, read beside it from the device.
#![cfg(target_os = "linux")]

mod support;

use std::io::{Read, Write};
use std::net::{IpAddr, Ipv6Addr, SocketAddr, TcpListener, TcpStream};
use std::os::fd::AsRawFd;

use nix::sys::socket::{AddressFamily, MsgFlags, SockFlag, SockProtocol, SockType, recv, socket};
use support::{Tcp, ends};
use toa_core::option::{Parsed, ToaOption, parse};
use toa_core::{OptionFormat, OptionFormats};
use toa_lab::netns::Namespace;
use toa_lab::{Balancer, BalancerConfig, Mode};

const SYN: u8 = 0x02;
const ACK: u8 = 0x10;

/// All TCP segments to `backend` that a socket saw since it was made, in order,
/// and whom they came from.
fn segments(tap: &impl AsRawFd, backend: SocketAddr) -> Vec<(IpAddr, Tcp)> {
    let mut segments = Vec::new();
    let mut packet = [0; 2048];
    while let Ok(len) = recv(tap.as_raw_fd(), &mut packet, MsgFlags::MSG_DONTWAIT) {
        let packet = &packet[..len];
        let (version, protocol) = (
            packet[0] >> 4,
            packet[if packet[0] >> 4 == 4 { 9 } else { 6 }],
        );
        if matches!((version, protocol), (4 | 6, 6)) {
            let (source, destination) = ends(packet);
            if destination == backend {
                segments.push((source.ip(), Tcp::read(packet)));
            }
        }
    }
    segments
}

#[test]
fn the_segment_that_completes_the_handshake_carries_the_clients_address() {
    let Some(_namespace) = Namespace::enter_or_skip() else {
        return;
    };
    use OptionFormat::{Cip, ToaAt, Ttgw, Vtoa};
    for (mode, format) in [
        (Mode::Nat64, ToaAt(253)),
        (Mode::Fnat44, ToaAt(254)),
        (Mode::Fnat66, ToaAt(200)),
        (Mode::Fnat44, Vtoa),
        (Mode::Fnat44, Ttgw),
        (Mode::Nat64, Cip),
    ] {
        let formats = OptionFormats::new([format]).unwrap();
        for in_syn in [false, true] {
            let listener = TcpListener::bind((Ipv6Addr::UNSPECIFIED, 3000)).unwrap();
            let config = BalancerConfig::new(mode, 3000).with_option_format(format);
            let balancer = Balancer::start(config.with_option_in_syn(in_syn)).unwrap();
            let tap = socket(
                AddressFamily::Packet,
                SockType::Datagram,
                SockFlag::SOCK_CLOEXEC,
                SockProtocol::EthAll,
            );
            let tap = tap.unwrap();

            let mut client = TcpStream::connect(balancer.virtual_addr()).unwrap();
            let (mut server, _) = listener.accept().unwrap();
            client.write_all(b"question").unwrap();
            server.read_exact(&mut [0; 8]).unwrap();
            server.write_all(b"answer").unwrap();
            client.read_exact(&mut [0; 6]).unwrap();
            client.write_all(b"thanks").unwrap();
            server.read_exact(&mut [0; 6]).unwrap();

            let client_addr = client.local_addr().unwrap();
            let option = ToaOption::in_format(format, client_addr, balancer.virtual_addr());
            let option = option.unwrap();
            let expected = Parsed::Found(option);
            let seen: Vec<(u8, usize, bool)> = segments(&tap, balancer.backend())
                .iter()
                .map(|(source, tcp)| {
                    assert!(balancer.pool().contains(source), "{mode:?}: {source}");
                    let found = match parse(&tcp.options, &formats) {
                        // A SYN has more options of its own than the segment that is judged.
                        Parsed::Implausible(option) if tcp.flags & SYN != 0 => {
                            Parsed::Found(option)
                        }
                        parsed => parsed,
                    };
                    assert!(
                        found == expected || found == Parsed::Absent,
                        "{mode:?}: {found:?}"
                    );
                    assert_eq!(found == expected, tcp.options.starts_with(&[option.kind()]));
                    (
                        tcp.flags & (SYN | ACK),
                        tcp.payload.len(),
                        found == expected,
                    )
                })
                .collect();
            assert_eq!(seen[0], (SYN, 0, in_syn), "{mode:?}: the SYN");
            assert_eq!(seen[1], (ACK, 0, true), "{mode:?}: the bare ACK");
            assert_eq!(seen[2], (ACK, 8, true), "{mode:?}: the first data");
            assert_eq!(seen.last(), Some(&(ACK, 6, false)), "{mode:?}: later data");
        }
    }
}
