//! A port of this machine that a peer made by hand speaks from.
//!
//! Its segments leave through a raw socket, which also gets a copy of each segment that
//! arrives. The kernel must not answer those itself: where it knows no socket for a segment
//! it sends a reset, and so it does for a SYN-ACK that reaches a listening socket. So the
//! port belongs to a listening socket with a socket filter that keeps nothing: the kernel
//! finds the socket, and the filter discards the segment before TCP looks at it. Neither
//! the firewall nor any other setting of the machine changes, other ports are not touched,
//! and all of it ends with the descriptors.

use std::collections::VecDeque;
use std::fmt;
use std::io::{self, Read};
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::os::fd::AsFd;
use std::sync::{Mutex, PoisonError};

use etherparse::TcpSlice;
use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, poll};
use socket2::{Domain, Protocol, SockFilter, Socket, Type};

use super::link::Link;
use super::{Peer, Segment};
use crate::Error;

/// BPF_RET with a constant (linux/filter.h): how many bytes of the packet are kept.
const RETURN: u16 = 0x06;
/// Segments that wait in the inbox. More only come from somebody who floods the port.
const MAX_WAITING: usize = 256;

/// A port of this machine, chosen by the kernel, for one [`Peer`] that speaks from the
/// machine's own address. It needs the capability CAP_NET_RAW. The port is free again when
/// this is dropped.
pub struct PeerPort {
    raw: Socket,
    /// Keeps the kernel from answering.
    _reserved: Socket,
    local: SocketAddr,
    remote: SocketAddr,
    inbox: Mutex<VecDeque<Segment>>,
}

impl fmt::Debug for PeerPort {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PeerPort")
            .field("local", &self.local)
            .field("remote", &self.remote)
            .finish_non_exhaustive()
    }
}

impl PeerPort {
    /// Reserves a port for a peer that speaks to `remote`. Nothing is sent.
    ///
    /// # Errors
    ///
    /// No way to `remote`, or CAP_NET_RAW is missing.
    pub fn open(remote: SocketAddr) -> Result<PeerPort, Error> {
        let failed = |action| move |source| Error::Io { action, source };
        let domain = Domain::for_address(remote);
        let ip = local_ip(remote).map_err(failed("find a way to the other side"))?;
        let (reserved, local) =
            reserve(domain, ip).map_err(failed("reserve a port for a hand-made peer"))?;
        let raw =
            Socket::new(domain, Type::RAW, Some(Protocol::TCP)).map_err(|source| {
                match source.kind() {
                    io::ErrorKind::PermissionDenied => Error::RawSocketNotPermitted(source),
                    _ => failed("make a raw socket")(source),
                }
            })?;
        set_up(&raw, local, remote).map_err(failed("set up the raw socket"))?;
        Ok(PeerPort {
            raw,
            _reserved: reserved,
            local,
            remote,
            inbox: Mutex::default(),
        })
    }

    /// The peer at this port. It sends nothing yet.
    #[must_use]
    pub fn peer(&self) -> Peer<'_> {
        Peer::new(self, self.local, self.remote)
    }

    /// The segment of a packet as the raw socket gives it, if it is for this port.
    ///
    /// The checksum is not verified: of a packet that came from this machine the kernel
    /// has not computed it.
    fn segment(&self, packet: &[u8]) -> Option<Segment> {
        let transport = match self.local {
            // IPv4 comes with its header, IPv6 without.
            SocketAddr::V4(_) => packet.get(usize::from(packet.first()? & 15) * 4..)?,
            SocketAddr::V6(_) => packet,
        };
        let tcp = TcpSlice::from_slice(transport).ok()?;
        let ports = (tcp.source_port(), tcp.destination_port());
        (ports == (self.remote.port(), self.local.port())).then(|| Segment::of(&tcp))
    }
}

impl Link for PeerPort {
    fn send_packet(&self, packet: &[u8]) -> io::Result<()> {
        // The first error may be that of an earlier packet: what an ICMP message said.
        match self.raw.send(packet).or_else(|_| self.raw.send(packet)) {
            Err(error) if error.raw_os_error() == Some(Errno::EMSGSIZE as i32) => {
                Err(io::Error::new(
                    io::ErrorKind::InvalidInput,
                    "the packet is longer than the MTU of the way",
                ))
            }
            sent => sent.map(drop),
        }
    }

    fn take(&self, _from: SocketAddr, _to: SocketAddr) -> Option<Segment> {
        let mut inbox = self.inbox.lock().unwrap_or_else(PoisonError::into_inner);
        inbox.pop_front()
    }

    fn pump(&self) -> io::Result<()> {
        let mut ready = [PollFd::new(self.raw.as_fd(), PollFlags::POLLIN)];
        match poll(&mut ready, 5u16) {
            Ok(_) | Err(Errno::EINTR) => {}
            Err(errno) => return Err(errno.into()),
        }
        let mut packet = [0; 2048];
        loop {
            match (&self.raw).read(&mut packet) {
                Ok(len) => {
                    let mut inbox = self.inbox.lock().unwrap_or_else(PoisonError::into_inner);
                    if inbox.len() < MAX_WAITING {
                        inbox.extend(self.segment(&packet[..len]));
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                // Nothing more for now, or what an ICMP message said of an earlier packet.
                Err(_) => return Ok(()),
            }
        }
    }
}

/// The address that the kernel would speak to `remote` from. Connecting UDP sends nothing.
fn local_ip(remote: SocketAddr) -> io::Result<SocketAddr> {
    let any: SocketAddr = match remote {
        SocketAddr::V4(_) => (Ipv4Addr::UNSPECIFIED, 0).into(),
        SocketAddr::V6(_) => (Ipv6Addr::UNSPECIFIED, 0).into(),
    };
    let socket = UdpSocket::bind(any)?;
    socket.connect(remote)?;
    let mut local = socket.local_addr()?;
    local.set_port(0);
    Ok(local)
}

fn reserve(domain: Domain, ip: SocketAddr) -> io::Result<(Socket, SocketAddr)> {
    let socket = Socket::new(domain, Type::STREAM, Some(Protocol::TCP))?;
    socket.attach_filter(&[SockFilter::new(RETURN, 0, 0, 0)])?;
    socket.bind(&ip.into())?;
    socket.listen(1)?;
    let local = socket.local_addr()?.as_socket();
    local
        .map(|local| (socket, local))
        .ok_or_else(|| io::ErrorKind::AddrNotAvailable.into())
}

fn set_up(raw: &Socket, local: SocketAddr, remote: SocketAddr) -> io::Result<()> {
    raw.set_nonblocking(true)?;
    match remote {
        SocketAddr::V4(_) => raw.set_header_included_v4(true)?,
        SocketAddr::V6(_) => raw.set_header_included_v6(true)?,
    }
    // A raw socket has no port.
    for (mut address, bind) in [(local, true), (remote, false)] {
        address.set_port(0);
        match bind {
            true => raw.bind(&address.into())?,
            false => raw.connect(&address.into())?,
        }
    }
    Ok(())
}
