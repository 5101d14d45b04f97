//! Writing an option, as the laptop balancer does.

use std::net::{SocketAddr, SocketAddrV4};

use super::{KIND_NO_OPERATION, MAX_OPTIONS_LEN, ToaOption};
use crate::addr::{to_canonical, to_mapped};
use crate::format::{KIND_VIP, Layout, OptionFormat};

/// An option's bytes as they stand in a TCP header; dereferences to the slice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Encoded {
    bytes: [u8; MAX_OPTIONS_LEN],
    len: usize,
}

impl std::ops::Deref for Encoded {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.bytes[..self.len]
    }
}

impl ToaOption {
    /// A client's address in the layout of `toa` under this kind: IPv4 in 8 bytes, IPv6
    /// (also in mapped form) in 20.
    #[must_use]
    pub const fn new(kind: u8, client: SocketAddr) -> Self {
        Self {
            kind,
            layout: match client {
                SocketAddr::V4(_) => Layout::Toa4,
                SocketAddr::V6(_) => Layout::Toa6,
            },
            client,
            virtual_addr: None,
        }
    }

    /// What a balancer writes in this format for a client that asked for `virtual_addr`.
    /// `None` when the format cannot carry the client's address family. A format without a
    /// port, or without a virtual address, loses it.
    ///
    /// `vtoa` is written as one option that has both.
    #[must_use]
    pub fn in_format(
        format: OptionFormat,
        client: SocketAddr,
        virtual_addr: SocketAddr,
    ) -> Option<Self> {
        let client = to_canonical(to_mapped(client));
        let (kind, layout) = match (format, client) {
            (OptionFormat::Toa, _) => return Some(Self::new(254, client)),
            (OptionFormat::ToaAt(kind), _) => return Some(Self::new(kind, client)),
            (OptionFormat::Vtoa, SocketAddr::V4(_)) => (252, Layout::Vtoa4),
            (OptionFormat::Vtoa, SocketAddr::V6(_)) => (249, Layout::Vtoa6),
            (OptionFormat::Cip, SocketAddr::V4(_)) => (28, Layout::Cip4),
            (OptionFormat::Cip, SocketAddr::V6(_)) => (28, Layout::Cip6),
            (OptionFormat::Ttgw, SocketAddr::V4(_)) => (254, Layout::Ttgw),
            (OptionFormat::Ttgw, SocketAddr::V6(_)) => return None,
        };
        let fields = layout.fields();
        let port = |of: u8, addr: SocketAddr| if of == 0 { 0 } else { addr.port() };
        let virtual_addr = to_canonical(to_mapped(virtual_addr));
        let carries = fields.virtual_addr != 0 && virtual_addr.is_ipv4() == client.is_ipv4();
        Some(Self {
            kind,
            layout,
            client: SocketAddr::new(client.ip(), port(fields.port, client)),
            virtual_addr: carries.then(|| {
                SocketAddr::new(virtual_addr.ip(), port(fields.virtual_port, virtual_addr))
            }),
        })
    }

    /// Together with the virtual IPv4 address in an option of its own directly behind, as
    /// `vtoa` has it.
    #[must_use]
    pub const fn with_vip(mut self, virtual_addr: SocketAddrV4) -> Self {
        if matches!(self.layout, Layout::Toa4) {
            self.virtual_addr = Some(SocketAddr::V4(virtual_addr));
        }
        self
    }

    /// The option's bytes, padded to a multiple of four as the header needs it.
    #[must_use]
    pub fn encode(&self) -> Encoded {
        let mut encoded = Encoded {
            bytes: [KIND_NO_OPERATION; MAX_OPTIONS_LEN],
            len: 0,
        };
        encoded.push(self.kind, self.layout, Some(self.client), self.virtual_addr);
        if let (Layout::Toa4, Some(vip)) = (self.layout, self.virtual_addr) {
            encoded.push(KIND_VIP, Layout::Vip4, None, Some(vip));
        }
        encoded
    }
}

impl Encoded {
    fn push(
        &mut self,
        kind: u8,
        layout: Layout,
        client: Option<SocketAddr>,
        virtual_addr: Option<SocketAddr>,
    ) {
        let fields = layout.fields();
        let option = &mut self.bytes[self.len..][..layout.option_len()];
        option.fill(0);
        option[0] = kind;
        option[1] = fields.len;
        if fields.version != 0 {
            option[2] = fields.version;
        }
        let mut put = |addr_at: u8, port_at: u8, addr: SocketAddr| {
            let octets = to_mapped(addr).ip().octets();
            let octets = &octets[16 - usize::from(fields.addr_len)..];
            if addr_at != 0 {
                option[usize::from(addr_at)..][..octets.len()].copy_from_slice(octets);
            }
            if port_at != 0 {
                option[usize::from(port_at)..][..2].copy_from_slice(&addr.port().to_be_bytes());
            }
        };
        if let Some(client) = client {
            put(fields.addr, fields.port, client);
        }
        if let Some(virtual_addr) = virtual_addr {
            put(fields.virtual_addr, fields.virtual_port, virtual_addr);
        }
        self.len += layout.option_len().next_multiple_of(4);
    }
}
