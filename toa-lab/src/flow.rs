//! The table of flows: bounded, and every entry has a deadline.

use std::collections::{BTreeSet, HashMap};
use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

use crate::Timeouts;

/// Ports below this one stay with the servers that own them.
const FIRST_PORT: u16 = 1024;
const PORTS: u64 = (u16::MAX - FIRST_PORT) as u64 + 1;

/// How far a connection has come, as seen from between its two ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum State {
    /// The client sent SYN.
    SynSent,
    /// The backend answered SYN-ACK.
    SynReceived,
    /// The client acknowledged it.
    Established,
    /// One side sent FIN; the other may go on for long.
    HalfClosed,
    /// Both sides sent FIN, or one RST.
    Closed,
}

/// What the translator knows of the segment that moves a flow on.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Event {
    pub(crate) from_client: bool,
    pub(crate) syn: bool,
    pub(crate) ack: bool,
    pub(crate) fin: bool,
    pub(crate) rst: bool,
    pub(crate) sequence: u32,
}

/// One connection.
#[derive(Clone, Debug)]
pub(crate) struct Flow {
    pub(crate) client: SocketAddr,
    pub(crate) pool: SocketAddr,
    pub(crate) state: State,
    /// The backend's first data byte has this sequence number; a client that
    /// acknowledges exactly this has acknowledged no data yet.
    pub(crate) first_data: Option<u32>,
    client_fin: bool,
    backend_fin: bool,
    deadline: Instant,
    /// The deadline under which the queue knows it; never later than `deadline`.
    queued: Instant,
}

impl Flow {
    fn advance(&mut self, event: Event) {
        if event.rst {
            self.state = State::Closed;
        } else if event.syn {
            // Another number is another connection: the client forgot the old one.
            let first_data = Some(event.sequence.wrapping_add(1));
            if !event.from_client && event.ack && self.first_data != first_data {
                self.first_data = first_data;
                self.state = State::SynReceived;
                (self.client_fin, self.backend_fin) = (false, false);
            }
        } else {
            if event.from_client && event.ack && self.state == State::SynReceived {
                self.state = State::Established;
            }
            if event.fin {
                *(if event.from_client {
                    &mut self.client_fin
                } else {
                    &mut self.backend_fin
                }) = true;
                self.state = match self.client_fin && self.backend_fin {
                    true => State::Closed,
                    false => State::HalfClosed,
                };
            }
        }
    }
}

/// All flows, found by either end.
#[derive(Debug)]
pub(crate) struct FlowTable {
    by_client: HashMap<SocketAddr, Flow>,
    by_pool: HashMap<SocketAddr, SocketAddr>,
    queue: BTreeSet<(Instant, SocketAddr)>,
    pool: Vec<IpAddr>,
    next: u64,
    max_flows: usize,
    timeouts: Timeouts,
}

impl FlowTable {
    /// `pool` has room for more than `max_flows`; `seed` is where in it to start.
    pub(crate) fn new(
        pool: Vec<IpAddr>,
        max_flows: usize,
        timeouts: Timeouts,
        seed: u64,
    ) -> FlowTable {
        FlowTable {
            by_client: HashMap::new(),
            by_pool: HashMap::new(),
            queue: BTreeSet::new(),
            pool,
            next: seed,
            max_flows,
            timeouts,
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.by_client.len()
    }

    pub(crate) fn client_of(&self, pool: SocketAddr) -> Option<SocketAddr> {
        self.by_pool.get(&pool).copied()
    }

    pub(crate) fn get(&self, client: SocketAddr) -> Option<&Flow> {
        self.by_client.get(&client)
    }

    /// Opens a flow for a SYN, unless the SYN is a repetition.
    pub(crate) fn open(&mut self, now: Instant, client: SocketAddr) -> Opened {
        if let Some(flow) = self.by_client.get_mut(&client) {
            if flow.state != State::Closed {
                return Opened::Known;
            }
            // The same client port gets the same pool address, so the backend can
            // judge by its own TIME-WAIT rules whether this is a new connection.
            flow.state = State::SynSent;
            flow.first_data = None;
            (flow.client_fin, flow.backend_fin) = (false, false);
            return Opened::Again;
        }
        let evicted = self.by_client.len() >= self.max_flows && self.evict();
        let pool = self.free_address();
        let deadline = now + self.timeouts.handshake;
        let flow = Flow {
            client,
            pool,
            state: State::SynSent,
            first_data: None,
            client_fin: false,
            backend_fin: false,
            deadline,
            queued: deadline,
        };
        self.queue.insert((deadline, client));
        self.by_pool.insert(pool, client);
        self.by_client.insert(client, flow);
        if evicted {
            Opened::InPlaceOfAnother
        } else {
            Opened::New
        }
    }

    /// Moves a flow on, if there is one, and gives it a new deadline.
    pub(crate) fn advance(&mut self, now: Instant, client: SocketAddr, event: Event) {
        let Some(flow) = self.by_client.get_mut(&client) else {
            return;
        };
        flow.advance(event);
        flow.deadline = now + timeout(&self.timeouts, flow.state);
        // A later deadline can wait in the queue until its old one comes up.
        if flow.deadline < flow.queued {
            self.queue.remove(&(flow.queued, client));
            flow.queued = flow.deadline;
            self.queue.insert((flow.queued, client));
        }
    }

    /// Removes what is past its deadline and says how many.
    pub(crate) fn expire(&mut self, now: Instant) -> u64 {
        let mut count = 0;
        while let Some(client) = self.earliest(Some(now)) {
            self.remove(client);
            count += 1;
        }
        count
    }

    /// Removes the flow with the earliest deadline: closed and half-open ones come
    /// first, then the one that was idle longest.
    fn evict(&mut self) -> bool {
        let client = self.earliest(None);
        client.inspect(|client| self.remove(*client)).is_some()
    }

    /// The flow with the earliest deadline, if that is not after `until`.
    fn earliest(&mut self, until: Option<Instant>) -> Option<SocketAddr> {
        loop {
            let &(queued, client) = self.queue.first()?;
            if until.is_some_and(|until| queued > until) {
                return None;
            }
            let Some(flow) = self.by_client.get_mut(&client) else {
                self.queue.pop_first();
                continue;
            };
            if flow.deadline == queued {
                return Some(client);
            }
            flow.queued = flow.deadline;
            self.queue.pop_first();
            self.queue.insert((flow.queued, client));
        }
    }

    fn remove(&mut self, client: SocketAddr) {
        if let Some(flow) = self.by_client.remove(&client) {
            self.queue.remove(&(flow.queued, client));
            self.by_pool.remove(&flow.pool);
        }
    }

    /// Each address in turn, so that one is used again as late as possible:
    /// the backend may still hold its last connection in TIME-WAIT.
    fn free_address(&mut self) -> SocketAddr {
        loop {
            let count = self.pool.len() as u64;
            let ip = self.pool[(self.next % count) as usize];
            let port = FIRST_PORT + (self.next / count % PORTS) as u16;
            self.next = self.next.wrapping_add(1);
            let address = SocketAddr::new(ip, port);
            if !self.by_pool.contains_key(&address) {
                return address;
            }
        }
    }
}

/// How many flows a pool of so many addresses can carry.
pub(crate) fn capacity(addresses: usize) -> usize {
    addresses.saturating_mul(PORTS as usize)
}

/// What [`FlowTable::open`] did.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Opened {
    /// Nothing: the SYN is a repetition.
    Known,
    New,
    /// A closed flow ended early, for its client's port is in use again.
    Again,
    InPlaceOfAnother,
}

fn timeout(timeouts: &Timeouts, state: State) -> Duration {
    match state {
        State::SynSent | State::SynReceived => timeouts.handshake,
        State::Established => timeouts.established,
        State::HalfClosed => timeouts.half_closed,
        State::Closed => timeouts.closed,
    }
}
