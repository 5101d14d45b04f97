//! Making a TUN device, with errors that say what to do.

use std::io;

use ipnet::IpNet;
use tun_rs::{DeviceBuilder, SyncDevice};

use crate::Error;

/// A device that ends with its descriptor, up, without blocking reads. The
/// kernel picks the number in its name.
pub(crate) fn open(addresses: &[IpNet], mtu: u16) -> Result<SyncDevice, Error> {
    let mut device = None;
    for address in addresses {
        if let IpNet::V4(v4) = address {
            device = Some(DeviceBuilder::new().ipv4(v4.addr(), v4.prefix_len(), None));
        }
    }
    let device = device
        .unwrap_or_default()
        .name("toa%d")
        .mtu(mtu)
        .enable(true);
    let device = device.build_sync().map_err(classify)?;
    for address in addresses {
        if let IpNet::V6(v6) = address {
            device
                .add_address_v6(v6.addr(), v6.prefix_len())
                .map_err(|source| match source.kind() {
                    io::ErrorKind::PermissionDenied | io::ErrorKind::Unsupported => {
                        Error::Ipv6Disabled(source)
                    }
                    _ => Error::Io {
                        action: "give the TUN device its IPv6 address",
                        source,
                    },
                })?;
        }
    }
    device.set_nonblocking(true).map_err(|source| Error::Io {
        action: "set up the TUN device",
        source,
    })?;
    Ok(device)
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
