//! The state that all tasks of a soak share, and the connections they open.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::Duration;

use tokio::time::{Instant, sleep};

use super::address;
use super::client_behavior::ClientBehavior;
use super::conn::{Conn, Fail};
use super::demux::SegmentDemux;
use super::expectation::{Match, TruePeer};
use super::option_variant::{OptionVariant, SegmentOptions};
use super::server::Server;
use super::session::Session;
use super::socket_behavior::{self, SocketBehavior};
use super::source::Source;
use super::strangers::Strangers;
use super::tally::{Outcome, Tally};
use crate::attempt::Attempt;

#[derive(Debug)]
pub(crate) struct SoakState {
    pub(crate) demux: Rc<SegmentDemux>,
    pub(crate) servers: Vec<Server>,
    pub(crate) strangers: Vec<Strangers>,
    pub(crate) source: Source,
    pub(crate) tally: RefCell<Tally>,
    pub(crate) random: RefCell<fastrand::Rng>,
    pub(crate) next_id: Cell<u32>,
    /// Connections that have begun and not ended.
    pub(crate) open: Cell<usize>,
}

impl SoakState {
    /// A seed for a task, so that the order in which tasks run changes no other's.
    pub(crate) fn fork(&self) -> fastrand::Rng {
        self.random.borrow_mut().fork()
    }

    pub(crate) fn new_id(&self) -> u32 {
        self.next_id.replace(self.next_id.get() + 1)
    }

    pub(crate) fn has_lost_a_server(&self) -> bool {
        self.servers.iter().any(|server| server.ended().is_some())
    }

    /// Starts connections at a steady rate until dropped.
    pub(crate) async fn churn(self: Rc<Self>, rate: f64) {
        let start = Instant::now();
        let mut begun = 0;
        loop {
            let due = (start.elapsed().as_secs_f64() * rate) as u64;
            // After a stall the missed ones are dropped: a burst would be another test.
            begun = begun.max(due.saturating_sub(rate as u64));
            while begun < due {
                begun += 1;
                let state = Rc::clone(&self);
                tokio::task::spawn_local(async move { state.connection().await });
            }
            sleep(Duration::from_millis(10)).await;
        }
    }

    async fn connection(&self) {
        let mut random = self.fork();
        self.open.set(self.open.get() + 1);
        let (behavior, variant, outcome) = match random.u8(..20) {
            0..5 => self.plain(&mut random).await,
            5..8 => self.stranger(&mut random).await,
            _ => self.hand_made(&mut random).await,
        };
        self.tally.borrow_mut().add(behavior, variant, &outcome);
        self.open.set(self.open.get() - 1);
    }

    async fn hand_made(&self, random: &mut fastrand::Rng) -> (&'static str, &'static str, Outcome) {
        let id = self.new_id();
        let server = &self.servers[random.usize(..self.servers.len())];
        let v6 = !server.v4_only() && random.bool();
        let behavior = ClientBehavior::choose(random);
        let variant = OptionVariant::choose(random);
        let options = SegmentOptions::write(variant, id, random);
        let peer = address::peer(id, v6, variant.is_trusted());
        let client = variant.counts().then_some(options.client);
        let once = variant == OptionVariant::AckOnly;
        let known = TruePeer::Known(peer);
        let mut session = Session::begin(id, known, client, once, &self.source, server);
        let conn = Conn::new(&self.demux, (peer, server.outside(v6)), random.u32(..));
        let done = behavior.run(conn, &options, &mut session, random).await;
        let outcome = outcome(&session, done, behavior.may_be_refused());
        (behavior.name(), variant.name(), outcome)
    }

    async fn stranger(&self, random: &mut fastrand::Rng) -> (&'static str, &'static str, Outcome) {
        let stranger = &self.strangers[random.usize(..self.strangers.len())];
        let server = &self.servers[stranger.server];
        let attempt = Attempt::choose(random);
        let id = self.new_id();
        let pool = TruePeer::OfPool(stranger.balanced.balancer.pool().to_vec());
        let mut session = Session::begin(id, pool, None, true, &self.source, server);
        let from = stranger.balanced.stranger(id);
        let ends = (from, stranger.balanced.balancer.virtual_addr());
        let conn = Conn::new(&self.demux, ends, random.u32(..));
        let done = stranger.run(attempt, id, conn, &mut session, random).await;
        // Where there are no cookies, a wrong ACK is answered with a reset.
        let may_be_refused = attempt.needs_cookies() || attempt == Attempt::Fin;
        let outcome = outcome(&session, done, may_be_refused);
        (attempt.name(), stranger.name(), outcome)
    }

    async fn plain(&self, random: &mut fastrand::Rng) -> (&'static str, &'static str, Outcome) {
        let id = self.new_id();
        let server = &self.servers[random.usize(..self.servers.len())];
        let v6 = !server.v4_only() && random.bool();
        let behavior = SocketBehavior::choose(random);
        // The peer's address is known, and used, only once it is connected.
        let unknown = TruePeer::Known(server.inside(v6));
        let mut session = Session::begin(id, unknown, None, false, &self.source, server);
        let done = match socket_behavior::connect(server.inside(v6)).await {
            Ok(stream) => match stream.local_addr() {
                Ok(local) => {
                    session.set_peer(local);
                    behavior.run(stream, &mut session, random).await
                }
                Err(_) => Err(Fail::Reset),
            },
            Err(fail) => Err(fail),
        };
        let outcome = outcome(&session, done, behavior.may_be_refused());
        (behavior.name(), "no option", outcome)
    }
}

fn outcome(
    session: &Session<'_>,
    done: Result<Option<Match>, Fail>,
    may_be_refused: bool,
) -> Outcome {
    match done {
        Ok(Some(matched)) => Outcome::Answered(matched),
        Ok(None) => Outcome::Aborted,
        Err(fail) => session.outcome(fail, may_be_refused),
    }
}
