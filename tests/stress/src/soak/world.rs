//! What all tasks of a soak share, and the connections themselves.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::Duration;

use tokio::time::{Instant, sleep};

use super::address;
use super::conn::{Conn, Fail};
use super::deed::Deed;
use super::hub::Hub;
use super::judge::Right;
use super::letter::{Letter, Options};
use super::plain::{self, Plain};
use super::server::Server;
use super::session::Session;
use super::source::Source;
use super::tally::{Outcome, Tally};

#[derive(Debug)]
pub(crate) struct World {
    pub(crate) hub: Rc<Hub>,
    pub(crate) servers: Vec<Server>,
    pub(crate) source: Source,
    pub(crate) tally: RefCell<Tally>,
    pub(crate) random: RefCell<fastrand::Rng>,
    pub(crate) next_id: Cell<u32>,
    /// Connections that have begun and not ended.
    pub(crate) open: Cell<usize>,
}

impl World {
    /// A seed for a task, so that the order in which tasks run changes no other's.
    pub(crate) fn fork(&self) -> fastrand::Rng {
        self.random.borrow_mut().fork()
    }

    pub(crate) fn new_id(&self) -> u32 {
        self.next_id.replace(self.next_id.get() + 1)
    }

    pub(crate) fn has_lost_one(&self) -> bool {
        self.servers.iter().any(|server| server.ended().is_some())
    }

    /// Starts connections at a steady rate until dropped.
    pub(crate) async fn churn(self: Rc<Self>, rate: f64) {
        let start = Instant::now();
        let mut begun = 0;
        loop {
            let due = (start.elapsed().as_secs_f64() * rate) as u64;
            // After a standstill the rest is let go: a burst would be another test.
            begun = begun.max(due.saturating_sub(rate as u64));
            while begun < due {
                begun += 1;
                let world = Rc::clone(&self);
                tokio::task::spawn_local(async move { world.connection().await });
            }
            sleep(Duration::from_millis(10)).await;
        }
    }

    async fn connection(&self) {
        let mut random = self.fork();
        self.open.set(self.open.get() + 1);
        let (deed, letter, outcome) = if random.u8(..4) == 0 {
            self.plain(&mut random).await
        } else {
            self.hand_made(&mut random).await
        };
        self.tally.borrow_mut().add(deed, letter, &outcome);
        self.open.set(self.open.get() - 1);
    }

    async fn hand_made(&self, random: &mut fastrand::Rng) -> (&'static str, &'static str, Outcome) {
        let id = self.new_id();
        let server = &self.servers[random.usize(..self.servers.len())];
        let v6 = !server.v4_only() && random.bool();
        let deed = Deed::choose(random);
        let letter = Letter::choose(random);
        let options = Options::write(letter, id, random);
        let peer = address::peer(id, v6, letter.is_trusted());
        let client = letter.counts().then_some(options.client);
        let once = letter == Letter::AckOnly;
        let mut session = Session::begin(id, peer, client, once, &self.source, server);
        let conn = Conn::new(&self.hub, (peer, server.outside(v6)), random.u32(..));
        let done = deed.run(conn, letter, &options, &mut session, random).await;
        let outcome = outcome(&session, done, deed.may_be_refused());
        (deed.name(), letter.name(), outcome)
    }

    async fn plain(&self, random: &mut fastrand::Rng) -> (&'static str, &'static str, Outcome) {
        let id = self.new_id();
        let server = &self.servers[random.usize(..self.servers.len())];
        let v6 = !server.v4_only() && random.bool();
        let deed = Plain::choose(random);
        // Its own address is known once it is connected; it plays no part before.
        let nobody = server.inside(v6);
        let mut session = Session::begin(id, nobody, None, false, &self.source, server);
        let done = match plain::connect(server.inside(v6)).await {
            Ok(stream) => match stream.local_addr() {
                Ok(local) => {
                    session.is_from(local);
                    deed.run(stream, &mut session, random).await
                }
                Err(_) => Err(Fail::Reset),
            },
            Err(fail) => Err(fail),
        };
        let outcome = outcome(&session, done, deed.may_be_refused());
        (deed.name(), "no option", outcome)
    }
}

fn outcome(
    session: &Session<'_>,
    done: Result<Option<Right>, Fail>,
    may_be_refused: bool,
) -> Outcome {
    match done {
        Ok(Some(right)) => Outcome::Answered(right),
        Ok(None) => Outcome::Aborted,
        Err(fail) => session.outcome(fail, may_be_refused),
    }
}
