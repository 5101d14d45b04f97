//! Options in the SYN, read by the library itself: no source, no privilege, no kernel part.

use std::io;
use std::net::{IpAddr, SocketAddrV6};

use crate::addr::to_mapped;
use crate::client_addr::{ClientAddr, Provenance};
use crate::format::OptionFormats;
use crate::option::Parsed;
use crate::policy::Policy;
use crate::syn::{self, Syn};
use crate::sys::{self, AsSocket, BorrowedSocket};
use crate::trust::TrustedPeers;

/// Whose SYNs are read for a TOA option, and in which formats, where no source answers.
/// For balancers that write the option there: Alibaba's CDN, LVS FULLNAT.
///
/// The kernel keeps the SYN for the listener (`TCP_SAVE_SYN`, Linux 4.2 and later), and one
/// more system call reads it as the connection is accepted. The client then has the
/// provenance [`ToaSyn`](Provenance::ToaSyn). Under SYN cookies the kernel keeps none:
/// [`NoSyn`](Provenance::NoSyn). Where a source answers, it alone is believed.
///
/// A SYN proves less than the segment that a source reads:
///
/// - Where the balancer inserts nothing, a client's own option arrives **from a trusted
///   peer**. Only a balancer that overwrites its clients' options in every SYN ends that.
/// - Nobody had to receive anything to send it. Whoever can send packets with the
///   balancer's address can put a SYN before the balancer's own and **name any client**:
///   let the network refuse such packets.
///
/// So there are no default peers: name the balancers, and nobody else.
///
/// ```no_run
/// # #[cfg(feature = "tokio")]
/// # async fn run() -> Result<(), Box<dyn std::error::Error>> {
/// use toa_core::{SavedSyn, ToaListener};
///
/// let balancers = "100.125.0.0/16".parse()?;
/// let listener = ToaListener::bind("[::]:3000")
///     .await?
///     .with_saved_syn(SavedSyn::insecure_trusting(balancers))?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct SavedSyn {
    trusted: TrustedPeers,
    formats: OptionFormats,
}

/// A SYN with more extension headers than this leaves room for is not read.
const MAX_SYN_LEN: usize = 512;

impl SavedSyn {
    /// Believes the option in SYNs of `peers`, in the default formats.
    ///
    /// A [`Policy`] that names peers narrows them further.
    #[must_use]
    pub fn insecure_trusting(peers: TrustedPeers) -> Self {
        Self {
            trusted: peers,
            formats: OptionFormats::default(),
        }
    }

    /// Replaces the formats that are read.
    #[must_use]
    pub const fn with_formats(mut self, formats: OptionFormats) -> Self {
        self.formats = formats;
        self
    }

    /// Makes the kernel keep the SYNs of `listener`'s connections; for a further listener of
    /// one [`Resolver`](crate::Resolver).
    ///
    /// # Errors
    /// When the socket is none of TCP, or the system does not keep SYNs: Linux before 4.2,
    /// and every other.
    pub fn keep(listener: &impl AsSocket) -> io::Result<()> {
        sys::save_syn(sys::borrow(listener))
    }

    /// Who is on the other side of `connection`, by its SYN: one system call.
    pub(crate) fn ask(
        &self,
        connection: BorrowedSocket<'_>,
        peer: SocketAddrV6,
        policy: &Policy,
    ) -> ClientAddr {
        let mut packet = [0; MAX_SYN_LEN];
        let reason = match sys::saved_syn(connection, &mut packet) {
            Ok(0) => Provenance::NoSyn,
            Ok(len) => match packet
                .get(..len)
                .and_then(|it| syn::parse(it, &self.formats))
            {
                Some(syn) => return self.decide(syn, peer, policy),
                None => Provenance::Failed(0),
            },
            Err(error) => Provenance::Failed(error.raw_os_error().unwrap_or(0)),
        };
        ClientAddr::from_peer(peer, reason)
    }

    fn decide(&self, syn: Syn, peer: SocketAddrV6, policy: &Policy) -> ClientAddr {
        let named = self.trusted.contains(IpAddr::V6(*peer.ip()));
        let reason = match syn.option {
            Parsed::Absent => Provenance::NotSent,
            // It claims no address, whoever sent it.
            Parsed::Foreign { .. } => Provenance::Foreign,
            // The sender of a Fast Open SYN has not shown that it is this peer.
            _ if !named || syn.may_be_fast_open || !policy.trusts(peer, true) => {
                Provenance::Untrusted
            }
            Parsed::Invalid => Provenance::Invalid,
            Parsed::Implausible(_) => Provenance::Implausible,
            Parsed::Found(option) => {
                return ClientAddr::from_syn(to_mapped(option.client()), peer)
                    .with_virtual_addr(option.virtual_addr().map(to_mapped));
            }
        };
        ClientAddr::from_peer(peer, reason)
    }
}

#[cfg(test)]
mod tests;
