//! Whether an answer is right.

use std::net::SocketAddr;

/// What was known about the source at one moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct SourceState {
    /// Changes whenever the source is loaded or unloaded.
    pub(crate) epoch: u64,
    /// Whether it is certainly loaded or certainly not; `None` in between.
    pub(crate) loaded: Option<bool>,
}

/// The addresses that a server may be told about a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Expectation {
    /// The true TCP peer.
    pub(crate) peer: SocketAddr,
    /// The client in the option, if a loaded source should accept it.
    pub(crate) client: Option<SocketAddr>,
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

impl Expectation {
    /// Compares the `answer`, received when the source's state was `after`. `lossy` admits the
    /// peer, because the kernel may have dropped the only segment with the option.
    pub(crate) fn judge(
        &self,
        answer: SocketAddr,
        after: SourceState,
        lossy: bool,
    ) -> Result<Match, String> {
        let certain = self.before.loaded.filter(|_| self.before == after);
        let Some(client) = self.client else {
            return self.is(answer, self.peer, Match::Peer);
        };
        match certain {
            Some(false) => self.is(answer, self.peer, Match::Peer),
            Some(true) if !lossy => self.is(answer, client, Match::Client),
            _ if answer == client || answer == self.peer => Ok(Match::Either),
            _ => Err(format!("{answer} instead of {client} or {}", self.peer)),
        }
    }

    fn is(
        &self,
        answer: SocketAddr,
        expected: SocketAddr,
        matched: Match,
    ) -> Result<Match, String> {
        if answer == expected {
            return Ok(matched);
        }
        let mut wrong = format!("{answer} instead of {expected}");
        if answer == self.peer {
            wrong += " (the peer)";
        } else if Some(answer) == self.client {
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
                peer,
                client: option,
                before,
            };
            let judge = |answer| expectation.judge(answer, after, lossy).ok();
            let case = (option, before, after, lossy);
            assert_eq!(judge(client), of_client, "{case:?}");
            assert_eq!(judge(peer), of_peer, "{case:?}");
            assert_eq!(judge(other), None, "{case:?}");
        }
    }
}
