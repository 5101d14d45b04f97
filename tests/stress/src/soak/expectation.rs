//! Whether an answer is right.

use std::fmt;
use std::net::{IpAddr, SocketAddr};

/// What was known about the source at one moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct SourceState {
    /// Changes whenever the source is loaded or unloaded.
    pub(crate) epoch: u64,
    /// Whether it is certainly loaded or certainly not; `None` in between.
    pub(crate) loaded: Option<bool>,
}

/// The true TCP peer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum TruePeer {
    Known(SocketAddr),
    /// A balancer, of whose port nobody is told.
    OfPool(Vec<IpAddr>),
}

/// The addresses that a server may be told about a connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Expectation {
    pub(crate) peer: TruePeer,
    /// The client that a loaded source should show; none if it is the peer.
    pub(crate) client: Option<SocketAddr>,
    /// The client in later segments, if it is another one.
    pub(crate) client_if_lost: Option<SocketAddr>,
    /// The source before the first segment.
    pub(crate) before: SourceState,
}

/// How a right answer matches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Match {
    /// The option's client; only that was right.
    Client,
    /// The peer; only that was right.
    Peer,
    /// One of the two, while the source was switched or the segment with the option
    /// may have been dropped.
    Either,
}

impl TruePeer {
    fn is(&self, answer: SocketAddr) -> bool {
        match self {
            Self::Known(peer) => *peer == answer,
            Self::OfPool(pool) => pool.contains(&answer.ip()),
        }
    }
}

impl fmt::Display for TruePeer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Known(peer) => peer.fmt(f),
            Self::OfPool(pool) => write!(f, "one of {pool:?}"),
        }
    }
}

impl Expectation {
    /// Compares the `answer`, received when the source's state was `after`. `lossy` admits the
    /// peer and the client of later segments, because the kernel may have dropped the only
    /// segment with the option.
    pub(crate) fn judge(
        &self,
        answer: SocketAddr,
        after: SourceState,
        lossy: bool,
    ) -> Result<Match, String> {
        let certain = self.before.loaded.filter(|_| self.before == after);
        let clients = [self.client, self.client_if_lost];
        let is_peer = self.peer.is(answer);
        let (right, matched) = match (certain, self.client) {
            _ if clients == [None; 2] => (is_peer, Match::Peer),
            (Some(false), _) => (is_peer, Match::Peer),
            (Some(true), None) if !lossy => (is_peer, Match::Peer),
            (Some(true), Some(client)) if !lossy => (answer == client, Match::Client),
            _ => (is_peer || clients.contains(&Some(answer)), Match::Either),
        };
        if right {
            return Ok(matched);
        }
        let expected = match matched {
            Match::Peer => self.peer.to_string(),
            Match::Client => format!("{:?}", self.client),
            Match::Either => format!("{clients:?} or {}", self.peer),
        };
        let mut wrong = format!("{answer} instead of {expected}");
        if is_peer {
            wrong += " (the peer)";
        } else if clients.contains(&Some(answer)) {
            wrong += " (its own option)";
        }
        Err(wrong)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_state_of_the_source_has_its_right_answers() {
        let [peer, client, other]: [SocketAddr; 3] =
            ["10.0.0.1:1", "11.0.0.1:1", "11.0.0.2:1"].map(|text| text.parse().unwrap());
        let on = SourceState {
            epoch: 2,
            loaded: Some(true),
        };
        let off = SourceState {
            epoch: 4,
            loaded: Some(false),
        };
        let switching = SourceState {
            epoch: 3,
            loaded: None,
        };
        let on_again = SourceState { epoch: 6, ..on };
        let option = Some(client);
        use Match::{Client, Either, Peer};
        for (option, before, after, lossy, of_client, of_peer) in [
            (option, on, on, false, Some(Client), None),
            (option, on, on, true, Some(Either), Some(Either)),
            (option, off, off, false, None, Some(Peer)),
            (option, off, off, true, None, Some(Peer)),
            (option, on, on_again, false, Some(Either), Some(Either)),
            (option, on, switching, false, Some(Either), Some(Either)),
            (
                option,
                switching,
                switching,
                false,
                Some(Either),
                Some(Either),
            ),
            (option, switching, off, false, Some(Either), Some(Either)),
            (None, on, on, true, None, Some(Peer)),
            (None, off, on_again, true, None, Some(Peer)),
            (None, switching, on, false, None, Some(Peer)),
        ] {
            let expectation = Expectation {
                peer: TruePeer::Known(peer),
                client: option,
                client_if_lost: None,
                before,
            };
            let judge = |answer| expectation.judge(answer, after, lossy).ok();
            let case = (option, before, after, lossy);
            assert_eq!(judge(client), of_client, "{case:?}");
            assert_eq!(judge(peer), of_peer, "{case:?}");
            assert_eq!(judge(other), None, "{case:?}");
        }
    }

    #[test]
    fn a_lost_segment_admits_what_later_ones_say_and_no_other_address() {
        let [own, forged, pool, other]: [SocketAddr; 4] =
            ["12.0.0.1:1", "13.0.0.1:1", "10.0.0.1:1", "13.0.0.2:1"]
                .map(|text| text.parse().unwrap());
        let on = SourceState {
            epoch: 2,
            loaded: Some(true),
        };
        for (client, lossy, right) in [
            (Some(forged), false, vec![forged]),
            (Some(forged), true, vec![forged, own, pool]),
            (None, false, vec![pool]),
            (None, true, vec![own, pool]),
        ] {
            let expectation = Expectation {
                peer: TruePeer::OfPool(vec![pool.ip()]),
                client,
                client_if_lost: Some(own),
                before: on,
            };
            for answer in [own, forged, pool, other] {
                let judged = expectation.judge(answer, on, lossy);
                assert_eq!(
                    judged.is_ok(),
                    right.contains(&answer),
                    "{client:?} {lossy} {answer}"
                );
            }
        }
    }
}
