//! One connection's claim, and whether its server had a bad time meanwhile.

use std::net::SocketAddr;

use tokio::time::Instant;

use super::address;
use super::conn::Fail;
use super::http::Response;
use super::judge::{Claim, Right};
use super::server::Server;
use super::source::Source;
use super::tally::Outcome;

#[derive(Debug)]
pub(crate) struct Session<'a> {
    id: u32,
    claim: Claim,
    source: &'a Source,
    server: &'a Server,
    /// Whether the option travels in one segment only, which the kernel may drop.
    sent_once: bool,
    calm: Option<u64>,
    start: Instant,
    first: Option<(SocketAddr, Right)>,
}

impl<'a> Session<'a> {
    /// Before the first segment.
    pub(crate) fn begin(
        id: u32,
        peer: SocketAddr,
        client: Option<SocketAddr>,
        sent_once: bool,
        source: &'a Source,
        server: &'a Server,
    ) -> Self {
        Self {
            id,
            sent_once,
            claim: Claim {
                peer,
                client,
                before: source.view(),
            },
            source,
            server,
            calm: server.calm(),
            start: Instant::now(),
            first: None,
        }
    }

    /// Tells the peer of a socket that has just been connected.
    pub(crate) fn is_from(&mut self, peer: SocketAddr) {
        self.claim.peer = peer;
    }

    /// Whether nothing has disturbed the server since.
    pub(crate) fn is_calm(&self) -> bool {
        self.calm.is_some() && self.calm == self.server.calm()
    }

    /// Judges an answer. `lossy` says that something had to be sent again.
    pub(crate) fn judge(&mut self, response: &Response, lossy: bool) -> Result<Right, Fail> {
        let wrong = |why| Err(Fail::Wrong(why));
        if response.status == 408 {
            // Too slow, in the eyes of actix.
            return Err(Fail::Closed);
        }
        let answer = match response.client() {
            Ok(answer) if response.status == 200 => answer,
            Ok(_) => return wrong(format!("status {}", response.status)),
            Err(why) => return wrong(format!("status {}: {why}", response.status)),
        };
        if let Some((first, right)) = self.first {
            if answer != first {
                return wrong(format!("{answer} on a connection that was {first} before"));
            }
            return Ok(right);
        }
        // A source that somebody else has just loaded is seen before it is blamed.
        self.source.look_for_another();
        let lossy = self.sent_once && (lossy || !self.is_calm());
        match self.claim.judge(answer, self.source.view(), lossy) {
            Ok(right) => {
                self.first = Some((answer, right));
                Ok(right)
            }
            Err(why) => wrong(format!(
                "connection {} from {} to {}: {why}: {}",
                self.id,
                self.claim.peer,
                self.server.name,
                address::owner(answer)
            )),
        }
    }

    /// What an early end means.
    pub(crate) fn outcome(&self, fail: Fail, may_be_refused: bool) -> Outcome {
        if let Fail::Wrong(why) = fail {
            return Outcome::Wrong(why);
        }
        if may_be_refused || !self.is_calm() {
            return Outcome::Refused;
        }
        Outcome::Unanswered(format!(
            "connection {} from {} to {}: {fail:?} after {:.1} s",
            self.id,
            self.claim.peer,
            self.server.name,
            self.start.elapsed().as_secs_f64()
        ))
    }
}
