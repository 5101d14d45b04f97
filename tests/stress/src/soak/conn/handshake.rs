//! The handshake of a hand-made connection, an ordinary one or not.

use std::time::Duration;

use toa_lab::peer::flags;
use tokio::time::Instant;

use super::{Conn, Fail, RESPONSE_TIMEOUT};

impl Conn {
    /// Sends the SYN and waits for nothing.
    pub(crate) fn syn(&mut self, options: &[u8]) -> Result<(), Fail> {
        self.transmit(flags::SYN, options, &[], 1)
    }

    pub(crate) async fn syn_ack(&mut self) -> Result<(), Fail> {
        let end = Instant::now() + RESPONSE_TIMEOUT;
        while self.acknowledgment.is_none() {
            self.advance(end).await?;
        }
        Ok(())
    }

    /// The whole handshake. Without an `ack` the first data completes it.
    pub(crate) async fn open(&mut self, syn: &[u8], ack: Option<&[u8]>) -> Result<(), Fail> {
        self.ack = ack.map(<[u8]>::to_vec);
        self.syn(syn)?;
        self.syn_ack().await
    }

    /// Completes the handshake by a bare ACK, after [`syn_ack`](Self::syn_ack).
    pub(crate) fn complete(&mut self, options: &[u8]) -> Result<(), Fail> {
        self.ack = Some(options.to_vec());
        self.send(&self.segment(flags::ACK, options, &[]))
    }

    /// Sends a second SYN with another number, and waits a little for its SYN-ACK. The
    /// connection goes on with the first.
    pub(crate) async fn second_syn(&mut self, options: &[u8]) -> Result<(), Fail> {
        let mut syn = self.segment(flags::SYN, options, &[]);
        syn.sequence = self.sequence.wrapping_add(5000);
        syn.acknowledgment = 0;
        self.send(&syn)?;
        self.pause(Duration::from_millis(100)).await
    }

    /// Whether the last SYN-ACK is the one that this connection acknowledges.
    pub(crate) fn acknowledges_last(&self) -> bool {
        self.acknowledgment == Some(self.answer.1)
    }

    /// From now on acknowledges so much more.
    pub(crate) fn shift_acknowledgment(&mut self, off: u32) {
        self.acknowledgment = self.acknowledgment.map(|it| it.wrapping_add(off));
    }
}
