//! What became of a case.

use std::net::{IpAddr, SocketAddr};

use serde::Serialize;
use toa_core::{ClientAddr, Provenance};

/// What the backend's source made of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Verdict {
    /// The client is the true one, and nothing was forged.
    True,
    /// The client is the true one: the balancer overwrote what was forged, or wrote ahead
    /// of it.
    Hidden,
    /// The client is somebody else.
    Believed,
    /// An option reached the backend, and its source refused it.
    Refused,
    /// No option reached the backend: the client is the balancer.
    Lost,
    /// The backend accepted no connection.
    NoConnection,
    /// It could not be tried.
    NotTried,
}

impl Verdict {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::True => "true",
            Self::Hidden => "hidden",
            Self::Believed => "BELIEVED",
            Self::Refused => "refused",
            Self::Lost => "lost",
            Self::NoConnection => "no connection",
            Self::NotTried => "not tried",
        }
    }
}

/// `truth` is whom the backend saw on ordinary connections of the same client; it has
/// several addresses when a network address translator is on the way.
pub(super) fn judge(
    seen: Option<&ClientAddr>,
    truth: &[IpAddr],
    forged: Option<SocketAddr>,
) -> Verdict {
    let Some(seen) = seen else {
        return Verdict::NoConnection;
    };
    match seen.provenance() {
        Provenance::Toa | Provenance::FromAccept => {
            match (truth.contains(&seen.client_ip()), forged) {
                // Also when what arrives is another address than was forged: a format that
                // the source misreads.
                (false, _) => Verdict::Believed,
                (true, Some(_)) => Verdict::Hidden,
                (true, None) => Verdict::True,
            }
        }
        Provenance::NotSent | Provenance::NoSource | Provenance::Failed(_) => Verdict::Lost,
        _ => Verdict::Refused,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FORGED: &str = "203.0.113.66:6666";
    const PEER: &str = "10.0.0.1:40000";

    fn verdict(client: &str, provenance: Provenance, forged: Option<&str>) -> Verdict {
        let address = |text: &str| toa_core::to_mapped(text.parse().unwrap());
        let seen = ClientAddr::mock(address(client), address(PEER), provenance);
        let truth = ["198.51.100.7", "198.51.100.8"].map(|ip| ip.parse().unwrap());
        judge(
            Some(&seen),
            &truth,
            forged.map(|text| text.parse().unwrap()),
        )
    }

    #[test]
    fn each_observation_has_its_verdict() {
        use Provenance as P;
        for (client, provenance, forged, expected) in [
            ("198.51.100.7:1", P::Toa, None, Verdict::True),
            ("198.51.100.7:1", P::Toa, Some(FORGED), Verdict::Hidden),
            // Another port, another address of the same translator.
            ("198.51.100.8:2", P::Toa, Some(FORGED), Verdict::Hidden),
            (FORGED, P::Toa, Some(FORGED), Verdict::Believed),
            (FORGED, P::FromAccept, Some(FORGED), Verdict::Believed),
            // Neither: a misread format.
            ("192.0.2.1:1", P::Toa, Some(FORGED), Verdict::Believed),
            ("192.0.2.1:1", P::Toa, None, Verdict::Believed),
            (PEER, P::NotSent, Some(FORGED), Verdict::Lost),
            (PEER, P::NotSent, None, Verdict::Lost),
            (PEER, P::Implausible, Some(FORGED), Verdict::Refused),
            (PEER, P::Untrusted, Some(FORGED), Verdict::Refused),
            (PEER, P::Invalid, Some(FORGED), Verdict::Refused),
        ] {
            let found = verdict(client, provenance, forged);
            assert_eq!(found, expected, "{client} {provenance} {forged:?}");
        }
    }

    #[test]
    fn what_no_backend_saw_is_no_connection() {
        assert_eq!(judge(None, &[], None), Verdict::NoConnection);
    }

    #[test]
    fn where_the_truth_is_not_known_every_option_is_somebody_elses() {
        let address = |text: &str| toa_core::to_mapped(text.parse().unwrap());
        let seen = ClientAddr::mock(address(FORGED), address(PEER), Provenance::Toa);
        assert_eq!(judge(Some(&seen), &[], None), Verdict::Believed);
    }
}
