//! A policy as text: `source`, or the words of [`TrustedPeers`].

use std::fmt;
use std::str::FromStr;

use crate::policy::Policy;
use crate::trust::{TrustError, TrustedPeers};

/// The default policy's word: trust is the source's business.
const SOURCE: &str = "source";

impl fmt::Display for Policy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.trusted_peers() {
            Some(peers) => peers.fmt(f),
            None => f.write_str(SOURCE),
        }
    }
}

impl FromStr for Policy {
    type Err = TrustError;

    fn from_str(text: &str) -> Result<Self, TrustError> {
        if text.trim() == SOURCE {
            Ok(Self::new())
        } else if text.split(',').any(|word| word.trim() == SOURCE) {
            Err(TrustError::NotAlone(SOURCE.to_owned()))
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
            assert_eq!(error, TrustError::NotAlone("source".to_owned()));
        }
    }
}
