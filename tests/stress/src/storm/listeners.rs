//! The listeners under the storm, and handshakes with them.

use std::io::ErrorKind;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, TcpStream};
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use socket2::SockRef;
use toa_core::{to_canonical, to_mapped};
use toa_lab::peer::{Peer, PeerDevice, flags};
use toa_lab::raw_packet::Tcp;

use super::expectation::Expectation;
use super::{AddressPath, option};

/// How long the kernel may take for a connection that must be accepted.
const ACCEPT_TIMEOUT: Duration = Duration::from_secs(5);
/// So many peers have an address each, before the addresses repeat with another port.
const PEERS: u32 = 50_000;

#[derive(Debug)]
pub(super) struct Listener {
    pub(super) path: AddressPath,
    pub(super) address: SocketAddr,
    socket: TcpListener,
}

/// The hand-made end of a connection.
#[derive(Clone, Copy, Debug)]
pub(super) struct Endpoint {
    pub(super) from: SocketAddr,
    pub(super) to: SocketAddr,
    pub(super) sequence: u32,
    pub(super) acknowledgment: u32,
}

impl Listener {
    pub(super) fn open(path: AddressPath) -> Result<Self> {
        let socket = path.listen()?;
        let address = path.server(socket.local_addr()?.port());
        Ok(Self {
            path,
            address,
            socket,
        })
    }

    /// The next connection in the accept queue.
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

    /// The address and port of peer number `n`, which no other peer has.
    pub(super) fn peer(&self, n: u32, trusted: bool) -> SocketAddr {
        let (host, port) = ((n % PEERS) as u16 + 2, 1024 + (n / PEERS) as u16);
        let ip = match self.path {
            _ if trusted => self.path.trusted(host),
            AddressPath::V4 | AddressPath::Mapped => {
                Ipv4Addr::from_bits(0xc612_0000 | u32::from(host)).into()
            }
            AddressPath::V6 => Ipv6Addr::new(0x2001, 0xdb8, 0xbad, 0, 0, 0, 1, host).into(),
        };
        SocketAddr::new(ip, port)
    }

    /// SYN and SYN-ACK; the next segment completes.
    pub(super) fn half_open(&self, device: &PeerDevice, from: SocketAddr) -> Result<Endpoint> {
        let mut peer = device.peer(from, self.address);
        peer.syn(&[])?;
        peer.syn_ack()
            .with_context(|| format!("no SYN-ACK for {from}"))?;
        Ok(Endpoint::of(&peer, self.address))
    }

    /// An ordinary client, with the option or without, must be served as if there were
    /// no storm.
    pub(super) fn check_client(
        &self,
        device: &PeerDevice,
        n: u32,
        with_option: bool,
    ) -> Result<()> {
        let client = with_option.then(|| self.path.client(n as u16));
        let options = client.map(option).unwrap_or_default();
        let end = self.half_open(device, self.peer(n, true))?;
        let mut ack = end.segment(flags::ACK);
        ack.options = options;
        device.send_packet(&ack.packet())?;
        let stream = self.wait()?;
        let expectation = Expectation::of_segment(end.from, &ack.segment());
        ensure!(
            expectation.client == client,
            "the judge errs: {expectation:?}"
        );
        expectation.check(end.from, &stream)?;
        expectation.check_name(end.from, &stream)?;
        Ok(())
    }

    fn wait(&self) -> Result<TcpStream> {
        let end = Instant::now() + ACCEPT_TIMEOUT;
        loop {
            if let Some(stream) = self.next()? {
                return Ok(stream);
            }
            if Instant::now() > end {
                bail!("{:?}: an ordinary client was not let in", self.path);
            }
            sleep(Duration::from_millis(1));
        }
    }
}

impl Endpoint {
    pub(super) fn of(peer: &Peer<'_>, to: SocketAddr) -> Self {
        Self {
            from: peer.local_addr(),
            to,
            sequence: peer.sequence,
            acknowledgment: peer.acknowledgment,
        }
    }

    /// The next segment, with the right numbers.
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
