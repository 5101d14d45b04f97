//! The device that all peers are behind.

use std::collections::VecDeque;
use std::fmt;
use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::{Mutex, PoisonError};

use ipnet::IpNet;
use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, poll};
use tun_rs::SyncDevice;

use super::link::Link;
use super::{Peer, Segment};
use crate::packet::{Parsed, parse};
use crate::{Error, tun};

/// A TUN device in the calling thread's network namespace that all addresses
/// of both families are routed into: use it only in a
/// [`Sandbox`](crate::sandbox::Sandbox). Dropping it removes the device.
pub struct PeerDevice {
    device: SyncDevice,
    // What arrived for one peer while another was waiting.
    inbox: Mutex<VecDeque<(SocketAddr, SocketAddr, Segment)>>,
}

impl fmt::Debug for PeerDevice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PeerDevice")
            .field("inbox", &self.inbox)
            .finish_non_exhaustive()
    }
}

impl PeerDevice {
    /// The kernel's own IPv4 address on the device.
    pub const KERNEL_V4: Ipv4Addr = Ipv4Addr::new(10, 116, 112, 1);
    /// The kernel's own IPv6 address on the device.
    pub const KERNEL_V6: Ipv6Addr = Ipv6Addr::new(0xfd74, 0x6f61, 1, 0, 0, 0, 0, 1);

    /// Makes the device and its routes.
    ///
    /// # Errors
    ///
    /// What is missing, and how to get it.
    pub fn open() -> Result<PeerDevice, Error> {
        let v4 = IpNet::new_assert(Self::KERNEL_V4.into(), 24);
        let v6 = IpNet::new_assert(Self::KERNEL_V6.into(), 64);
        let device = tun::open(&[v4, v6], 1500)?;
        for everything in [
            IpNet::new_assert(Ipv4Addr::UNSPECIFIED.into(), 0),
            IpNet::new_assert(Ipv6Addr::UNSPECIFIED.into(), 0),
        ] {
            tun::add_route(&device, everything)?;
        }
        Ok(PeerDevice {
            device,
            inbox: Mutex::default(),
        })
    }

    /// A peer at `from`, any address and port, that speaks to the kernel's `to`.
    /// It sends nothing yet.
    #[must_use]
    pub fn peer(&self, from: SocketAddr, to: SocketAddr) -> Peer<'_> {
        Peer::new(self, from, to)
    }

    /// Hands any bytes to the kernel as an IP packet.
    ///
    /// # Errors
    ///
    /// The kernel refuses what does not begin as an IP packet does.
    pub fn send_packet(&self, packet: &[u8]) -> io::Result<()> {
        self.device.send(packet).map(drop)
    }

    /// The next segment that the kernel sends to any peer: its source, its
    /// destination, and the segment. `None` when there is none yet; the descriptor
    /// becomes readable when there may be one. Segments taken here do not reach
    /// [`Peer::receive`].
    ///
    /// # Errors
    ///
    /// The device failed.
    pub fn try_receive(&self) -> io::Result<Option<(SocketAddr, SocketAddr, Segment)>> {
        let mut packet = [0; 2048];
        loop {
            match self.device.recv(&mut packet) {
                Ok(len) => {
                    if let Ok(Parsed::Tcp(segment)) = parse(&packet[..len]) {
                        let owned = Segment::of(&segment.tcp);
                        return Ok(Some((segment.source, segment.destination, owned)));
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(None),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }

    /// Discards everything that the kernel has sent and no peer has received. The
    /// device's queue is short, and what the kernel sends into a full one is lost.
    ///
    /// # Errors
    ///
    /// The device failed.
    pub fn drain(&self) -> io::Result<()> {
        let mut inbox = self.inbox.lock().unwrap_or_else(PoisonError::into_inner);
        inbox.clear();
        let mut packet = [0; 2048];
        loop {
            match self.device.recv(&mut packet) {
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }
}

impl Link for PeerDevice {
    fn send_packet(&self, packet: &[u8]) -> io::Result<()> {
        PeerDevice::send_packet(self, packet)
    }

    fn take(&self, from: SocketAddr, to: SocketAddr) -> Option<Segment> {
        let mut inbox = self.inbox.lock().unwrap_or_else(PoisonError::into_inner);
        let at = inbox.iter().position(|(f, t, _)| (*f, *t) == (from, to))?;
        inbox.remove(at).map(|(_, _, segment)| segment)
    }

    fn pump(&self) -> io::Result<()> {
        // Short, because another thread's pump may fetch what this one waits for.
        let mut ready = [PollFd::new(self.device.as_fd(), PollFlags::POLLIN)];
        match poll(&mut ready, 5u16) {
            Ok(_) | Err(Errno::EINTR) => {}
            Err(errno) => return Err(errno.into()),
        }
        while let Some((source, destination, segment)) = self.try_receive()? {
            let mut inbox = self.inbox.lock().unwrap_or_else(PoisonError::into_inner);
            inbox.push_back((source, destination, segment));
        }
        Ok(())
    }
}

impl AsFd for PeerDevice {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.device.as_fd()
    }
}
