//! SYNs written by hand, as the kernel keeps them.

use proptest::collection::vec;
use proptest::prelude::*;

use super::*;
use crate::option::ToaOption;

const CLIENT: [u8; 8] = [254, 8, 0x30, 0x39, 203, 0, 113, 7];
/// Segment size, SACK permitted, timestamps, window scale: what Linux writes.
const NORMAL: [u8; 20] = [
    2, 4, 5, 180, 4, 2, 8, 10, 1, 2, 3, 4, 0, 0, 0, 0, 1, 3, 3, 7,
];

fn ipv6_option() -> [u8; 20] {
    let client = "[2001:db8::7]:12345".parse().unwrap();
    (*ToaOption::new(254, client).encode()).try_into().unwrap()
}

/// A TCP header with these flags and options.
fn tcp(flags: u8, options: &[u8]) -> Vec<u8> {
    let mut header = vec![0; TCP_FIXED_LEN];
    header[12] = u8::try_from((TCP_FIXED_LEN + options.len()) / 4).unwrap() << 4;
    header[13] = flags;
    header.extend_from_slice(options);
    header
}

fn ipv4(ip_options: &[u8], tcp: &[u8], payload: usize) -> Vec<u8> {
    let mut packet = vec![0; 20];
    packet[0] = 0x40 | u8::try_from((20 + ip_options.len()) / 4).unwrap();
    packet[9] = TCP;
    packet.extend_from_slice(ip_options);
    packet.extend_from_slice(tcp);
    let len = u16::try_from(packet.len() + payload).unwrap();
    packet[2..4].copy_from_slice(&len.to_be_bytes());
    packet
}

/// Behind extension headers of these numbers and lengths.
fn ipv6(extensions: &[(u8, usize)], tcp: &[u8], payload: usize) -> Vec<u8> {
    let mut packet = vec![0; 40];
    packet[0] = 0x60;
    let mut next_at = 6;
    for &(number, len) in extensions {
        packet[next_at] = number;
        next_at = packet.len();
        let mut header = vec![0; len];
        header[1] = match number {
            // Reserved, whatever its value.
            44 => 7,
            51 => u8::try_from(len / 4 - 2).unwrap(),
            _ => u8::try_from(len / 8 - 1).unwrap(),
        };
        packet.extend_from_slice(&header);
    }
    packet[next_at] = TCP;
    packet.extend_from_slice(tcp);
    let len = u16::try_from(packet.len() - 40 + payload).unwrap();
    packet[4..6].copy_from_slice(&len.to_be_bytes());
    packet
}

fn read(packet: &[u8]) -> Option<Syn> {
    parse(packet, &OptionFormats::default())
}

fn found(packet: &[u8]) -> Option<String> {
    match read(packet)?.option {
        Parsed::Found(option) => Some(option.client().to_string()),
        _ => None,
    }
}

#[test]
fn the_option_is_found_behind_ip_options_and_extension_headers() {
    let syn = tcp(SYN, &[&CLIENT[..], &NORMAL].concat());
    let long: Vec<(u8, usize)> = vec![(0, 8), (60, 16), (43, 24), (44, 8), (51, 24), (60, 256)];
    for packet in [
        ipv4(&[], &syn, 0),
        ipv4(&[1; 4], &syn, 0),
        ipv4(&[1; 40], &syn, 0),
        ipv6(&[], &syn, 0),
        ipv6(&[(0, 8)], &syn, 0),
        ipv6(&long, &syn, 0),
    ] {
        assert_eq!(found(&packet).as_deref(), Some("203.0.113.7:12345"));
        assert!(!read(&packet).unwrap().may_be_fast_open);
    }
    // Congestion notification is asked for in a SYN (RFC 3168, section 6.1.1).
    let packet = ipv4(&[], &tcp(SYN | 0xc0, &CLIENT), 0);
    assert_eq!(found(&packet).as_deref(), Some("203.0.113.7:12345"));
}

#[test]
fn an_ipv6_option_beside_what_a_normal_stack_writes_is_believed() {
    let option = ipv6_option();
    let client = Some("[2001:db8::7]:12345");
    // Without timestamps, as Linux and Windows order the rest.
    let linux: &[u8] = &[2, 4, 5, 180, 1, 1, 4, 2, 1, 3, 3, 7];
    let windows: &[u8] = &[2, 4, 5, 180, 1, 3, 3, 8, 1, 1, 4, 2];
    for beside in [&NORMAL, linux, windows, &NORMAL[..4], &[]] {
        for list in [[&option, beside].concat(), [beside, &option].concat()] {
            assert_eq!(found(&ipv4(&[], &tcp(SYN, &list), 0)).as_deref(), client);
        }
    }
}

#[test]
fn in_an_ack_the_options_of_a_syn_are_implausible() {
    let list = [&ipv6_option()[..], &NORMAL].concat();
    let parsed = crate::option::parse(&list, &OptionFormats::default());
    assert!(matches!(parsed, Parsed::Implausible(_)), "{parsed:?}");
}

#[test]
fn a_list_filled_with_anything_else_is_implausible() {
    let option = ipv6_option();
    let twice = [&NORMAL[..4], &NORMAL[..4]].concat();
    for (what, beside) in [
        ("padding", vec![1; 20]),
        ("segment size twice", twice),
        ("an unknown option", vec![77, 8, 0, 0, 0, 0, 0, 0]),
        ("another TOA option", option.to_vec()),
        ("a wrong length of window scale", vec![3, 4, 7, 7]),
        (
            "more padding than it needs",
            [&NORMAL[..4], &[1; 8]].concat(),
        ),
    ] {
        let list = [&option[..], &beside].concat();
        let syn = read(&ipv4(&[], &tcp(SYN, &list), 0)).unwrap();
        assert!(
            matches!(syn.option, Parsed::Implausible(_)),
            "{what}: {syn:?}"
        );
    }
}

#[test]
fn what_is_no_whole_syn_of_tcp_is_not_read() {
    let whole = ipv4(&[1; 4], &tcp(SYN, &CLIENT), 0);
    let whole6 = ipv6(&[(0, 8), (44, 8)], &tcp(SYN, &CLIENT), 0);
    for packet in [&whole, &whole6] {
        for len in 0..packet.len() {
            assert_eq!(read(&packet[..len]), None, "{len}");
        }
    }
    for flags in [0, 0x10, SYN | 0x10, SYN | 0x01, SYN | 0x04] {
        assert_eq!(read(&ipv4(&[], &tcp(flags, &CLIENT), 0)), None, "{flags}");
    }
    for (at, byte) in [(0, 0x56), (0, 0x44), (9, 17), (24 + 12, 0x40)] {
        let mut packet = whole.clone();
        packet[at] = byte;
        assert_eq!(read(&packet), None, "{at}: {byte}");
    }
    // An IPv4 header of 16 bytes.
    let mut short = ipv4(&[], &[], 0)[..16].to_vec();
    short[0] = 0x44;
    short.extend(tcp(SYN, &CLIENT));
    assert_eq!(read(&short), None);
    // An extension header that nobody knows.
    assert_eq!(read(&ipv6(&[(50, 8)], &tcp(SYN, &CLIENT), 0)), None);
}

#[test]
fn data_or_a_cookie_may_be_a_fast_open() {
    let plain = tcp(SYN, &CLIENT);
    for (what, packet, expected) in [
        ("IPv4 with data", ipv4(&[], &plain, 1), true),
        ("IPv6 with data", ipv6(&[(0, 8)], &plain, 1), true),
        ("neither", ipv4(&[], &plain, 0), false),
        (
            "a request for a cookie",
            ipv4(&[], &tcp(SYN, &[34, 2, 1, 1]), 0),
            false,
        ),
        (
            "a cookie",
            ipv4(&[], &tcp(SYN, &[1, 1, 34, 6, 1, 2, 3, 4]), 0),
            true,
        ),
        (
            "a cookie under the experimental number",
            ipv4(
                &[],
                &tcp(SYN, &[254, 12, 0xf9, 0x89, 1, 2, 3, 4, 5, 6, 7, 8]),
                0,
            ),
            true,
        ),
        (
            "a client with the experimental number for a port",
            ipv4(&[], &tcp(SYN, &[254, 8, 0xf9, 0x89, 203, 0, 113, 7]), 0),
            false,
        ),
    ] {
        assert_eq!(read(&packet).unwrap().may_be_fast_open, expected, "{what}");
    }
}

/// The length of an extension header and its number.
fn extension() -> impl Strategy<Value = (u8, usize)> {
    prop_oneof![
        (proptest::sample::select(vec![0, 43, 60]), 1usize..33).prop_map(|(n, len)| (n, len * 8)),
        (2usize..258).prop_map(|len| (51, len * 4)),
        Just((44, 8)),
    ]
}

proptest! {
    #[test]
    fn any_bytes_have_an_answer(packet: Vec<u8>, version in 0u8..16) {
        let _ = read(&packet);
        let mut packet = packet;
        if let Some(first) = packet.first_mut() {
            *first = *first & 0x0f | version << 4;
        }
        let _ = read(&packet);
    }

    #[test]
    fn the_option_list_is_read_wherever_tcp_begins(
        list in vec(any::<u8>(), 0..=40),
        ip_options in vec(any::<u8>(), 0..=40),
        extensions in vec(extension(), 0..8),
    ) {
        let whole = |bytes: &[u8]| bytes[..bytes.len() / 4 * 4].to_vec();
        let (list, ip_options) = (whole(&list), whole(&ip_options));
        let expected = Some(parse_syn(&list, &OptionFormats::default()));
        let syn = tcp(SYN, &list);
        for packet in [ipv4(&ip_options, &syn, 0), ipv6(&extensions, &syn, 0)] {
            prop_assert_eq!(read(&packet).map(|syn| syn.option), expected);
        }
    }
}
