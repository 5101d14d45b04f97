//! One connection's expectation, and whether a fault was injected into its server meanwhile.

use std::net::SocketAddr;

use tokio::time::Instant;

use super::address;
use super::conn::Fail;
use super::expectation::{Expectation, Match, TruePeer};
use super::http::Response;
use super::server::Server;
use super::source::Source;
use super::tally::Outcome;

#[derive(Debug)]
pub(crate) struct Session<'a> {
    id: u32,
    expectation: Expectation,
    source: &'a Source,
    server: &'a Server,
    /// Whether the option travels in one segment only, which the kernel may drop.
    sent_once: bool,
    undisturbed_epoch: Option<u64>,
    start: Instant,
    first: Option<(SocketAddr, Match)>,
}

impl<'a> Session<'a> {
    /// Before the first segment.
    pub(crate) fn begin(
        id: u32,
        peer: TruePeer,
        client: Option<SocketAddr>,
        sent_once: bool,
        source: &'a Source,
        server: &'a Server,
    ) -> Self {
        Self {
            id,
            sent_once,
            expectation: Expectation {
                peer,
                client,
                client_if_lost: None,
                before: source.state(),
            },
            source,
            server,
            undisturbed_epoch: server.undisturbed_epoch(),
            start: Instant::now(),
            first: None,
        }
    }

    /// Sets the peer once its socket is connected.
    pub(crate) fn set_peer(&mut self, peer: SocketAddr) {
        self.expectation.peer = TruePeer::Known(peer);
    }

    /// Sets the client once it is known what the handshake was completed with, and the one
    /// of later segments.
    pub(crate) fn set_client(&mut self, client: Option<SocketAddr>, if_lost: Option<SocketAddr>) {
        self.expectation.client = client;
        self.expectation.client_if_lost = if_lost;
    }

    /// Whether no fault was injected into the server since the beginning.
    pub(crate) fn is_undisturbed(&self) -> bool {
        self.undisturbed_epoch.is_some()
            && self.undisturbed_epoch == self.server.undisturbed_epoch()
    }

    /// Checks a response. `lossy` says that a segment was retransmitted.
    pub(crate) fn judge(&mut self, response: &Response, lossy: bool) -> Result<Match, Fail> {
        let wrong = |why| Err(Fail::Wrong(why));
        if response.status == 408 {
            // actix found the request too slow.
            return Err(Fail::Closed);
        }
        let answer = match response.client() {
            Ok(answer) if response.status == 200 => answer,
            Ok(_) => return wrong(format!("status {}", response.status)),
            Err(why) => return wrong(format!("status {}: {why}", response.status)),
        };
        if let Some((first, matched)) = self.first {
            if answer != first {
                return wrong(format!("{answer} on a connection that was {first} before"));
            }
            return Ok(matched);
        }
        // Another source that was just loaded explains an unexpected answer.
        self.source.detect_other_source();
        let lossy = self.sent_once && (lossy || !self.is_undisturbed());
        match self.expectation.judge(answer, self.source.state(), lossy) {
            Ok(matched) => {
                self.first = Some((answer, matched));
                Ok(matched)
            }
            Err(why) => wrong(format!(
                "connection {} from {} to {}: {why}: {}",
                self.id,
                self.expectation.peer,
                self.server.name,
                address::owner(answer)
            )),
        }
    }

    /// The outcome of a connection that ended early.
    pub(crate) fn outcome(&self, fail: Fail, may_be_refused: bool) -> Outcome {
        if let Fail::Wrong(why) = fail {
            return Outcome::Wrong(why);
        }
        if may_be_refused || !self.is_undisturbed() {
            return Outcome::Refused;
        }
        Outcome::Unanswered(format!(
            "connection {} from {} to {}: {fail:?} after {:.1} s",
            self.id,
            self.expectation.peer,
            self.server.name,
            self.start.elapsed().as_secs_f64()
        ))
    }
}
