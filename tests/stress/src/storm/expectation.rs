//! What the source must answer for a connection, by toa-core's own reading of the
//! segment that completed it.

use std::net::{IpAddr, SocketAddr, TcpStream};

use anyhow::{Context, Result, ensure};
use toa_core::abi::{
    INFO_FOREIGN, INFO_HAS_ADDR, INFO_IMPLAUSIBLE, INFO_INVALID, INFO_UNTRUSTED, ToaInfo,
};
use toa_core::option::{Parsed, is_client_address, parse};
use toa_core::{OptionFormats, TrustedPeers, to_canonical, to_mapped};

/// What the source must answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Expectation {
    flags: u32,
    pub(super) client: Option<SocketAddr>,
}

impl Expectation {
    /// For a connection from `peer` that this segment has completed.
    pub(super) fn of_segment(peer: SocketAddr, segment: &[u8]) -> Self {
        let end = segment
            .get(12)
            .map_or(20, |offset| usize::from(offset >> 4) * 4);
        let options = segment.get(20..end.max(20)).unwrap_or_default();
        Self::of_options(peer.ip(), options)
    }

    /// The same, of its options alone.
    pub(super) fn of_options(peer: IpAddr, options: &[u8]) -> Self {
        let trusted = TrustedPeers::default().contains(peer);
        let flags = match parse(options, &OptionFormats::default()) {
            Parsed::Absent => 0,
            Parsed::Foreign { .. } => INFO_FOREIGN,
            _ if !trusted => INFO_UNTRUSTED,
            Parsed::Invalid => INFO_INVALID,
            Parsed::Implausible(_) => INFO_IMPLAUSIBLE,
            Parsed::Found(option) => {
                return Self {
                    flags: INFO_HAS_ADDR,
                    client: Some(option.client()),
                };
            }
        };
        Self {
            flags,
            client: None,
        }
    }

    pub(super) fn check(self, peer: SocketAddr, stream: &TcpStream) -> Result<()> {
        let info = toa_core::source_info(stream).context("the source does not answer")?;
        ensure!(
            outcome(&info) == self.flags && info.client() == self.client.map(to_mapped),
            "{peer}: expected {self:?}, got {info:?}"
        );
        ensure!(
            info.peer() == Some(to_mapped(peer)),
            "the peer {peer} is reported as {:?}",
            info.peer()
        );
        Ok(())
    }

    /// What unmodified programs see, while the connection is open. An IPv6 client has
    /// no place in an AF_INET socket's name.
    pub(super) fn check_name(self, peer: SocketAddr, stream: &TcpStream) -> Result<()> {
        let local = stream.local_addr()?;
        let shown = self.client.map(to_mapped).map(to_canonical);
        let expected = shown.filter(|client| local.is_ipv6() || client.is_ipv4());
        let name = to_canonical(to_mapped(stream.peer_addr()?));
        ensure!(
            name == expected.unwrap_or(peer),
            "{peer}: getpeername() says {name}, expected {expected:?}"
        );
        Ok(())
    }
}

/// What holds for any connection, whatever segment has completed it.
pub(super) fn check_plausible(info: &ToaInfo) -> Result<()> {
    let Some(client) = info.client() else {
        return Ok(());
    };
    let peer = info.peer().context("a connection without a peer")?;
    let trusted = TrustedPeers::default().contains(to_canonical(peer).ip());
    ensure!(
        trusted && is_client_address(client.ip()),
        "{client} was believed, from {peer}"
    );
    Ok(())
}

fn outcome(info: &ToaInfo) -> u32 {
    info.flags() & (INFO_HAS_ADDR | INFO_UNTRUSTED | INFO_INVALID | INFO_IMPLAUSIBLE | INFO_FOREIGN)
}
