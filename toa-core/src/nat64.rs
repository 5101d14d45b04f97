//! IPv4 clients inside IPv6 addresses: what a NAT64 made of them.

use std::fmt;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV6};
use std::str::FromStr;

use ipnet::Ipv6Net;

use crate::addr::to_canonical;
use crate::option::is_ipv4_client_address;

/// A prefix by which a NAT64 writes IPv4 addresses as IPv6 ones (RFC 6052, section 2.2).
///
/// ```
/// use toa_core::Nat64Prefix;
///
/// let prefix: Nat64Prefix = "2001:db8:122:344::/64".parse()?;
/// let client = "[2001:db8:122:344:c0:2:2100:0]:41234".parse()?;
/// assert_eq!(prefix.canonical(client).to_string(), "192.0.2.33:41234");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Nat64Prefix(Ipv6Net);

/// Why a prefix was refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0:?} is not a nat64 prefix: write an ipv6 network of 32, 40, 48, 56, 64 or 96 bits, such as 64:ff9b::/96"
)]
pub struct ParseNat64PrefixError(String);

/// RFC 6052, section 2.2: bits 64 to 71 are zero in every address.
const ZERO_OCTET: usize = 8;

impl Nat64Prefix {
    /// 64:ff9b::/96.
    pub const WELL_KNOWN: Self = Self(Ipv6Net::new_assert(
        Ipv6Addr::new(0x64, 0xff9b, 0, 0, 0, 0, 0, 0),
        96,
    ));

    /// The IPv4 address inside this one; `None` when it is not of the prefix, or when no
    /// client has the address inside, such as 127.0.0.1.
    #[must_use]
    pub fn ipv4_in(&self, address: Ipv6Addr) -> Option<Ipv4Addr> {
        let octets = address.octets();
        if !self.0.contains(&address) || octets[ZERO_OCTET] != 0 {
            return None;
        }
        let start = usize::from(self.0.prefix_len() / 8);
        let mut inside = (start..16)
            .filter(|&at| at != ZERO_OCTET)
            .map(|at| octets[at]);
        let mut next = || inside.next().unwrap_or_default();
        let octets = [next(), next(), next(), next()];
        is_ipv4_client_address(octets).then(|| octets.into())
    }

    /// An IPv4 address of the prefix, or a mapped one, as IPv4; every other as it is.
    #[must_use]
    pub fn canonical(&self, address: SocketAddrV6) -> SocketAddr {
        match self.ipv4_in(*address.ip()) {
            Some(v4) => SocketAddr::from((v4, address.port())),
            None => to_canonical(address),
        }
    }
}

impl Default for Nat64Prefix {
    /// [`WELL_KNOWN`](Self::WELL_KNOWN).
    fn default() -> Self {
        Self::WELL_KNOWN
    }
}

impl FromStr for Nat64Prefix {
    type Err = ParseNat64PrefixError;

    fn from_str(text: &str) -> Result<Self, ParseNat64PrefixError> {
        let net: Option<Ipv6Net> = text.parse().ok();
        net.filter(|net| [32, 40, 48, 56, 64, 96].contains(&net.prefix_len()))
            .filter(|net| net.trunc() == *net && net.addr().octets()[ZERO_OCTET] == 0)
            .map(Self)
            .ok_or_else(|| ParseNat64PrefixError(text.to_owned()))
    }
}

impl fmt::Display for Nat64Prefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 6052, section 2.4, and addresses beside those.
    #[test]
    fn an_ipv4_address_is_found_where_the_rfc_has_it() {
        for (prefix, address, expected) in [
            ("2001:db8::/32", "2001:db8:c000:221::", Some("192.0.2.33")),
            (
                "2001:db8:100::/40",
                "2001:db8:1c0:2:21::",
                Some("192.0.2.33"),
            ),
            (
                "2001:db8:122::/48",
                "2001:db8:122:c000:2:2100::",
                Some("192.0.2.33"),
            ),
            (
                "2001:db8:122:300::/56",
                "2001:db8:122:3c0:0:221::",
                Some("192.0.2.33"),
            ),
            (
                "2001:db8:122:344::/64",
                "2001:db8:122:344:c0:2:2100::",
                Some("192.0.2.33"),
            ),
            (
                "2001:db8:122:344::/96",
                "2001:db8:122:344::192.0.2.33",
                Some("192.0.2.33"),
            ),
            ("64:ff9b::/96", "64:ff9b::203.0.113.7", Some("203.0.113.7")),
            ("64:ff9b::/96", "64:ff9b::1:203.0.113.7", None),
            ("64:ff9b::/96", "64:ff9a::203.0.113.7", None),
            (
                "2001:db8:122:344::/64",
                "2001:db8:122:344:1c0:2:2100::",
                None,
            ),
        ] {
            let prefix: Nat64Prefix = prefix.parse().unwrap();
            let found = prefix.ipv4_in(address.parse().unwrap());
            assert_eq!(found, expected.map(|ip| ip.parse().unwrap()), "{address}");
        }
        let well_known = Nat64Prefix::WELL_KNOWN.to_string();
        assert_eq!(well_known.parse(), Ok(Nat64Prefix::WELL_KNOWN));
    }

    /// A source refuses these in 64:ff9b::/96; it does not know of other prefixes.
    #[test]
    fn an_address_that_no_client_has_is_not_taken_out_of_a_prefix() {
        for inside in ["127.0.0.1", "0.0.0.1", "224.0.0.1", "255.255.255.255"] {
            for prefix in ["2001:db8:122:344::/96", "64:ff9b::/96"] {
                let prefix: Nat64Prefix = prefix.parse().unwrap();
                let text = format!("{}{inside}", prefix.0.addr());
                let address: Ipv6Addr = text.parse().unwrap();
                assert_eq!(prefix.ipv4_in(address), None, "{address}");
                let address = SocketAddrV6::new(address, 9, 0, 0);
                assert_eq!(prefix.canonical(address), SocketAddr::V6(address));
            }
        }
    }

    #[test]
    fn addresses_of_no_prefix_stay_as_they_are() {
        for (address, expected) in [
            ("[64:ff9b::203.0.113.7]:9", "203.0.113.7:9"),
            ("[::ffff:203.0.113.7]:9", "203.0.113.7:9"),
            ("[2001:db8::7]:9", "[2001:db8::7]:9"),
        ] {
            let shown = Nat64Prefix::WELL_KNOWN.canonical(address.parse().unwrap());
            assert_eq!(shown.to_string(), expected);
        }
    }

    #[test]
    fn what_is_no_nat64_prefix_is_refused_and_quoted() {
        for text in [
            "64:ff9b::",
            "64:ff9b::/95",
            "64:ff9b::1/96",
            "2001:db8:122:344:100::/96",
            "10.0.0.0/8",
            "any",
        ] {
            let error = text.parse::<Nat64Prefix>().unwrap_err().to_string();
            assert!(error.starts_with(&format!("{text:?}")), "{error}");
        }
    }
}
