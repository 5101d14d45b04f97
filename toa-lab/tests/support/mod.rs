//! Packets made and read without the code under test.
#![allow(dead_code, reason = "each test program uses its part")]

use std::net::{IpAddr, SocketAddr};
use std::time::Instant;

use toa_lab::Mode;
use toa_lab::raw_packet::{self, Extras, checksum, transport_checksum};
use toa_lab::translate::{Plan, Translator, Verdict};

/// A segment without its ports.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Tcp {
    pub(crate) flags: u8,
    pub(crate) sequence: u32,
    pub(crate) acknowledgment: u32,
    pub(crate) window: u16,
    pub(crate) urgent: u16,
    pub(crate) options: Vec<u8>,
    pub(crate) payload: Vec<u8>,
}

impl Tcp {
    pub(crate) fn packet(&self, source: SocketAddr, destination: SocketAddr) -> Vec<u8> {
        let mut tcp = raw_packet::Tcp::new(source, destination, self.flags);
        tcp.sequence = self.sequence;
        tcp.acknowledgment = self.acknowledgment;
        tcp.window = self.window;
        tcp.urgent = self.urgent;
        tcp.options = self.options.clone();
        tcp.payload = self.payload.clone();
        tcp.packet()
    }

    pub(crate) fn read(packet: &[u8]) -> Tcp {
        assert!(checksums_are_right(packet));
        let tcp = &packet[if packet[0] >> 4 == 4 { 20 } else { 40 }..];
        let u32_at = |at: usize| u32::from_be_bytes(tcp[at..at + 4].try_into().expect("4 bytes"));
        let header = usize::from(tcp[12] >> 4) * 4;
        Tcp {
            flags: tcp[13],
            sequence: u32_at(4),
            acknowledgment: u32_at(8),
            window: u16::from_be_bytes([tcp[14], tcp[15]]),
            urgent: u16::from_be_bytes([tcp[18], tcp[19]]),
            options: tcp[20..header].to_vec(),
            payload: tcp[header..].to_vec(),
        }
    }
}

pub(crate) fn ends(packet: &[u8]) -> (SocketAddr, SocketAddr) {
    let (source, destination, tcp) = split(packet);
    let port = |at: usize| u16::from_be_bytes([tcp[at], tcp[at + 1]]);
    (
        SocketAddr::new(source, port(0)),
        SocketAddr::new(destination, port(2)),
    )
}

fn split(packet: &[u8]) -> (IpAddr, IpAddr, &[u8]) {
    let v4 = |at: usize| IpAddr::from(<[u8; 4]>::try_from(&packet[at..at + 4]).expect("4 bytes"));
    let v6 = |at: usize| IpAddr::from(<[u8; 16]>::try_from(&packet[at..at + 16]).expect("16"));
    match packet[0] >> 4 {
        4 => (v4(12), v4(16), &packet[20..]),
        _ => (v6(8), v6(24), &packet[40..]),
    }
}

pub(crate) fn write_ipv4_checksum(packet: &mut [u8]) {
    packet[10..12].fill(0);
    let sum = checksum(&[&packet[..20]]);
    packet[10..12].copy_from_slice(&sum.to_be_bytes());
}

pub(crate) fn checksums_are_right(packet: &[u8]) -> bool {
    let (source, destination, payload) = split(packet);
    let is_v4 = source.is_ipv4();
    let length = if is_v4 {
        [packet[2], packet[3]]
    } else {
        [packet[4], packet[5]]
    };
    let length = usize::from(u16::from_be_bytes(length)) + if is_v4 { 0 } else { 40 };
    let protocol = packet[if is_v4 { 9 } else { 6 }];
    length == packet.len()
        && (!is_v4 || checksum(&[&packet[..20]]) == 0)
        && match protocol {
            1 => checksum(&[payload]) == 0,
            _ => transport_checksum(source, destination, protocol, payload) == 0,
        }
}

/// The option of an IPv4 address that no client here has.
pub(crate) const FORGED: [u8; 8] = [254, 8, 0, 80, 8, 8, 8, 8];

/// The option of such an IPv6 address, under this kind.
pub(crate) fn forged6(kind: u8) -> Vec<u8> {
    [&[kind, 20, 0, 80, 0x20, 1][..], &[7; 14]].concat()
}

/// The client's last segment of the handshake.
pub(crate) fn third_ack(options: &[u8]) -> Tcp {
    Tcp {
        flags: 0x10,
        sequence: 101,
        acknowledgment: 5001,
        options: options.to_vec(),
        ..Tcp::default()
    }
}

/// The options of a list, without padding and up to the first malformation.
pub(crate) fn options_in(mut list: &[u8]) -> Vec<&[u8]> {
    let mut options = Vec::new();
    while let [kind, rest @ ..] = list {
        let len = match (kind, rest.first()) {
            (0, _) | (2.., None) => break,
            (1, _) => 1,
            (_, Some(len)) if *len >= 2 && usize::from(*len) <= list.len() => usize::from(*len),
            _ => break,
        };
        if *kind != 1 {
            options.push(&list[..len]);
        }
        list = &list[len..];
    }
    options
}

/// A translator, one client and one backend; the test sends what these two send.
pub(crate) struct Lab {
    pub(crate) plan: Plan,
    pub(crate) translator: Translator,
    pub(crate) now: Instant,
    pub(crate) client_addr: SocketAddr,
    /// The peer that the backend has seen last.
    pub(crate) pool_addr: SocketAddr,
    pub(crate) out: Vec<u8>,
}

impl Lab {
    pub(crate) fn new(mode: Mode) -> Lab {
        Lab::with(mode, |_| ())
    }

    pub(crate) fn with(mode: Mode, change: impl FnOnce(&mut Plan)) -> Lab {
        let (client, virtual_addr) = match mode {
            Mode::Fnat44 => ("203.0.113.7:4711", "192.0.2.80:80"),
            _ => ("[2001:db8::7]:4711", "[2001:db8:80::80]:80"),
        };
        let (backend, pool) = match mode {
            Mode::Fnat66 => ("[fd00::1]:3000", ["fd00::10", "fd00::11"]),
            _ => ("10.0.0.1:3000", ["10.0.0.16", "10.0.0.17"]),
        };
        let parse = |text: &str| text.parse::<SocketAddr>().expect("an address");
        let pool = pool.map(|text| text.parse().expect("an address")).to_vec();
        let mut plan = Plan::new(parse(virtual_addr), parse(backend), pool);
        change(&mut plan);
        Lab {
            translator: Translator::new(plan.clone()).expect("a good plan"),
            now: Instant::now(),
            client_addr: parse(client),
            pool_addr: plan.backend,
            out: Vec::new(),
            plan,
        }
    }

    pub(crate) fn raw(&mut self, packet: &[u8]) -> Verdict {
        self.translator.translate(self.now, packet, &mut self.out)
    }

    pub(crate) fn client_packet(&self, tcp: &Tcp) -> Vec<u8> {
        tcp.packet(self.client_addr, self.plan.virtual_addr)
    }

    pub(crate) fn backend_packet(&self, tcp: &Tcp) -> Vec<u8> {
        tcp.packet(self.plan.backend, self.pool_addr)
    }

    /// The client sends; what the backend gets.
    pub(crate) fn client(&mut self, tcp: Tcp) -> Tcp {
        let packet = self.client_packet(&tcp);
        assert_eq!(self.raw(&packet), Verdict::Forward);
        let (source, destination) = ends(&self.out);
        assert_eq!(destination, self.plan.backend);
        self.pool_addr = source;
        Tcp::read(&self.out)
    }

    /// The backend answers its last peer; what the client gets.
    pub(crate) fn backend(&mut self, tcp: Tcp) -> Tcp {
        let packet = self.backend_packet(&tcp);
        assert_eq!(self.raw(&packet), Verdict::Forward);
        assert_eq!(ends(&self.out), (self.plan.virtual_addr, self.client_addr));
        Tcp::read(&self.out)
    }

    /// SYN, SYN-ACK of 5000, ACK; the ACK as the backend gets it.
    pub(crate) fn handshake(&mut self) -> Tcp {
        self.handshake_with(&[])
    }

    pub(crate) fn handshake_with(&mut self, options: &[u8]) -> Tcp {
        self.syn_and_syn_ack();
        self.client(third_ack(options))
    }

    /// All of the handshake but its last segment.
    pub(crate) fn syn_and_syn_ack(&mut self) {
        self.client(Tcp {
            flags: 0x02,
            sequence: 100,
            ..Tcp::default()
        });
        self.backend(Tcp {
            flags: 0x12,
            sequence: 5000,
            acknowledgment: 101,
            ..Tcp::default()
        });
    }

    /// A lab in which that has happened.
    pub(crate) fn half_open(mode: Mode) -> Lab {
        let mut lab = Lab::new(mode);
        lab.syn_and_syn_ack();
        lab
    }

    pub(crate) fn expected_option(&self, kind: u8) -> Vec<u8> {
        let port = self.client_addr.port().to_be_bytes();
        match self.client_addr.ip() {
            IpAddr::V4(v4) => [&[kind, 8], &port[..], &v4.octets()].concat(),
            IpAddr::V6(v6) => [&[kind, 20], &port[..], &v6.octets()].concat(),
        }
    }

    pub(crate) fn ping(&self, destination: IpAddr) -> Vec<u8> {
        let source = self.client_addr.ip();
        let (kind, protocol) = if source.is_ipv4() { (8, 1) } else { (128, 58) };
        let mut icmp = vec![
            kind, 0, 0, 0, 0x12, 0x34, 0, 1, b'p', b'i', b'n', b'g', b'!',
        ];
        let sum = match source {
            IpAddr::V4(_) => checksum(&[&icmp]),
            IpAddr::V6(_) => transport_checksum(source, destination, protocol, &icmp),
        };
        icmp[2..4].copy_from_slice(&sum.to_be_bytes());
        Extras::default().packet(source, destination, protocol, &icmp)
    }
}
