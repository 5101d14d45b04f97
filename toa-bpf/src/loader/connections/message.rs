//! What NETLINK_SOCK_DIAG asks and answers, in bytes: linux/netlink.h, linux/inet_diag.h and
//! linux/sock_diag.h. No answer makes this panic.
//!
//! By hand, because no netlink crate knows the attributes that carry a socket's BPF storage:
//! the requests of netlink-packet-sock-diag have no attributes at all, and what is left for
//! the general ones is the framing.

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV6};

use toa_core::to_canonical;

use crate::ConnectionState;

const NLMSG_ERROR: u16 = 2;
const NLMSG_DONE: u16 = 3;
const SOCK_DIAG_BY_FAMILY: u16 = 20;
const NLM_F_REQUEST: u16 = 0x1;
const NLM_F_DUMP_INTR: u16 = 0x10;
const NLM_F_DUMP: u16 = 0x300;
const INET_DIAG_REQ_SK_BPF_STORAGES: u16 = 2;
const SK_DIAG_BPF_STORAGE_REQ_MAP_FD: u16 = 1;
const INET_DIAG_SK_BPF_STORAGES: u16 = 20;
const SK_DIAG_BPF_STORAGE: u16 = 1;
const SK_DIAG_BPF_STORAGE_MAP_ID: u16 = 2;
const SK_DIAG_BPF_STORAGE_MAP_VALUE: u16 = 3;
const NLA_F_NESTED: u16 = 0x8000;
/// Without the two flags.
const NLA_TYPE_MASK: u16 = 0x3fff;
const HEADER: usize = 16;
const ATTRIBUTE_HEADER: usize = 4;
/// `struct inet_diag_req_v2` and `struct inet_diag_msg`.
const REQUEST: usize = 56;
const SOCKET: usize = 72;

const STATES: [(u8, ConnectionState); 6] = [
    (1, ConnectionState::Established),
    (4, ConnectionState::FinWait1),
    (5, ConnectionState::FinWait2),
    (8, ConnectionState::CloseWait),
    (9, ConnectionState::LastAck),
    (11, ConnectionState::Closing),
];

/// Asks for all open connections of a family, with what each keeps in these maps.
pub(crate) fn request(family: u8, maps: &[u32]) -> Vec<u8> {
    let states = STATES
        .iter()
        .fold(0u32, |mask, (number, _)| mask | 1 << number);
    let mut body = vec![family, libc::IPPROTO_TCP as u8, 0, 0];
    body.extend(states.to_ne_bytes());
    body.resize(REQUEST, 0);
    if !maps.is_empty() {
        let mut storages = Vec::new();
        for fd in maps {
            attribute(
                &mut storages,
                SK_DIAG_BPF_STORAGE_REQ_MAP_FD,
                &fd.to_ne_bytes(),
            );
        }
        attribute(
            &mut body,
            INET_DIAG_REQ_SK_BPF_STORAGES | NLA_F_NESTED,
            &storages,
        );
    }
    let mut message = Vec::new();
    message.extend(((HEADER + body.len()) as u32).to_ne_bytes());
    message.extend(SOCK_DIAG_BY_FAMILY.to_ne_bytes());
    message.extend((NLM_F_REQUEST | NLM_F_DUMP).to_ne_bytes());
    message.extend([0; 8]);
    message.extend(body);
    message
}

fn attribute(to: &mut Vec<u8>, kind: u16, value: &[u8]) {
    to.extend(((ATTRIBUTE_HEADER + value.len()) as u16).to_ne_bytes());
    to.extend(kind.to_ne_bytes());
    to.extend(value);
    to.resize(aligned(to.len()), 0);
}

/// One message of an answer.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Message<'a> {
    Socket(Socket<'a>),
    /// The end, with an errno or 0.
    End(i32),
    /// Nothing of interest: another kind, or a connection that is not open.
    Other,
    /// Not what the kernel writes.
    Malformed,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Socket<'a> {
    pub(crate) local: SocketAddr,
    pub(crate) peer: SocketAddr,
    pub(crate) state: ConnectionState,
    pub(crate) inode: u32,
    attributes: &'a [u8],
}

impl<'a> Socket<'a> {
    /// The number of each map that keeps something of this socket, and what it keeps.
    pub(crate) fn stored(&self) -> impl Iterator<Item = (u32, &'a [u8])> {
        let storages = find(self.attributes, INET_DIAG_SK_BPF_STORAGES).unwrap_or_default();
        attributes(storages)
            .filter(|(kind, _)| *kind == SK_DIAG_BPF_STORAGE)
            .filter_map(|(_, storage)| {
                let id = u32_at(find(storage, SK_DIAG_BPF_STORAGE_MAP_ID)?, 0)?;
                Some((id, find(storage, SK_DIAG_BPF_STORAGE_MAP_VALUE)?))
            })
    }
}

/// The messages of one read, each with whether the kernel says that its table has changed
/// while it was walked. A malformed one is the last.
pub(crate) fn messages(mut bytes: &[u8]) -> impl Iterator<Item = (Message<'_>, bool)> {
    std::iter::from_fn(move || {
        if bytes.is_empty() {
            return None;
        }
        let Some((kind, flags, body, rest)) = message(bytes) else {
            bytes = &[];
            return Some((Message::Malformed, false));
        };
        bytes = rest;
        let message = match kind {
            NLMSG_DONE | NLMSG_ERROR => match u32_at(body, 0) {
                // A negative errno, as the kernel's functions return it.
                Some(errno) => Message::End(errno.cast_signed().wrapping_neg()),
                None => Message::Malformed,
            },
            SOCK_DIAG_BY_FAMILY => socket(body),
            _ => Message::Other,
        };
        Some((message, flags & NLM_F_DUMP_INTR != 0))
    })
}

fn message(bytes: &[u8]) -> Option<(u16, u16, &[u8], &[u8])> {
    let len = u32_at(bytes, 0)? as usize;
    let body = bytes.get(HEADER..len)?;
    let rest = bytes.get(aligned(len)..).unwrap_or_default();
    Some((u16_at(bytes, 4)?, u16_at(bytes, 6)?, body, rest))
}

fn socket(body: &[u8]) -> Message<'_> {
    let Some((fixed, attributes)) = body.split_at_checked(SOCKET) else {
        return Message::Malformed;
    };
    let state = STATES.iter().find(|(number, _)| *number == fixed[1]);
    let ends = end(fixed[0], &fixed[8..24], &fixed[4..6]);
    let ends = ends.zip(end(fixed[0], &fixed[24..40], &fixed[6..8]));
    let (Some(&(_, state)), Some((local, peer)), Some(inode)) = (state, ends, u32_at(fixed, 68))
    else {
        return Message::Other;
    };
    Message::Socket(Socket {
        local,
        peer,
        state,
        inode,
        attributes,
    })
}

fn end(family: u8, address: &[u8], port: &[u8]) -> Option<SocketAddr> {
    let port = u16::from_be_bytes(port.try_into().ok()?);
    let address: [u8; 16] = address.try_into().ok()?;
    match i32::from(family) {
        libc::AF_INET => {
            let [a, b, c, d, ..] = address;
            Some((Ipv4Addr::new(a, b, c, d), port).into())
        }
        libc::AF_INET6 => {
            let address = Ipv6Addr::from(address);
            Some(to_canonical(SocketAddrV6::new(address, port, 0, 0)))
        }
        _ => None,
    }
}

/// Type and value of each, up to the first that is malformed.
fn attributes(mut bytes: &[u8]) -> impl Iterator<Item = (u16, &[u8])> {
    std::iter::from_fn(move || {
        let len = usize::from(u16_at(bytes, 0)?);
        let kind = u16_at(bytes, 2)? & NLA_TYPE_MASK;
        let value = bytes.get(ATTRIBUTE_HEADER..len)?;
        bytes = bytes.get(aligned(len)..).unwrap_or_default();
        Some((kind, value))
    })
}

fn find(bytes: &[u8], wanted: u16) -> Option<&[u8]> {
    attributes(bytes)
        .find(|(kind, _)| *kind == wanted)
        .map(|(_, value)| value)
}

const fn aligned(len: usize) -> usize {
    len.next_multiple_of(4)
}

fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    let bytes = bytes.get(at..at + 2)?.try_into().ok()?;
    Some(u16::from_ne_bytes(bytes))
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    let bytes = bytes.get(at..at + 4)?.try_into().ok()?;
    Some(u32::from_ne_bytes(bytes))
}

#[cfg(test)]
mod tests;
