//! Which peers the library believes.

use std::fmt;
use std::net::{IpAddr, SocketAddrV6};
use std::str::FromStr;
use std::sync::LazyLock;

use crate::trust::{ParseTrustedPeersError, TrustedPeers};

/// The default policy's word: trust is the source's business.
const SOURCE: &str = "source";

/// Which peers the library believes, on top of what the source refuses.
///
/// By default a source that enforces trust itself (ours do) is taken at its
/// word, and behind any other the TCP peer must be in
/// [private space](TrustedPeers::private).
///
/// Parses from `source`, the default, or from what [`TrustedPeers`] parses from:
/// `private`, `any`, `none` or CIDRs, so that an environment variable or, with the
/// feature `serde`, a configuration file can hold it.
///
/// ```
/// use toa_core::Policy;
///
/// let policy: Policy = "10.1.0.0/16, fd00::7".parse()?;
/// assert_eq!(policy, Policy::new().with_trusted_peers("10.1.0.0/16, fd00::7".parse()?));
/// assert_eq!("source".parse(), Ok(Policy::new()));
/// assert!("10.1.0.0/99".parse::<Policy>().is_err());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Policy {
    trusted: Option<TrustedPeers>,
}

impl Policy {
    /// The default: the source's word, else private space.
    #[must_use]
    pub const fn new() -> Self {
        Self { trusted: None }
    }

    /// Believes `peers` alone, whatever the source enforces. It can only narrow
    /// what one of our sources lets through: what the source refused stays refused.
    #[must_use]
    pub fn with_trusted_peers(mut self, peers: TrustedPeers) -> Self {
        self.trusted = Some(peers);
        self
    }

    /// The peers that alone are believed, if there are such.
    #[must_use]
    pub const fn trusted_peers(&self) -> Option<&TrustedPeers> {
        self.trusted.as_ref()
    }

    /// Whether the library lets this `peer` speak for a client.
    pub(crate) fn trusts(&self, peer: SocketAddrV6, enforced_by_source: bool) -> bool {
        let peer = IpAddr::V6(*peer.ip());
        match &self.trusted {
            Some(peers) => peers.contains(peer),
            None => enforced_by_source || private().contains(peer),
        }
    }
}

fn private() -> &'static TrustedPeers {
    static PRIVATE: LazyLock<TrustedPeers> = LazyLock::new(TrustedPeers::private);
    &PRIVATE
}

impl fmt::Display for Policy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.trusted_peers() {
            Some(peers) => peers.fmt(f),
            None => f.write_str(SOURCE),
        }
    }
}

impl FromStr for Policy {
    type Err = ParseTrustedPeersError;

    fn from_str(text: &str) -> Result<Self, ParseTrustedPeersError> {
        if text.trim() == SOURCE {
            Ok(Self::new())
        } else if text.split(',').any(|word| word.trim() == SOURCE) {
            Err(ParseTrustedPeersError::NotAlone(SOURCE.to_owned()))
        } else {
            text.parse().map(TrustedPeers::into)
        }
    }
}

impl From<TrustedPeers> for Policy {
    fn from(peers: TrustedPeers) -> Self {
        Self::new().with_trusted_peers(peers)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_policy_is_the_word_source_or_a_trusted_set() {
        for (text, expected) in [
            ("source", Policy::new()),
            (" source ", Policy::new()),
            ("private", TrustedPeers::private().into()),
            ("any", TrustedPeers::insecure_any().into()),
            ("none", TrustedPeers::none().into()),
            (
                "10.0.0.7",
                "10.0.0.7/32".parse::<TrustedPeers>().unwrap().into(),
            ),
        ] {
            let policy: Policy = text.parse().unwrap();
            assert_eq!(policy, expected, "{text}");
            assert_eq!(policy.to_string().parse(), Ok(policy), "{text}");
        }
    }

    #[test]
    fn the_word_source_stands_alone() {
        for text in ["source,10.0.0.0/8", "10.0.0.0/8,source"] {
            let error = text.parse::<Policy>().unwrap_err();
            assert_eq!(error, ParseTrustedPeersError::NotAlone("source".to_owned()));
        }
    }
}
