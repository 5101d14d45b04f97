//! Whose word counts: the set of peers that may speak for a client.

use std::fmt;
use std::net::{IpAddr, Ipv6Addr};
use std::str::FromStr;

use ipnet::{IpNet, Ipv4Net, Ipv6Net};

/// The words that stand for networks, each with the networks.
const NAMED: [(&str, &[&str]); 3] = [
    // What a balancer talks to its backends over, and what a stranger on the Internet cannot have.
    (
        "private",
        &[
            "10.0.0.0/8",
            "172.16.0.0/12",
            "192.168.0.0/16",
            "100.64.0.0/10",
            "fc00::/7",
        ],
    ),
    ("link-local", &["169.254.0.0/16", "fe80::/10"]),
    ("loopback", &["127.0.0.0/8", "::1/128"]),
];

/// The peers whose TOA option is believed.
///
/// The default is [`private`](Self::private) space. Parses from `any`, from `none`, or
/// from any mixture, separated by commas, of CIDRs and of the words `private`,
/// `link-local` (169.254/16 and fe80::/10) and `loopback` (127/8 and ::1); a single
/// address counts as a network of one.
/// An IPv4 peer is looked up among the IPv4 networks alone, on a dual-stack listener
/// too: `::/0` is every IPv6 peer and no other.
///
/// ```
/// use toa_core::TrustedPeers;
///
/// let balancers: TrustedPeers = "10.1.0.0/16, fd00::7, loopback".parse()?;
/// assert!(balancers.contains("10.1.2.3".parse()?));
/// assert!(balancers.contains("127.0.0.1".parse()?));
/// assert!(!balancers.contains("10.2.2.3".parse()?));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct TrustedPeers(Set);

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Set {
    Any,
    /// Sorted and disjoint, so that membership is one binary search.
    Nets {
        v4: Vec<Ipv4Net>,
        v6: Vec<Ipv6Net>,
    },
}

/// A text that is not a trusted set.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ParseTrustedPeersError {
    /// Not a network.
    #[error(
        "{0:?} is not a network: write CIDRs such as 10.0.0.0/8 or fd00::/8, or `private`, `link-local`, `loopback`, `any` or `none`"
    )]
    NotANetwork(String),
    /// Address bits are set behind the prefix, so it is unclear what is meant.
    #[error("{0} has bits set behind its prefix: write {1}, or the address alone for one host")]
    HostBits(IpNet, IpNet),
    /// `any` or `none` among others.
    #[error("{0:?} stands for a whole set: give it alone")]
    NotAlone(String),
    /// Nothing given, which is more likely a mistake than `none`.
    #[error("no trusted network given: write CIDRs, `private`, `any` or `none`")]
    Empty,
}

impl TrustedPeers {
    /// Private and shared space: 10/8, 172.16/12, 192.168/16, 100.64/10 and fc00::/7.
    /// Every machine, pod and tenant in it can then name any client, and so can a stranger
    /// behind a hop in it that rewrites the sender and passes the option on, such as
    /// kube-proxy's masquerade: where you know the balancer's networks, name those.
    #[must_use]
    pub fn private() -> Self {
        named("private").into_iter().flatten().collect()
    }

    /// Everybody. Whoever can reach the port can then claim any address; right
    /// only where a firewall lets nobody but the balancer in.
    #[must_use]
    pub const fn insecure_any() -> Self {
        Self(Set::Any)
    }

    /// Nobody: every client is the TCP peer. For a listener that is not behind the
    /// balancer, on a host where others are.
    #[must_use]
    pub const fn none() -> Self {
        Self(Set::Nets {
            v4: Vec::new(),
            v6: Vec::new(),
        })
    }

    /// Whether `peer` is one of them; an IPv4-mapped address counts as IPv4.
    #[must_use]
    pub fn contains(&self, peer: IpAddr) -> bool {
        let Set::Nets { v4, v6 } = &self.0 else {
            return true;
        };
        match peer.to_canonical() {
            IpAddr::V4(ip) => {
                let above = v4.partition_point(|net| net.network() <= ip);
                above > 0 && v4[above - 1].contains(&ip)
            }
            IpAddr::V6(ip) => {
                let above = v6.partition_point(|net| net.network() <= ip);
                above > 0 && v6[above - 1].contains(&ip)
            }
        }
    }

    /// Whether everybody is trusted.
    #[must_use]
    pub const fn is_any(&self) -> bool {
        matches!(self.0, Set::Any)
    }

    /// Whether nobody is trusted.
    #[must_use]
    pub const fn is_none(&self) -> bool {
        matches!(&self.0, Set::Nets { v4, v6 } if v4.is_empty() && v6.is_empty())
    }

    /// Whether strangers are trusted: everybody, or at least half of all IPv4 addresses
    /// or of all global IPv6 addresses (2000::/3). No balancer needs that much.
    #[must_use]
    pub fn includes_strangers(&self) -> bool {
        let Set::Nets { v4, v6 } = &self.0 else {
            return true;
        };
        let global = Ipv6Net::new_assert(Ipv6Addr::new(0x2000, 0, 0, 0, 0, 0, 0, 0), 3);
        let halves = |prefix: u8, whole: u8| 2f64.powi(1 + i32::from(whole) - i32::from(prefix));
        let v4: f64 = v4.iter().map(|net| halves(net.prefix_len(), 0)).sum();
        let v6: f64 = v6
            .iter()
            .filter(|net| net.contains(&global) || global.contains(*net))
            .map(|net| halves(net.prefix_len().max(3), 3))
            .sum();
        v4 >= 1.0 || v6 >= 1.0
    }

    /// The networks, sorted and merged; none when [everybody](Self::is_any) is trusted.
    pub fn nets(&self) -> impl Iterator<Item = IpNet> {
        let (v4, v6): (&[_], &[_]) = match &self.0 {
            Set::Any => (&[], &[]),
            Set::Nets { v4, v6 } => (v4, v6),
        };
        v4.iter()
            .copied()
            .map(IpNet::V4)
            .chain(v6.iter().copied().map(IpNet::V6))
    }
}

impl Default for TrustedPeers {
    fn default() -> Self {
        Self::private()
    }
}

impl FromIterator<IpNet> for TrustedPeers {
    fn from_iter<I: IntoIterator<Item = IpNet>>(nets: I) -> Self {
        let (mut v4, mut v6) = (Vec::new(), Vec::new());
        for net in nets {
            match unmapped(net) {
                IpNet::V4(net) => v4.push(net),
                IpNet::V6(net) => v6.push(net),
            }
        }
        Self(Set::Nets {
            v4: Ipv4Net::aggregate(&v4),
            v6: Ipv6Net::aggregate(&v6),
        })
    }
}

/// A network inside `::ffff:0:0/96` as the IPv4 network that it is.
fn unmapped(net: IpNet) -> IpNet {
    if let IpNet::V6(v6) = net
        && let Some(v4) = v6.addr().to_ipv4_mapped()
        && let Some(prefix) = v6.prefix_len().checked_sub(96)
        && let Ok(v4) = Ipv4Net::new(v4, prefix)
    {
        return IpNet::V4(v4);
    }
    net
}

impl FromStr for TrustedPeers {
    type Err = ParseTrustedPeersError;

    fn from_str(text: &str) -> Result<Self, ParseTrustedPeersError> {
        let words: Vec<&str> = text
            .split(',')
            .map(str::trim)
            .filter(|word| !word.is_empty())
            .collect();
        match words.as_slice() {
            [] => Err(ParseTrustedPeersError::Empty),
            ["any"] => Ok(Self::insecure_any()),
            ["none"] => Ok(Self::none()),
            words => {
                let mut nets = Vec::with_capacity(words.len());
                for word in words {
                    match named(word) {
                        Some(named) => nets.extend(named),
                        None => nets.push(parse_net(word)?),
                    }
                }
                Ok(nets.into_iter().collect())
            }
        }
    }
}

/// The networks that a word stands for.
fn named(word: &str) -> Option<impl Iterator<Item = IpNet>> {
    let (_, nets) = NAMED.iter().find(|(name, _)| *name == word)?;
    Some(
        nets.iter()
            .map(|net| net.parse().expect("the constants are networks")),
    )
}

fn parse_net(word: &str) -> Result<IpNet, ParseTrustedPeersError> {
    if matches!(word, "any" | "none") {
        return Err(ParseTrustedPeersError::NotAlone(word.to_owned()));
    }
    if let Ok(host) = word.parse::<IpAddr>() {
        return Ok(host.into());
    }
    let net: IpNet = word
        .parse()
        .map_err(|_| ParseTrustedPeersError::NotANetwork(word.to_owned()))?;
    if net.addr() == net.network() {
        Ok(net)
    } else {
        Err(ParseTrustedPeersError::HostBits(net, net.trunc()))
    }
}

impl fmt::Display for TrustedPeers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_any() {
            return f.write_str("any");
        }
        if self.is_none() {
            return f.write_str("none");
        }
        for (i, net) in self.nets().enumerate() {
            write!(f, "{}{net}", if i == 0 { "" } else { "," })?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
