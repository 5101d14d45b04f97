//! The open connections, from the kernel's own table of sockets.

mod message;
mod stored;

use std::collections::VecDeque;
use std::io::{self, Read};
use std::net::SocketAddr;
use std::os::fd::{AsFd, AsRawFd};

use aya::maps::MapData;
use socket2::{Domain, Protocol, Type};

use self::message::{Message, Socket, messages, request};
use self::stored::Stored;
pub(crate) use self::stored::outcome;
use super::jiffies::Jiffies;
use super::object::map_error;
use super::status::{self, Table};
use crate::{Connection, Error, Judgement, Status};

const NETLINK_SOCK_DIAG: i32 = 4;
/// The most that the kernel puts into one answer.
const BUFFER: usize = 32 * 1024;
const FAMILIES: [i32; 2] = [libc::AF_INET, libc::AF_INET6];

/// The open TCP connections of this network namespace, read from the kernel while it is
/// iterated: it holds no more of them than fit into one answer.
#[derive(Debug)]
pub struct Connections {
    sources: Vec<(Table, Status)>,
    maps: Vec<MapData>,
    socket: socket2::Socket,
    families: std::slice::Iter<'static, i32>,
    /// Of the dump that is being read, unless none is.
    family: Option<i32>,
    read: VecDeque<Connection>,
    changed: bool,
}

/// The open TCP connections of this network namespace, each with what an eBPF source of this
/// host decided on it. Opening and closing goes on meanwhile.
///
/// # Errors
/// When the kernel does not tell; it needs CAP_SYS_ADMIN.
pub fn connections() -> Result<Connections, Error> {
    let sources = status::with_tables(|_| true)?;
    let mut ids: Vec<u32> = sources
        .iter()
        .flat_map(|(table, _)| [table.conns, table.virtuals])
        .flatten()
        .collect();
    ids.sort_unstable();
    ids.dedup();
    let maps = ids.into_iter().map(map_of).collect::<Result<_, _>>()?;
    let netlink = Domain::from(libc::AF_NETLINK);
    let protocol = Some(Protocol::from(NETLINK_SOCK_DIAG));
    Ok(Connections {
        sources,
        maps,
        socket: socket2::Socket::new(netlink, Type::RAW, protocol).map_err(failed)?,
        families: FAMILIES.iter(),
        family: None,
        read: VecDeque::new(),
        changed: false,
    })
}

fn map_of(id: u32) -> Result<MapData, Error> {
    MapData::from_id(id).map_err(|e| map_error("of a source", e))
}

impl Connections {
    /// The eBPF sources of this host.
    pub fn sources(&self) -> impl ExactSizeIterator<Item = &Status> {
        self.sources.iter().map(|(_, status)| status)
    }

    /// Whether the kernel has said that its table changed while it was read, so that
    /// connections may be missing, or be there twice.
    #[must_use]
    pub fn is_interrupted(&self) -> bool {
        self.changed
    }

    /// Asks for the next family, if there is one.
    fn ask(&mut self) -> Result<bool, Error> {
        self.family = self.families.next().copied();
        let Some(family) = self.family else {
            return Ok(false);
        };
        let maps = self.maps.iter().map(|map| map.fd().as_fd().as_raw_fd());
        let maps: Vec<u32> = maps.map(i32::cast_unsigned).collect();
        self.socket
            .send(&request(family as u8, &maps))
            .map_err(failed)?;
        Ok(true)
    }

    /// Takes one answer of the kernel apart.
    fn receive(&mut self, family: i32) -> Result<(), Error> {
        let mut buffer = vec![0; BUFFER];
        let len = loop {
            match (&self.socket).read(&mut buffer) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                done => break done.map_err(failed)?,
            }
        };
        for (message, changed) in messages(&buffer[..len]) {
            self.changed |= changed;
            match message {
                Message::Socket(socket) => {
                    let connection = self.connection(&socket);
                    self.read.push_back(connection);
                }
                Message::Other => {}
                Message::End(0) => self.family = None,
                // A kernel without IPv6 knows of no such sockets.
                Message::End(libc::ENOENT) if family == libc::AF_INET6 => self.family = None,
                Message::End(errno) => return Err(failed(io::Error::from_raw_os_error(errno))),
                Message::Malformed => {
                    return Err(failed(io::Error::other("the kernel's answer is malformed")));
                }
            }
        }
        Ok(())
    }

    fn connection(&self, socket: &Socket<'_>) -> Connection {
        Connection {
            local: socket.local,
            peer: socket.peer,
            state: socket.state,
            inode: socket.inode,
            judgement: self.judgement(socket),
        }
    }

    /// Sources that do not share a table may all have judged: the closest one answers.
    fn judgement(&self, socket: &Socket<'_>) -> Option<Judgement> {
        let depth = |source: Option<usize>| {
            let cgroup = source.and_then(|source| self.sources[source].1.cgroup.as_ref());
            cgroup.map_or(0, |cgroup| cgroup.components().count())
        };
        let jiffies = Jiffies::now();
        socket
            .stored()
            .filter_map(|(map, value)| {
                let is_conns = self
                    .sources
                    .iter()
                    .any(|(table, _)| table.conns == Some(map));
                let stored = Stored::read(value, socket.peer.port()).filter(|_| is_conns)?;
                let judged = |(table, _): &(Table, Status)| table.has_judged(map, stored.scope);
                let source = self.sources.iter().position(judged);
                Some(Judgement {
                    outcome: stored.outcome,
                    client: stored.client,
                    virtual_addr: self
                        .virtual_addr(socket, source)
                        .filter(|_| stored.has_virtual),
                    kind: stored.kind,
                    option_len: stored.len,
                    age: jiffies.since(stored.opened),
                    source,
                })
            })
            .max_by_key(|judgement| depth(judgement.source))
    }

    fn virtual_addr(&self, socket: &Socket<'_>, source: Option<usize>) -> Option<SocketAddr> {
        let virtuals = self.sources[source?].0.virtuals?;
        let mut stored = socket.stored();
        let value = stored.find_map(|(map, value)| (map == virtuals).then_some(value))?;
        stored::read_virtual(value)
    }
}

fn failed(source: io::Error) -> Error {
    Error::SocketQuery { source }
}

impl Iterator for Connections {
    type Item = Result<Connection, Error>;

    /// After an error it is over.
    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some(connection) = self.read.pop_front() {
                return Some(Ok(connection));
            }
            let more = match self.family {
                Some(family) => self.receive(family).map(|()| true),
                None => self.ask(),
            };
            match more {
                Ok(true) => {}
                Ok(false) => return None,
                Err(error) => {
                    self.families = [].iter();
                    self.family = None;
                    return Some(Err(error));
                }
            }
        }
    }
}
