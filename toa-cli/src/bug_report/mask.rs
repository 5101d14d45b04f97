//! Names in the place of addresses. Rather too much is masked than too little: a version of four
//! numbers looks like an address.

use std::collections::HashMap;
use std::fs;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Addresses that many hosts share, and networks that `toa load` has names for: they tell nothing
/// of this one.
const COMMON: [IpAddr; 10] = [
    IpAddr::V4(Ipv4Addr::UNSPECIFIED),
    IpAddr::V4(Ipv4Addr::LOCALHOST),
    IpAddr::V4(Ipv4Addr::new(10, 0, 0, 0)),
    IpAddr::V4(Ipv4Addr::new(100, 64, 0, 0)),
    IpAddr::V4(Ipv4Addr::new(172, 16, 0, 0)),
    IpAddr::V4(Ipv4Addr::new(192, 168, 0, 0)),
    IpAddr::V6(Ipv6Addr::UNSPECIFIED),
    IpAddr::V6(Ipv6Addr::LOCALHOST),
    IpAddr::V6(Ipv6Addr::new(0xfc00, 0, 0, 0, 0, 0, 0, 0)),
    IpAddr::V6(Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 0)),
];

/// The longest address: an IPv4 one in an IPv6 one, with all its zeros.
const LONGEST: usize = 45;

/// The names so far.
#[derive(Debug, Default)]
pub(super) struct Mask {
    host_name: Option<String>,
    names: HashMap<IpAddr, String>,
}

impl Mask {
    /// This host's name is masked as well.
    pub(super) fn of_this_host() -> Self {
        let name = fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
        let name = name.trim();
        Self {
            host_name: (name.len() > 2 && name != "localhost").then(|| name.to_owned()),
            names: HashMap::new(),
        }
    }

    pub(super) fn apply(mut self, text: &str) -> String {
        let text = match &self.host_name {
            Some(name) => text.replace(name.as_str(), "[host]"),
            None => text.to_owned(),
        };
        let (mut masked, mut rest) = (String::with_capacity(text.len()), text.as_str());
        let mut before = None;
        while let Some(first) = rest.chars().next() {
            let length = match address(rest, before) {
                Some((found, length)) => {
                    match COMMON.contains(&found) {
                        true => masked.push_str(&rest[..length]),
                        false => masked.push_str(self.name(found)),
                    }
                    length
                }
                None => {
                    masked.push(first);
                    first.len_utf8()
                }
            };
            before = rest[..length].chars().next_back();
            rest = &rest[length..];
        }
        masked
    }

    fn name(&mut self, address: IpAddr) -> &str {
        let kind = match address {
            IpAddr::V4(address) if address.is_private() => "private-ipv4",
            IpAddr::V4(_) => "ipv4",
            IpAddr::V6(address) if address.is_unique_local() => "private-ipv6",
            IpAddr::V6(_) => "ipv6",
        };
        let number = self.names.len() + 1;
        let name = self.names.entry(address);
        name.or_insert_with(|| format!("[{kind}-{number}]"))
    }
}

/// The address that the text begins with, and its length.
fn address(text: &str, before: Option<char>) -> Option<(IpAddr, usize)> {
    let v6 = v6(text).map(|(address, length)| (address.into(), length));
    v6.or_else(|| v4(text, before))
}

fn v6(text: &str) -> Option<(Ipv6Addr, usize)> {
    let is_part = |byte: &u8| byte.is_ascii_hexdigit() || matches!(byte, b':' | b'.');
    let run = text.bytes().take(LONGEST).take_while(is_part).count();
    (2..=run)
        .rev()
        .find_map(|length| Some((text[..length].parse().ok()?, length)))
}

/// Four numbers between dots, also with zeros in front; and as names of hosts have them,
/// `ip-10-0-0-7`. A date has no more than three.
fn v4(text: &str, before: Option<char>) -> Option<(IpAddr, usize)> {
    let separator = text
        .trim_start_matches(|c: char| c.is_ascii_digit())
        .chars()
        .next()?;
    let is_dotted = separator == '.';
    if !matches!(separator, '.' | '-' | '_')
        || (!is_dotted && before.is_some_and(|before| before.is_ascii_digit()))
    {
        return None;
    }
    let (mut octets, mut length) = ([0; 4], 0);
    for (position, octet) in octets.iter_mut().enumerate() {
        if position > 0 {
            length += usize::from(text[length..].starts_with(separator));
        }
        let digits = text[length..]
            .bytes()
            .take(3)
            .take_while(u8::is_ascii_digit)
            .count();
        let number: u16 = text[length..length + digits].parse().ok()?;
        // No octet, but nearly, is masked as well.
        *octet = u8::try_from(number).unwrap_or(u8::MAX);
        length += digits;
    }
    let separators = text[..length].matches(separator).count();
    (separators == 3).then(|| (IpAddr::from(octets), length))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn masked(text: &str) -> String {
        Mask::default().apply(text)
    }

    #[test]
    fn an_address_has_one_name_wherever_and_however_it_stands() {
        for (text, expected) in [
            ("10.1.2.3", "[private-ipv4-1]"),
            (
                "peer 203.0.113.7:80, 203.0.113.7/24",
                "peer [ipv4-1]:80, [ipv4-1]/24",
            ),
            (
                "[2001:db8::7]:443 2001:DB8:0::7%eth0",
                "[[ipv6-1]]:443 [ipv6-1]%eth0",
            ),
            ("::ffff:10.0.0.9", "[ipv6-1]"),
            (
                "fd00::1 and 10.9.9.9",
                "[private-ipv6-1] and [private-ipv4-2]",
            ),
            ("addr:010.001.002.003;", "addr:[private-ipv4-1];"),
            ("ip-10-0-0-7.internal", "ip-[private-ipv4-1].internal"),
            ("a 1.2.3.4.5 version", "a [ipv4-1].5 version"),
            ("12.34.56.789", "[ipv4-1]"),
            ("é203.0.113.7é", "é[ipv4-1]é"),
        ] {
            assert_eq!(masked(text), expected, "{text}");
        }
    }

    #[test]
    fn what_names_no_host_stays_as_it_is() {
        for text in [
            "trusts 10.0.0.0/8, 172.16.0.0/12, fc00::/7",
            "[::]:80 127.0.0.1 ::1 0.0.0.0",
            "2026-11-26T04:48:00Z 6.18.44-fc-v595 1.2.3",
            "a:b 12:30 :: 1.2.3. 1..2.3.4",
            "0::/system.slice",
            "",
        ] {
            assert_eq!(masked(text), text);
        }
    }

    #[test]
    fn the_name_of_the_host_is_masked() {
        let mask = Mask {
            host_name: Some("web-7".to_owned()),
            names: HashMap::new(),
        };
        assert_eq!(mask.apply("Linux web-7 6.1"), "Linux [host] 6.1");
    }

    fn any_address() -> impl Strategy<Value = IpAddr> {
        prop_oneof![
            any::<u32>().prop_map(|bits| IpAddr::V4(Ipv4Addr::from(bits))),
            any::<u128>().prop_map(|bits| IpAddr::V6(Ipv6Addr::from(bits))),
            // With runs of zeros.
            any::<[u8; 4]>().prop_map(|[a, b, c, d]| {
                IpAddr::V6(Ipv6Addr::new(
                    a.into(),
                    0,
                    0,
                    b.into(),
                    0,
                    0,
                    c.into(),
                    d.into(),
                ))
            }),
            any::<u32>().prop_map(|bits| IpAddr::V6(Ipv4Addr::from(bits).to_ipv6_mapped())),
        ]
    }

    proptest! {
        #[test]
        fn an_address_between_other_words_goes_as_a_whole(address in any_address()) {
            prop_assume!(!COMMON.contains(&address));
            let masked = masked(&format!("peer={address}, [{address}]:80 {address}/64"));
            let name = &masked["peer=".len()..masked.find(',').unwrap()];
            let is_name = name.starts_with('[') && name.ends_with("-1]");
            prop_assert!(is_name, "{masked}");
            prop_assert_eq!(&masked, &format!("peer={name}, [{name}]:80 {name}/64"));
        }

        #[test]
        fn no_address_survives_whatever_stands_around_it(
            addresses in prop::collection::vec(any_address(), 1..5),
            around in prop::collection::vec("[-a-g0-9:./%, =\\[\\]\n_é]{0,4}", 5),
            upper in any::<bool>(),
        ) {
            let mut text = around[0].clone();
            for (address, around) in addresses.iter().zip(&around[1..]) {
                let address = address.to_string();
                text.push_str(&if upper { address.to_uppercase() } else { address });
                text.push_str(around);
            }
            let masked = masked(&text);
            for address in addresses {
                prop_assume!(!COMMON.contains(&address));
                let address = address.to_string();
                // Of a name such as [ipv4-1] it cannot be a part.
                prop_assert!(!masked.to_lowercase().contains(&address), "{text:?}: {masked:?}");
            }
            let is_part = |c: char| c.is_ascii_hexdigit() || matches!(c, ':' | '.');
            for run in masked.split(|c| !is_part(c)) {
                let survives = run.parse().is_ok_and(|address| !COMMON.contains(&address));
                prop_assert!(!survives, "{run} in {masked:?} of {text:?}");
            }
        }
    }
}
