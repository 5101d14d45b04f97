//! The primitive: who is on the other side of this socket?

use std::io;
use std::net::SocketAddr;

use socket2::SockRef;

use crate::abi::ToaInfo;
use crate::client_addr::ClientAddr;
use crate::policy::Policy;
use crate::resolver::{Resolver, SourceKind};
use crate::sys::{self, AsSocket};

/// Who is on the other side of `connection`, for a single socket: one system call
/// where one of our sources answers, up to three elsewhere. An accept loop is
/// better off with a [`Resolver`], which remembers which source is there.
///
/// # Errors
/// When not even the peer is known: the socket is not connected, or not TCP.
pub fn lookup(connection: &impl AsSocket, policy: &Policy) -> io::Result<ClientAddr> {
    let pending = Resolver::expecting(SourceKind::Own, Policy::default()).ask(connection);
    let accepted = match pending.peer() {
        Some(peer) => SocketAddr::V6(peer),
        None => SockRef::from(connection)
            .peer_addr()?
            .as_socket()
            .ok_or_else(|| {
                io::Error::new(
                    io::ErrorKind::Unsupported,
                    "not a tcp socket: it has no ip peer",
                )
            })?,
    };
    Ok(pending.with_accepted(accepted, policy))
}

/// The raw answer of one of our sources about `socket`, any TCP socket; for tools.
///
/// # Errors
/// The kernel's: ENOPROTOOPT where no source of ours answers.
pub fn source_info(socket: &impl AsSocket) -> io::Result<ToaInfo> {
    sys::ask(sys::borrow(socket))
}
