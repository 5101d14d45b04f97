//! The listeners that the storm rages around, and who is connected to them.

use std::io::ErrorKind;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, TcpStream};
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use socket2::SockRef;
use toa_core::{to_canonical, to_mapped};
use toa_lab::peer::{Peer, PeerDevice, flags};

use super::judge::Verdict;
use super::packet::Tcp;
use super::{Side, option};

/// How long the kernel may take for a connection that must come.
const PATIENCE: Duration = Duration::from_secs(5);
/// Before it repeats a first port, an address has had this many connections.
const PEERS: u32 = 50_000;

#[derive(Debug)]
pub(super) struct Listener {
    pub(super) side: Side,
    pub(super) address: SocketAddr,
    socket: TcpListener,
}

/// Our end of a connection.
#[derive(Clone, Copy, Debug)]
pub(super) struct End {
    pub(super) from: SocketAddr,
    pub(super) to: SocketAddr,
    pub(super) sequence: u32,
    pub(super) acknowledgment: u32,
}

impl Listener {
    pub(super) fn open(side: Side) -> Result<Self> {
        let socket = side.listen()?;
        let address = side.server(socket.local_addr()?.port());
        Ok(Self {
            side,
            address,
            socket,
        })
    }

    /// Who is in the queue, with the peer that the source knows.
    pub(super) fn next(&self) -> Result<Option<TcpStream>> {
        match self.socket.accept() {
            Ok((stream, _)) => {
                // Nothing is to stay in TIME-WAIT.
                SockRef::from(&stream).set_linger(Some(Duration::ZERO))?;
                Ok(Some(stream))
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => Ok(None),
            Err(error) => Err(error).context("cannot accept"),
        }
    }

    /// The address and port of peer number `n`, which nobody else has.
    pub(super) fn peer(&self, n: u32, trusted: bool) -> SocketAddr {
        let (host, port) = ((n % PEERS) as u16 + 2, 1024 + (n / PEERS) as u16);
        let ip = match self.side {
            _ if trusted => self.side.trusted(host),
            Side::V4 | Side::Mapped => Ipv4Addr::from_bits(0xc612_0000 | u32::from(host)).into(),
            Side::V6 => Ipv6Addr::new(0x2001, 0xdb8, 0xbad, 0, 0, 0, 1, host).into(),
        };
        SocketAddr::new(ip, port)
    }

    /// SYN and SYN-ACK; the next segment completes.
    pub(super) fn half_open(&self, device: &PeerDevice, from: SocketAddr) -> Result<End> {
        let mut peer = device.peer(from, self.address);
        peer.syn(&[])?;
        peer.syn_ack()
            .with_context(|| format!("no SYN-ACK for {from}"))?;
        Ok(End::of(&peer, self.address))
    }

    /// A decent client, with the option or without, must be served as if there were
    /// no storm.
    pub(super) fn serve(&self, device: &PeerDevice, n: u32, with_option: bool) -> Result<()> {
        let client = with_option.then(|| self.side.client(n as u16));
        let options = client.map(option).unwrap_or_default();
        let end = self.half_open(device, self.peer(n, true))?;
        let mut ack = end.segment(flags::ACK);
        ack.options = options;
        device.send_packet(&ack.packet())?;
        let stream = self.wait()?;
        let verdict = Verdict::on(end.from, &ack.segment());
        ensure!(verdict.client == client, "the judge errs: {verdict:?}");
        verdict.check(end.from, &stream)?;
        verdict.check_name(end.from, &stream)?;
        Ok(())
    }

    fn wait(&self) -> Result<TcpStream> {
        let end = Instant::now() + PATIENCE;
        loop {
            if let Some(stream) = self.next()? {
                return Ok(stream);
            }
            if Instant::now() > end {
                bail!("{:?}: a decent client was not let in", self.side);
            }
            sleep(Duration::from_millis(1));
        }
    }
}

impl End {
    fn of(peer: &Peer<'_>, to: SocketAddr) -> Self {
        Self {
            from: peer.local_addr(),
            to,
            sequence: peer.sequence,
            acknowledgment: peer.acknowledgment,
        }
    }

    /// The next segment, right in all.
    pub(super) fn segment(&self, flags: u8) -> Tcp {
        let mut tcp = Tcp::new(self.from, self.to, flags);
        tcp.sequence = self.sequence;
        tcp.acknowledgment = self.acknowledgment;
        tcp
    }

    /// Whether `stream` is the other end.
    pub(super) fn is_of(&self, stream: &TcpStream) -> Result<bool> {
        let info = toa_core::source_info(stream).context("the source does not answer")?;
        let peer = info.peer().map(to_canonical);
        Ok(peer == Some(to_canonical(to_mapped(self.from))))
    }
}
