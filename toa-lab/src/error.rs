//! Why a balancer or hand-made peers cannot start.

use std::io;
use std::net::IpAddr;

use ipnet::IpNet;

use crate::translate::PlanError;

/// Why a balancer or hand-made peers cannot start. Every message says what to do.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Only Linux has the TUN devices that are used.
    #[error("this needs a Linux TUN device, and this is not Linux")]
    Unsupported,
    /// The configuration cannot work.
    #[error(transparent)]
    Plan(#[from] PlanError),
    /// The addresses do not fit.
    #[error("the network {0} is too small, it must hold 32 addresses")]
    NetworkTooSmall(IpNet),
    /// The wrong family, or an address with another meaning.
    #[error(
        "{0} cannot be the virtual address: it must be of the clients' family, and neither the device's own nor one of the pool"
    )]
    VirtualAddress(IpAddr),
    /// There is no /dev/net/tun, and it could not be made.
    #[error(
        "there is no /dev/net/tun: load the driver (modprobe tun), make the node (mkdir -p /dev/net && mknod /dev/net/tun c 10 200), or give it to the container (docker run --device /dev/net/tun)"
    )]
    NoTunDevice(#[source] io::Error),
    /// CAP_NET_ADMIN is missing.
    #[error(
        "making a TUN device needs the capability CAP_NET_ADMIN: run as root, or give it to the program (setcap cap_net_admin+ep PROGRAM) or to the container (docker run --cap-add NET_ADMIN)"
    )]
    NotPermitted(#[source] io::Error),
    /// CAP_NET_RAW is missing.
    #[error(
        "sending TCP segments made by hand needs the capability CAP_NET_RAW: run as root, or give it to the program (setcap cap_net_raw+ep PROGRAM) or to the container (docker run --cap-add NET_RAW)"
    )]
    RawSocketNotPermitted(#[source] io::Error),
    /// The kernel refuses IPv6 addresses.
    #[error(
        "IPv6 is switched off here: allow it (sysctl net.ipv6.conf.default.disable_ipv6=0, or docker run --sysctl net.ipv6.conf.default.disable_ipv6=0)"
    )]
    Ipv6Disabled(#[source] io::Error),
    /// The addresses are taken.
    #[error(transparent)]
    AddressInUse(#[from] AddressInUse),
    /// The kernel refused another step.
    #[error("cannot {action}")]
    Io {
        /// The step.
        action: &'static str,
        /// The kernel's error.
        source: io::Error,
    },
}

/// The machine already knows a network that overlaps the balancer's.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "the network {wanted} overlaps {found}, which device {device} has: choose another network, or stop the other balancer"
)]
pub struct AddressInUse {
    /// The network that the balancer would use.
    pub wanted: IpNet,
    /// The network that exists.
    pub found: IpNet,
    /// The device of that network.
    pub device: String,
}
