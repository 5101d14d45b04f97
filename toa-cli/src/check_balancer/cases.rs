//! What is tried.

use std::net::{IpAddr, SocketAddr};

use toa_core::OptionFormat::{self, Cip, Toa, ToaAt, Ttgw, Vtoa};
use toa_core::option::{MAX_OPTIONS_LEN, ToaOption};

use super::ask::Ask;

/// One way to be somebody else.
#[derive(Clone, Debug)]
pub(super) struct Case {
    pub(super) name: &'static str,
    /// For the table.
    pub(super) what: &'static str,
    /// Whose address is forged, if one is.
    pub(super) forged: Option<SocketAddr>,
    pub(super) sends: Sends,
    /// What to ask for when the balancer lets it through.
    pub(super) ask: Ask,
    /// Whether only an address that was believed is the balancer's fault: in these a
    /// correct balancer too leaves the backend without an option that it believes.
    pub(super) only_believed: bool,
}

/// The segments of a case; each has this option list in the segment that completes the
/// handshake.
#[derive(Clone, Debug)]
pub(super) enum Sends {
    /// A third ACK.
    Ack(Vec<u8>),
    /// A third ACK in which a timestamp option follows.
    AckBesideTimestamps(Vec<u8>),
    /// Data up to the MTU.
    LongData(Vec<u8>),
    /// A FIN with data.
    Fin(Vec<u8>),
    /// A SYN-ACK with data.
    SynAck(Vec<u8>),
    /// An ACK of a number that the kernel takes for another SYN cookie of its own.
    NeighbourCookie(Vec<u8>),
    /// An ACK of the older of two SYN cookies.
    OlderCookie(Vec<u8>),
}

/// Documentation ranges: RFC 5737 and RFC 3849.
fn forged(v4: bool) -> SocketAddr {
    let ip: IpAddr = match v4 {
        true => [203, 0, 113, 66].into(),
        false => [0x2001, 0xdb8, 0, 0, 0, 0, 0, 0x66].into(),
    };
    SocketAddr::new(ip, 6666)
}

/// The first is sent without anything forged, to see that hand-made segments arrive.
pub(super) fn cases(client_is_v4: bool) -> Vec<Case> {
    let own = forged(client_is_v4);
    let option = option(Toa, own);
    let case = |name, what, forged, sends, ask| Case {
        name,
        what,
        forged,
        sends,
        ask,
        only_believed: false,
    };
    // Where the balancer has no room for its own, and the source cannot tell.
    let no_room = |option: Vec<u8>| match client_is_v4 {
        true => Sends::LongData(option),
        false => Sends::AckBesideTimestamps(option),
    };
    let mut cases = vec![
        case(
            "by-hand",
            "nothing forged, segments made by hand",
            None,
            Sends::Ack(Vec::new()),
            Ask::Insert,
        ),
        case(
            "second-option",
            "a forged option",
            Some(own),
            Sends::Ack(option.clone()),
            Ask::First,
        ),
        case(
            "full-list",
            "a forged option, the list filled with padding",
            Some(own),
            Sends::Ack(filled(&option, &[])),
            Ask::Overwrite,
        ),
        Case {
            only_believed: true,
            ..case(
                "full-list-unknown",
                "the same, filled with an option that nobody knows",
                Some(own),
                Sends::Ack(filled(&option, &unknown(MAX_OPTIONS_LEN - option.len()))),
                Ask::Overwrite,
            )
        },
        case(
            "timestamps",
            "a forged option and negotiated timestamps",
            Some(own),
            Sends::AckBesideTimestamps(option.clone()),
            Ask::Overwrite,
        ),
        case(
            "no-operations",
            "40 bytes of padding, nothing forged",
            None,
            Sends::Ack(filled(&[], &[])),
            Ask::Room,
        ),
        case(
            "long-data",
            "a forged option in a first data segment as long as the MTU",
            Some(own),
            Sends::LongData(option.clone()),
            Ask::Overwrite,
        ),
        case(
            "fin",
            "a forged option in a FIN that completes the handshake",
            Some(own),
            Sends::Fin(option.clone()),
            Ask::Fin,
        ),
        Case {
            only_believed: true,
            ..case(
                "syn-ack",
                "a forged option in a SYN-ACK with data",
                Some(own),
                Sends::SynAck(option.clone()),
                Ask::EverySegment,
            )
        },
    ];
    for (name, what, format, v4) in [
        (
            "kind-253",
            "a forged option of kind 253, no room left",
            ToaAt(253),
            client_is_v4,
        ),
        (
            "kind-200",
            "a forged option of kind 200, no room left",
            ToaAt(200),
            client_is_v4,
        ),
        ("vtoa", "the same in the format vtoa (252/20)", Vtoa, true),
        ("cip", "the same in the format cip (28)", Cip, client_is_v4),
        ("ttgw", "the same in the format ttgw (254/16)", Ttgw, true),
    ] {
        let sends = no_room(self::option(format, forged(v4)));
        cases.push(case(name, what, Some(forged(v4)), sends, Ask::Kinds));
    }
    for (name, what, sends) in [
        (
            "cookie-neighbour",
            "a forged option in the ACK of a neighbouring SYN cookie",
            Sends::NeighbourCookie(option.clone()),
        ),
        (
            "cookie-older",
            "a forged option in the ACK of the older of two SYN cookies",
            Sends::OlderCookie(option),
        ),
    ] {
        cases.push(Case {
            only_believed: true,
            ..case(name, what, Some(own), sends, Ask::EverySegment)
        });
    }
    // Last: a balancer may answer that this is too long, which the kernel remembers.
    cases.push(case(
        "long-data-bare",
        "a first data segment as long as the MTU, nothing forged",
        None,
        Sends::LongData(Vec::new()),
        Ask::Long,
    ));
    cases
}

/// As a balancer would write it, padded to four bytes.
fn option(format: OptionFormat, client: SocketAddr) -> Vec<u8> {
    let virtual_addr = SocketAddr::new([203, 0, 113, 67].into(), 80);
    let option = ToaOption::in_format(format, client, virtual_addr);
    option
        .map(|option| option.encode().to_vec())
        .unwrap_or_default()
}

/// `first`, `then`, and padding up to the longest list.
fn filled(first: &[u8], then: &[u8]) -> Vec<u8> {
    let mut list = [first, then].concat();
    list.resize(MAX_OPTIONS_LEN, 1);
    list
}

/// An option of an experimental kind without an owner (RFC 6994 would begin it with an
/// identifier), this long.
fn unknown(len: usize) -> Vec<u8> {
    let mut option = vec![0x77; len];
    option[0] = 251;
    option[1] = len as u8;
    option
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options(sends: &Sends) -> &[u8] {
        match sends {
            Sends::Ack(options)
            | Sends::AckBesideTimestamps(options)
            | Sends::LongData(options)
            | Sends::Fin(options)
            | Sends::SynAck(options)
            | Sends::NeighbourCookie(options)
            | Sends::OlderCookie(options) => options,
        }
    }

    #[test]
    fn only_addresses_for_documentation_are_ever_forged() {
        for v4 in [true, false] {
            let forged: Vec<_> = cases(v4).iter().filter_map(|case| case.forged).collect();
            for address in forged {
                assert!(match address.ip() {
                    IpAddr::V4(ip) => ip.is_documentation(),
                    IpAddr::V6(ip) => ip.segments()[..2] == [0x2001, 0xdb8],
                });
            }
        }
    }

    #[test]
    fn every_option_list_fits_a_header_and_holds_the_forged_address() {
        for case in [cases(true), cases(false)].concat() {
            let list = options(&case.sends);
            let longest = match case.sends {
                Sends::AckBesideTimestamps(_) => MAX_OPTIONS_LEN - 12,
                _ => MAX_OPTIONS_LEN,
            };
            assert!(
                list.len() <= longest && list.len().is_multiple_of(4),
                "{case:?}"
            );
            if let Some(forged) = case.forged {
                let address = match forged.ip() {
                    IpAddr::V4(ip) => ip.octets().to_vec(),
                    IpAddr::V6(ip) => ip.octets().to_vec(),
                };
                let found = list.windows(address.len()).any(|part| part == address);
                assert!(found, "{case:?}");
            }
        }
    }

    #[test]
    fn every_case_has_a_name_of_its_own() {
        for v4 in [true, false] {
            let mut names: Vec<_> = cases(v4).iter().map(|case| case.name).collect();
            let count = names.len();
            names.sort_unstable();
            names.dedup();
            assert_eq!(names.len(), count);
        }
    }
}
