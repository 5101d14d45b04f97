//! Making a TUN device, with errors that say what to do.

use std::fs;
use std::io;

use ipnet::IpNet;
use tun_rs::{DeviceBuilder, SyncDevice};

use crate::{Error, addresses, netlink};

/// A device that ends with its descriptor, up, without blocking reads. The
/// kernel picks the number in its name.
pub(crate) fn open(addresses: &[IpNet], mtu: u16) -> Result<SyncDevice, Error> {
    let builder = DeviceBuilder::new().name("toa%d").mtu(mtu).enable(true);
    let device = builder.build_sync().map_err(classify)?;
    let failed = |action| move |source| Error::Io { action, source };
    device
        .set_nonblocking(true)
        .map_err(failed("set up the TUN device"))?;
    let index = device
        .if_index()
        .map_err(failed("find the TUN device just made"))?;
    if addresses.iter().any(|address| address.addr().is_ipv6()) {
        // Containers often have IPv6 switched off for new devices, and an address
        // is refused then. This one is ours; where it fails, the address will say so.
        if let Ok(name) = device.name() {
            fs::write(format!("/proc/sys/net/ipv6/conf/{name}/disable_ipv6"), "0").ok();
        }
    }
    for address in addresses {
        netlink::add_address(*address, index).map_err(|source| match source.kind() {
            io::ErrorKind::PermissionDenied if address.addr().is_ipv6() => {
                Error::Ipv6Disabled(source)
            }
            _ => Error::Io {
                action: "give the TUN device its address",
                source,
            },
        })?;
        if !addresses::wait_until_local(address.addr()) {
            let source = io::ErrorKind::TimedOut.into();
            return Err(Error::Io {
                action: "see the TUN device's address at work",
                source,
            });
        }
    }
    Ok(device)
}

/// Routes a network into the device.
pub(crate) fn add_route(device: &SyncDevice, network: IpNet) -> Result<(), Error> {
    let index = device.if_index();
    index
        .and_then(|index| netlink::add_route(network, index))
        .map_err(|source| Error::Io {
            action: "add a route into the TUN device",
            source,
        })
}

fn classify(source: io::Error) -> Error {
    // ENODEV and ENXIO: the node is there, the driver is not.
    const ENXIO: i32 = 6;
    const ENODEV: i32 = 19;
    match (source.kind(), source.raw_os_error()) {
        (io::ErrorKind::NotFound, _) | (_, Some(ENXIO | ENODEV)) => Error::NoTunDevice(source),
        (io::ErrorKind::PermissionDenied, _) => Error::NotPermitted(source),
        _ => Error::Io {
            action: "make a TUN device",
            source,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_refusal_names_its_cure() {
        for (errno, cure) in [
            (2, "modprobe tun"),
            (6, "--device /dev/net/tun"),
            (19, "mknod"),
            (1, "CAP_NET_ADMIN"),
            (13, "setcap cap_net_admin+ep"),
        ] {
            let message = classify(io::Error::from_raw_os_error(errno)).to_string();
            assert!(message.contains(cure), "{errno}: {message}");
        }
    }
}
