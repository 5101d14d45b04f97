//! The layouts of `bpf/watch.h`.

use std::net::{Ipv6Addr, SocketAddr, SocketAddrV6};
use std::time::{Duration, SystemTime};

use toa_core::abi::INFO_HAS_VIRTUAL;
use toa_core::{Provenance, to_canonical};

use super::super::connections::outcome;
use crate::{Event, What};

/// `sizeof(struct toa_event)`
const LEN: usize = 96;
/// `enum toa_watch_what`
const OPENED: u8 = 1;
const SYN: u8 = 2;
const LATE: u8 = 3;

/// The time in both clocks.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Now {
    pub(crate) wall: SystemTime,
    /// In nanoseconds.
    pub(crate) since_boot: u64,
}

impl Now {
    fn wall(self, since_boot: u64) -> SystemTime {
        let ago = Duration::from_nanos(self.since_boot.saturating_sub(since_boot));
        self.wall.checked_sub(ago).unwrap_or(self.wall)
    }
}

/// `None` for what the program does not write.
pub(crate) fn read(bytes: &[u8], now: Now) -> Option<Event> {
    let bytes: &[u8; LEN] = bytes.try_into().ok()?;
    let at = u64::from_ne_bytes(array(bytes, 0)?);
    let flags = u32::from_ne_bytes(array(bytes, 80)?);
    let source = u32::from_ne_bytes(array(bytes, 84)?);
    let what = match bytes[88] {
        OPENED => {
            let outcome = outcome(flags).unwrap_or(Provenance::NotSent);
            let is_believed = outcome == Provenance::Toa;
            let has_virtual = is_believed && flags & INFO_HAS_VIRTUAL != 0;
            What::Opened {
                outcome,
                client: end(bytes, 40, 76).filter(|_| is_believed),
                virtual_addr: end(bytes, 56, 78).filter(|_| has_virtual),
            }
        }
        SYN => What::OptionInSyn,
        LATE => What::OptionLater {
            in_data: bytes[91] != 0,
        },
        _ => return None,
    };
    Some(Event {
        at: now.wall(at),
        what,
        local: end(bytes, 8, 72)?,
        peer: end(bytes, 24, 74)?,
        option: (bytes[89] != 0).then_some((bytes[89], bytes[90])),
        source: source as usize,
    })
}

fn end(bytes: &[u8; LEN], address: usize, port: usize) -> Option<SocketAddr> {
    let address = Ipv6Addr::from(array::<16>(bytes, address)?);
    let port = u16::from_be_bytes(array(bytes, port)?);
    Some(to_canonical(SocketAddrV6::new(address, port, 0, 0)))
}

fn array<const N: usize>(bytes: &[u8; LEN], at: usize) -> Option<[u8; N]> {
    bytes.get(at..at + N)?.try_into().ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use toa_core::abi::{INFO_HAS_ADDR, INFO_UNTRUSTED};

    use super::*;

    const NOW: Now = Now {
        wall: SystemTime::UNIX_EPOCH,
        since_boot: 5_000_000_000,
    };

    fn bytes(what: u8, flags: u32) -> Vec<u8> {
        let mut bytes = vec![0; LEN];
        bytes[..8].copy_from_slice(&5_000_000_000u64.to_ne_bytes());
        for (at, address, port_at, port) in [
            (8, "::ffff:10.0.0.1", 72, 3000u16),
            (24, "fd00::9", 74, 4711),
            (40, "2001:db8::7", 76, 12345),
            (56, "::ffff:10.0.8.208", 78, 443),
        ] {
            let address: Ipv6Addr = address.parse().unwrap();
            bytes[at..at + 16].copy_from_slice(&address.octets());
            bytes[port_at..port_at + 2].copy_from_slice(&port.to_be_bytes());
        }
        bytes[80..84].copy_from_slice(&flags.to_ne_bytes());
        bytes[84..88].copy_from_slice(&3u32.to_ne_bytes());
        bytes[88..92].copy_from_slice(&[what, 254, 20, 1]);
        bytes
    }

    #[test]
    fn each_event_is_read_and_only_a_believed_client_is_named() {
        let opened = |outcome, client: &str, virtual_addr: &str| What::Opened {
            outcome,
            client: client.parse().ok(),
            virtual_addr: virtual_addr.parse().ok(),
        };
        let (client, asked_for) = ("[2001:db8::7]:12345", "10.0.8.208:443");
        let both = INFO_HAS_ADDR | INFO_HAS_VIRTUAL;
        for (what, flags, expected) in [
            (OPENED, INFO_HAS_ADDR, opened(Provenance::Toa, client, "")),
            (OPENED, both, opened(Provenance::Toa, client, asked_for)),
            (
                OPENED,
                INFO_UNTRUSTED,
                opened(Provenance::Untrusted, "", ""),
            ),
            (OPENED, 0, opened(Provenance::NotSent, "", "")),
            (SYN, 0, What::OptionInSyn),
            (LATE, 0, What::OptionLater { in_data: true }),
        ] {
            let event = read(&bytes(what, flags), NOW).unwrap();
            assert_eq!(event.what, expected);
            assert_eq!(event.at, SystemTime::UNIX_EPOCH);
            assert_eq!(event.local, "10.0.0.1:3000".parse().unwrap());
            assert_eq!(event.peer, "[fd00::9]:4711".parse().unwrap());
            assert_eq!((event.option, event.source), (Some((254, 20)), 3));
        }
        assert_eq!(read(&bytes(9, 0), NOW), None);
        assert_eq!(read(&bytes(OPENED, 0)[1..], NOW), None);
    }

    proptest! {
        #[test]
        fn no_bytes_make_the_reader_panic(
            bytes in prop::collection::vec(any::<u8>(), 0..LEN + 8), since_boot in any::<u64>(),
        ) {
            let _ = read(&bytes, Now { since_boot, ..NOW });
        }
    }
}
