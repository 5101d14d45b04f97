//! What carries the packets of peers.

use std::fmt::Debug;
use std::io;
use std::net::SocketAddr;

use super::Segment;

pub(super) trait Link: Debug + Send + Sync {
    /// Sends an IP packet.
    fn send_packet(&self, packet: &[u8]) -> io::Result<()>;

    /// The first segment of the inbox from there to here.
    fn take(&self, from: SocketAddr, to: SocketAddr) -> Option<Segment>;

    /// Moves what has arrived into the inbox; waits a little if nothing.
    fn pump(&self) -> io::Result<()>;
}
