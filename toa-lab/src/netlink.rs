//! Three rtnetlink requests: a device up, an address on it, a route into it.

use std::io;
use std::net::IpAddr;
use std::os::fd::AsRawFd;

use ipnet::IpNet;
use nix::sys::socket::{
    AddressFamily, MsgFlags, SockFlag, SockProtocol, SockType, recv, send, socket,
};

// linux/netlink.h, linux/rtnetlink.h, linux/if.h
const NLMSG_ERROR: u16 = 2;
const RTM_NEWLINK: u16 = 16;
const RTM_NEWADDR: u16 = 20;
const RTM_NEWROUTE: u16 = 24;
const NLM_F_REQUEST: u16 = 0x1;
const NLM_F_ACK: u16 = 0x4;
const NLM_F_EXCL: u16 = 0x200;
const NLM_F_CREATE: u16 = 0x400;
const IFF_UP: u32 = 1;
const IFA_F_NODAD: u8 = 2;
const IFA_ADDRESS: u16 = 1;
const IFA_LOCAL: u16 = 2;
const RT_TABLE_MAIN: u8 = 254;
const RTPROT_STATIC: u8 = 4;
const RT_SCOPE_LINK: u8 = 253;
const RTN_UNICAST: u8 = 1;
const RTA_DST: u16 = 1;
const RTA_OIF: u16 = 4;
const HEADER_LEN: usize = 16;

/// `ip link set INDEX up`.
pub(crate) fn set_up(index: u32) -> io::Result<()> {
    let mut body = Vec::new();
    body.extend_from_slice(&[0; 4]);
    body.extend_from_slice(&index.to_ne_bytes());
    body.extend_from_slice(&IFF_UP.to_ne_bytes());
    body.extend_from_slice(&IFF_UP.to_ne_bytes());
    request(RTM_NEWLINK, 0, &body)
}

/// `ip address add ADDRESS dev INDEX nodad`. Without the last word an IPv6
/// address is tentative for some milliseconds, and binding to it fails.
pub(crate) fn add_address(address: IpNet, index: u32) -> io::Result<()> {
    let (family, bytes) = family_and_bytes(address.addr());
    let mut body = vec![family, address.prefix_len(), IFA_F_NODAD, 0];
    body.extend_from_slice(&index.to_ne_bytes());
    attribute(&mut body, IFA_LOCAL, &bytes);
    attribute(&mut body, IFA_ADDRESS, &bytes);
    request(RTM_NEWADDR, NLM_F_CREATE | NLM_F_EXCL, &body)
}

/// `ip route add NETWORK dev INDEX`.
pub(crate) fn add_route(network: IpNet, index: u32) -> io::Result<()> {
    let (family, address) = family_and_bytes(network.network());
    let mut body = vec![family, network.prefix_len(), 0, 0];
    body.extend_from_slice(&[RT_TABLE_MAIN, RTPROT_STATIC, RT_SCOPE_LINK, RTN_UNICAST]);
    body.extend_from_slice(&[0; 4]);
    attribute(&mut body, RTA_DST, &address);
    attribute(&mut body, RTA_OIF, &index.to_ne_bytes());
    request(RTM_NEWROUTE, NLM_F_CREATE, &body)
}

fn family_and_bytes(address: IpAddr) -> (u8, Vec<u8>) {
    match address {
        IpAddr::V4(v4) => (AddressFamily::Inet as u8, v4.octets().to_vec()),
        IpAddr::V6(v6) => (AddressFamily::Inet6 as u8, v6.octets().to_vec()),
    }
}

fn attribute(body: &mut Vec<u8>, kind: u16, value: &[u8]) {
    body.extend_from_slice(&(value.len() as u16 + 4).to_ne_bytes());
    body.extend_from_slice(&kind.to_ne_bytes());
    body.extend_from_slice(value);
}

fn request(kind: u16, flags: u16, body: &[u8]) -> io::Result<()> {
    let mut message = Vec::new();
    message.extend_from_slice(&((HEADER_LEN + body.len()) as u32).to_ne_bytes());
    message.extend_from_slice(&kind.to_ne_bytes());
    message.extend_from_slice(&(flags | NLM_F_REQUEST | NLM_F_ACK).to_ne_bytes());
    message.extend_from_slice(&[0; 8]);
    message.extend_from_slice(body);

    let family = AddressFamily::Netlink;
    let protocol = SockProtocol::NetlinkRoute;
    let socket = socket(family, SockType::Raw, SockFlag::SOCK_CLOEXEC, protocol)?;
    send(socket.as_raw_fd(), &message, MsgFlags::empty())?;
    let mut answer = [0; 4096];
    let len = recv(socket.as_raw_fd(), &mut answer, MsgFlags::empty())?;
    acknowledged(&answer[..len])
}

/// The header's type, and the errno behind the header, which is 0 for a success.
fn acknowledged(answer: &[u8]) -> io::Result<()> {
    let kind = answer.get(4..6).and_then(|bytes| bytes.try_into().ok());
    let errno = answer.get(16..20).and_then(|bytes| bytes.try_into().ok());
    let (Some(kind), Some(errno)) = (kind, errno) else {
        return Err(io::Error::other("rtnetlink gave a short answer"));
    };
    match (u16::from_ne_bytes(kind), i32::from_ne_bytes(errno)) {
        (NLMSG_ERROR, 0) => Ok(()),
        (NLMSG_ERROR, errno) => Err(io::Error::from_raw_os_error(-errno)),
        _ => Err(io::Error::other(
            "rtnetlink gave an answer that is no acknowledgement",
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_an_acknowledgement_without_an_error_is_a_success() {
        let answer = |kind: u16, errno: i32| {
            let mut answer = vec![36, 0, 0, 0];
            answer.extend(kind.to_ne_bytes());
            answer.extend([0; 10]);
            answer.extend(errno.to_ne_bytes());
            answer
        };
        assert!(acknowledged(&answer(NLMSG_ERROR, 0)).is_ok());
        let exists = acknowledged(&answer(NLMSG_ERROR, -17)).unwrap_err();
        assert_eq!(exists.kind(), io::ErrorKind::AlreadyExists);
        assert!(acknowledged(&answer(RTM_NEWLINK, 0)).is_err());
        assert!(acknowledged(&answer(NLMSG_ERROR, 0)[..19]).is_err());
    }
}
