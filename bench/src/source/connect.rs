//! The connections that are measured: over loopback, and from hand-made peers.

use std::cell::Cell;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, TcpStream};
use std::time::Duration;

use socket2::SockRef;
use toa_lab::peer::{Peer, PeerDevice};

/// 203.0.113.7:12345
pub(super) const V4_OPTION: &[u8] = &[254, 8, 0x30, 0x39, 203, 0, 113, 7];
/// [2001:db8::7]:12345
pub(super) const V6_OPTION: &[u8] = &[
    253, 20, 0x30, 0x39, 0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 7,
];

/// Connects to `listener`, accepts and closes both ends with a reset, which leaves
/// nothing in TIME_WAIT.
pub(super) fn loopback(listener: &TcpListener, count: u32) -> anyhow::Result<()> {
    let address = listener.local_addr()?;
    for _ in 0..count {
        let client = TcpStream::connect(address)?;
        let (server, _) = listener.accept()?;
        SockRef::from(&client).set_linger(Some(Duration::ZERO))?;
        drop(client);
        drop(server);
    }
    Ok(())
}

/// Hand-made peers of one listener, each from an address of its own.
pub(super) struct Peers<'p> {
    device: &'p PeerDevice,
    listener: &'p TcpListener,
    to: SocketAddr,
    from: Box<dyn Fn(u32) -> IpAddr + 'p>,
    option: &'p [u8],
    next: Cell<u32>,
}

impl<'p> Peers<'p> {
    pub(super) fn new(
        device: &'p PeerDevice,
        listener: &'p TcpListener,
        option: &'p [u8],
    ) -> io::Result<Self> {
        let to = listener.local_addr()?;
        let from = if to.is_ipv4() { private_v4 } else { private_v6 };
        Ok(Self {
            device,
            listener,
            to,
            from: Box::new(from),
            option,
            next: Cell::new(0),
        })
    }

    /// Their addresses, by number.
    pub(super) fn from(mut self, from: impl Fn(u32) -> IpAddr + 'p) -> Self {
        self.from = Box::new(from);
        self
    }

    /// The number of the first, so that two of these never have the same address.
    pub(super) fn starting_at(self, number: u32) -> Self {
        self.next.set(number);
        self
    }

    /// One more connection, open.
    pub(super) fn open(&self) -> anyhow::Result<(TcpStream, Peer<'p>)> {
        let number = self.next.replace(self.next.get().wrapping_add(1));
        let port = 1024 + (number % 60_000) as u16;
        let mut peer = self
            .device
            .peer(SocketAddr::new((self.from)(number), port), self.to);
        peer.connect(&[], self.option)?;
        let (stream, _) = self.listener.accept()?;
        Ok((stream, peer))
    }

    /// Opens `count` connections, one after the other, and resets each.
    pub(super) fn open_and_close(&self, count: u32) -> anyhow::Result<()> {
        self.each(count, |_| Ok(()))
    }

    /// The same, with something to do in between.
    pub(super) fn each(
        &self,
        count: u32,
        mut ask: impl FnMut(&TcpStream) -> anyhow::Result<()>,
    ) -> anyhow::Result<()> {
        for _ in 0..count {
            let (stream, mut peer) = self.open()?;
            ask(&stream)?;
            // The peer resets, so that the kernel has nothing to send at the close.
            peer.reset(&[])?;
        }
        Ok(())
    }
}

fn private_v4(number: u32) -> IpAddr {
    // Beside the device's own 10.116.112.0/24.
    Ipv4Addr::from_bits(0x0a80_0001 + number % 0x7f_0000).into()
}

fn private_v6(number: u32) -> IpAddr {
    Ipv6Addr::from_bits((0xfd00 << 112) | u128::from(number + 1)).into()
}
