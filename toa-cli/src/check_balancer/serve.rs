//! The half on the backend.

use std::collections::{BTreeMap, VecDeque};
use std::io::{self, BufReader, ErrorKind, Read};
use std::net::{IpAddr, Ipv6Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::Context;
use socket2::SockRef;
use toa_core::{ClientAddr, Resolver, SourceKind};

use super::protocol::{Reply, Request, Token, receive, send};
use crate::output::{Outcome, complain, say};

/// Connections at a time; whoever comes beyond is not served.
const MAX_CONNECTIONS: usize = 64;
/// Probes whose reports are kept.
const MAX_SESSIONS: usize = 4;
const BACKLOG: i32 = 128;
const LOOK_EVERY: Duration = Duration::from_millis(50);
/// How long whoever has not shown the token may take to.
const PATIENCE: Duration = Duration::from_secs(5);
/// How long a probe may be silent.
const SILENCE: Duration = Duration::from_secs(60);

const NOTES: &str = "\
Runs until Ctrl-C. Let the balancer forward a listener of its own to this port, with a TCP
health check, and to no other backend meanwhile. It needs no privilege; the source must be
loaded, and cover this command.";

#[derive(Debug, clap::Args)]
#[command(after_help = NOTES)]
pub(super) struct Serve {
    /// The port that the balancer forwards to
    port: u16,
    /// The address to listen on
    #[arg(long, value_name = "IP", default_value_t = IpAddr::V6(Ipv6Addr::UNSPECIFIED))]
    bind: IpAddr,
}

impl Serve {
    pub(super) fn run(self) -> anyhow::Result<Outcome> {
        let address = SocketAddr::new(self.bind, self.port);
        let listener =
            TcpListener::bind(address).with_context(|| format!("cannot listen on {address}"))?;
        let backend = Arc::new(Backend {
            token: Token::random().context("cannot make a token")?,
            resolver: Resolver::new(),
            sessions: Mutex::default(),
            open: AtomicUsize::new(0),
            listener,
        });
        let source = backend.resolver.detect(&backend.listener);
        if source == SourceKind::Absent {
            complain(
                "! no source answers here, so nothing can be found out about the balancer: \
                 run `toa load --trust NETWORK` with the networks that it sends from\n",
            );
        }
        say(format_args!(
            "listening on {}, source: {source}; Ctrl-C ends it\n\
             on a client beyond the balancer, as root:\n\
             toa check-balancer probe BALANCER:PORT --token {}\n",
            backend.listener.local_addr()?,
            backend.token
        ))?;
        // The kernel wakes nobody for a connection that was made of a SYN-ACK: look for it.
        SockRef::from(&backend.listener).set_read_timeout(Some(LOOK_EVERY))?;
        loop {
            match backend.listener.accept() {
                Ok((stream, peer)) => Backend::serve(&backend, stream, peer),
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                // Of a connection that has gone, or of descriptors that have run out.
                Err(_) => thread::sleep(LOOK_EVERY),
            }
        }
    }
}

struct Backend {
    listener: TcpListener,
    token: Token,
    resolver: Resolver,
    sessions: Mutex<VecDeque<Session>>,
    open: AtomicUsize,
}

/// What one probe has brought about.
struct Session {
    id: u64,
    reports: BTreeMap<u8, ClientAddr>,
}

impl Backend {
    fn serve(this: &Arc<Self>, stream: TcpStream, peer: SocketAddr) {
        let seen = this.resolver.resolve(&stream, peer);
        if this.open.fetch_add(1, Ordering::Relaxed) >= MAX_CONNECTIONS {
            this.open.fetch_sub(1, Ordering::Relaxed);
            return;
        }
        let backend = Arc::clone(this);
        let thread = thread::Builder::new().spawn(move || {
            // Whoever speaks otherwise, a health check for instance, is not answered.
            let _ = backend.talk(&stream, seen);
            backend.open.fetch_sub(1, Ordering::Relaxed);
        });
        if thread.is_err() {
            this.open.fetch_sub(1, Ordering::Relaxed);
        }
    }

    fn talk(&self, stream: &TcpStream, seen: ClientAddr) -> io::Result<()> {
        stream.set_write_timeout(Some(PATIENCE))?;
        let mut from = BufReader::new(Bounded::new(stream, PATIENCE));
        match receive(&mut from)? {
            Request::Case { session, number } => self.record(session, number, seen),
            Request::Hello { token, session } if token == self.token.of_probe => {
                self.open_session(session);
                let agreed = Reply::Agreed {
                    token: self.token.of_backend.clone(),
                    source: self.resolver.source().to_string(),
                    seen,
                };
                send(&mut &*stream, &agreed)?;
                from.get_mut().end = None;
                stream.set_read_timeout(Some(SILENCE))?;
                let ended = self.answer(session, stream, &mut from);
                self.cookies(false)?;
                return ended;
            }
            _ => {}
        }
        Ok(())
    }

    /// Until the probe hangs up.
    fn answer(
        &self,
        session: u64,
        stream: &TcpStream,
        from: &mut BufReader<Bounded<'_>>,
    ) -> io::Result<()> {
        loop {
            let reply = match receive(from)? {
                Request::Report { number } => Reply::Report {
                    seen: self.report(session, number),
                },
                Request::Cookies { on } => {
                    self.cookies(on)?;
                    Reply::Done
                }
                Request::Hello { .. } | Request::Case { .. } => return Ok(()),
            };
            send(&mut &*stream, &reply)?;
        }
    }

    fn sessions(&self) -> MutexGuard<'_, VecDeque<Session>> {
        self.sessions.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn open_session(&self, id: u64) {
        let mut sessions = self.sessions();
        if sessions.iter().any(|session| session.id == id) {
            return;
        }
        if sessions.len() >= MAX_SESSIONS {
            sessions.pop_front();
        }
        sessions.push_back(Session {
            id,
            reports: BTreeMap::new(),
        });
    }

    /// The first connection of a case counts.
    fn record(&self, id: u64, number: u8, seen: ClientAddr) {
        if let Some(session) = self.sessions().iter_mut().find(|session| session.id == id) {
            session.reports.entry(number).or_insert(seen);
        }
    }

    fn report(&self, id: u64, number: u8) -> Option<ClientAddr> {
        let sessions = self.sessions();
        let session = sessions.iter().find(|session| session.id == id)?;
        session.reports.get(&number).copied()
    }

    /// With room for no half-open connection the kernel answers with SYN cookies, as it
    /// does under load, where `net.ipv4.tcp_syncookies` is 1, which is the default. A second
    /// listen() changes nothing but the room.
    fn cookies(&self, on: bool) -> io::Result<()> {
        SockRef::from(&self.listener).listen(if on { 0 } else { BACKLOG })
    }
}

/// Reads until a moment, however many bytes come one by one: a socket's own timeout begins
/// anew with each.
struct Bounded<'a> {
    stream: &'a TcpStream,
    end: Option<Instant>,
}

impl<'a> Bounded<'a> {
    fn new(stream: &'a TcpStream, patience: Duration) -> Self {
        Self {
            stream,
            end: Some(Instant::now() + patience),
        }
    }
}

impl Read for Bounded<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if let Some(end) = self.end {
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Err(ErrorKind::TimedOut.into());
            }
            self.stream.set_read_timeout(Some(left))?;
        }
        self.stream.read(buffer)
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::super::protocol::MAX_LINE;
    use super::*;

    #[test]
    fn who_sends_byte_by_byte_is_given_no_more_time() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let mut slow = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (stream, _) = listener.accept().unwrap();
        let sender = thread::spawn(move || {
            for _ in 0..MAX_LINE {
                // The other side hangs up.
                if slow.write_all(b" ").is_err() {
                    return;
                }
                thread::sleep(Duration::from_millis(10));
            }
        });
        let mut from = BufReader::new(Bounded::new(&stream, Duration::from_millis(100)));
        let error = receive::<Request>(&mut from).unwrap_err();
        assert!(
            matches!(error.kind(), ErrorKind::TimedOut | ErrorKind::WouldBlock),
            "{error}: not the whole of a line that is too long"
        );
        drop(from);
        drop(stream);
        sender.join().unwrap();
    }
}
