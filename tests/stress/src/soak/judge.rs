//! Whether an answer is right.

use std::net::SocketAddr;

/// What was known of the source at one moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct View {
    /// Counts the switches.
    pub(crate) epoch: u64,
    /// Whether one is certainly loaded, or certainly not.
    pub(crate) loaded: Option<bool>,
}

/// Who may come of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Claim {
    /// The true TCP peer.
    pub(crate) peer: SocketAddr,
    /// The client in the option, if a loaded source should believe it.
    pub(crate) client: Option<SocketAddr>,
    /// Seen before the first segment.
    pub(crate) before: View,
}

/// A right answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Right {
    /// The option's client, and nothing else would have done.
    Client,
    /// The peer, and nothing else would have done.
    Peer,
    /// One of the two, while the source was switched or the segment with the option
    /// may have been dropped.
    Either,
}

impl Claim {
    /// Judges the `answer`, got at a time when the source looked like `after`. When the
    /// kernel may have dropped the only segment with the option, `lossy` admits the peer.
    pub(crate) fn judge(
        &self,
        answer: SocketAddr,
        after: View,
        lossy: bool,
    ) -> Result<Right, String> {
        let certain = self.before.loaded.filter(|_| self.before == after);
        let Some(client) = self.client else {
            return self.is(answer, self.peer, Right::Peer);
        };
        match certain {
            Some(false) => self.is(answer, self.peer, Right::Peer),
            Some(true) if !lossy => self.is(answer, client, Right::Client),
            _ if answer == client || answer == self.peer => Ok(Right::Either),
            _ => Err(format!("{answer} instead of {client} or {}", self.peer)),
        }
    }

    fn is(&self, answer: SocketAddr, expected: SocketAddr, right: Right) -> Result<Right, String> {
        if answer == expected {
            return Ok(right);
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
        let on = View {
            epoch: 2,
            loaded: Some(true),
        };
        let off = View {
            epoch: 4,
            loaded: Some(false),
        };
        let switching = View {
            epoch: 3,
            loaded: None,
        };
        let on_again = View { epoch: 6, ..on };
        let option = Some(client);
        use Right::{Client, Either, Peer};
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
            let claim = Claim {
                peer,
                client: option,
                before,
            };
            let judge = |answer| claim.judge(answer, after, lossy).ok();
            let case = (option, before, after, lossy);
            assert_eq!(judge(client), of_client, "{case:?}");
            assert_eq!(judge(peer), of_peer, "{case:?}");
            assert_eq!(judge(other), None, "{case:?}");
        }
    }
}
