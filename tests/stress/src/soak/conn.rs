//! One end of a hand-made connection, which retransmits and acknowledges as TCP does.

mod handshake;

use std::collections::VecDeque;
use std::rc::Rc;
use std::time::Duration;

use toa_lab::peer::{Segment, flags};
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::time::{Instant, sleep_until, timeout_at};

use super::demux::{Endpoints, SegmentDemux};
use super::http::{self, Response};

/// How long a server may take for anything.
pub(crate) const RESPONSE_TIMEOUT: Duration = Duration::from_secs(25);
const RESEND: Duration = Duration::from_secs(1);

/// Why a connection ended early.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Fail {
    /// By RST.
    Reset,
    /// By FIN, before the response.
    Closed,
    /// The time limit passed.
    Timeout,
    /// A defect of the server or the source.
    Wrong(String),
}

#[derive(Debug)]
pub(crate) struct Conn {
    demux: Rc<SegmentDemux>,
    ends: Endpoints,
    inbox: UnboundedReceiver<Segment>,
    sequence: u32,
    /// `None` until the SYN-ACK.
    acknowledgment: Option<u32>,
    /// The options of the first SYN-ACK, and the number that acknowledges the last one.
    pub(crate) answer: (Vec<u8>, u32),
    /// What completes the handshake by a bare ACK, again when the SYN-ACK comes again.
    ack: Option<Vec<u8>>,
    unacknowledged: VecDeque<Segment>,
    resend_at: Instant,
    received: Vec<u8>,
    /// Whether our FIN is sent.
    closing: bool,
    /// Whether the server's has come.
    finished: bool,
    /// Whether nothing more is to be sent.
    over: bool,
    /// Whether anything had to be sent twice.
    pub(crate) lossy: bool,
}

impl Conn {
    pub(crate) fn new(demux: &Rc<SegmentDemux>, ends: Endpoints, sequence: u32) -> Self {
        Self {
            demux: Rc::clone(demux),
            ends,
            inbox: demux.register(ends),
            sequence,
            acknowledgment: None,
            answer: (Vec::new(), 0),
            ack: None,
            unacknowledged: VecDeque::new(),
            resend_at: Instant::now(),
            received: Vec::new(),
            closing: false,
            finished: false,
            over: false,
            lossy: false,
        }
    }

    pub(crate) fn data(&mut self, options: &[u8], payload: &[u8]) -> Result<(), Fail> {
        let flags = flags::ACK | flags::PSH;
        self.transmit(flags, options, payload, payload.len() as u32)
    }

    /// The first time only.
    pub(crate) fn fin(&mut self) -> Result<(), Fail> {
        if std::mem::replace(&mut self.closing, true) {
            return Ok(());
        }
        self.transmit(flags::ACK | flags::FIN, &[], &[], 1)
    }

    /// Data and FIN in one segment.
    pub(crate) fn data_and_fin(&mut self, options: &[u8], payload: &[u8]) -> Result<(), Fail> {
        self.closing = true;
        let flags = flags::ACK | flags::PSH | flags::FIN;
        self.transmit(flags, options, payload, payload.len() as u32 + 1)
    }

    /// Resets it. A server that missed some of the data answers with a challenge ACK, which
    /// the demux resets with the right number.
    pub(crate) fn reset(&mut self) -> Result<(), Fail> {
        self.over = true;
        self.send(&self.segment(flags::RST | flags::ACK, &[], &[]))
    }

    /// Waits until all that was sent has arrived.
    pub(crate) async fn flushed(&mut self) -> Result<(), Fail> {
        let end = Instant::now() + RESPONSE_TIMEOUT;
        while !self.unacknowledged.is_empty() {
            self.advance(end).await?;
        }
        Ok(())
    }

    /// Receives for so long and sends only acknowledgements.
    pub(crate) async fn pause(&mut self, time: Duration) -> Result<(), Fail> {
        let end = Instant::now() + time;
        loop {
            match self.advance(end).await {
                Err(Fail::Timeout) => return Ok(()),
                other => other?,
            }
        }
    }

    pub(crate) async fn response(&mut self) -> Result<Response, Fail> {
        let end = Instant::now() + RESPONSE_TIMEOUT;
        loop {
            if let Some(response) = http::take_response(&mut self.received).map_err(Fail::Wrong)? {
                return Ok(response);
            }
            if self.finished {
                return Err(Fail::Closed);
            }
            self.advance(end).await?;
        }
    }

    /// Whether the server has closed its side.
    pub(crate) const fn finished(&self) -> bool {
        self.finished
    }

    /// Closes both sides in either order, and resets what does not end.
    pub(crate) async fn close(mut self) {
        let end = Instant::now() + 3 * RESEND;
        let orderly = async {
            self.fin()?;
            while !self.finished || !self.unacknowledged.is_empty() {
                self.advance(end).await?;
            }
            Ok::<_, Fail>(())
        };
        self.over = orderly.await.is_ok();
    }

    /// Receives one segment, or retransmits what was not acknowledged.
    async fn advance(&mut self, end: Instant) -> Result<(), Fail> {
        let until = if self.unacknowledged.is_empty() {
            end
        } else {
            end.min(self.resend_at)
        };
        if let Ok(segment) = timeout_at(until, self.inbox.recv()).await {
            let segment = segment.expect("the demux keeps the sender until this is dropped");
            return self.take(segment);
        }
        if Instant::now() >= end {
            return Err(Fail::Timeout);
        }
        sleep_until(self.resend_at).await;
        self.lossy = true;
        self.resend_at = Instant::now() + RESEND;
        for segment in &self.unacknowledged {
            let mut again = segment.clone();
            again.acknowledgment = self.acknowledgment.unwrap_or_default();
            self.send(&again)?;
        }
        Ok(())
    }

    fn take(&mut self, segment: Segment) -> Result<(), Fail> {
        if segment.flags & flags::RST != 0 {
            self.over = true;
            return Err(Fail::Reset);
        }
        self.unacknowledged
            .retain(|sent| end_of(sent).wrapping_sub(segment.acknowledgment) as i32 > 0);
        if segment.flags & flags::SYN != 0 {
            let number = segment.sequence.wrapping_add(1);
            // Again, when the kernel had no room for the ACK.
            self.lossy |= self.acknowledgment == Some(number);
            self.acknowledgment.get_or_insert(number);
            if self.answer.0.is_empty() {
                self.answer.0 = segment.options;
            }
            self.answer.1 = number;
            return match self.ack.clone() {
                Some(options) => self.send(&self.segment(flags::ACK, &options, &[])),
                None => Ok(()),
            };
        }
        let fin = segment.flags & flags::FIN != 0;
        if segment.payload.is_empty() && !fin {
            return Ok(());
        }
        if Some(segment.sequence) == self.acknowledgment {
            self.received.extend_from_slice(&segment.payload);
            self.finished |= fin;
            let len = segment.payload.len() as u32 + u32::from(fin);
            self.acknowledgment = Some(segment.sequence.wrapping_add(len));
        }
        self.send(&self.segment(flags::ACK, &[], &[]))
    }

    fn transmit(
        &mut self,
        flags: u8,
        options: &[u8],
        payload: &[u8],
        len: u32,
    ) -> Result<(), Fail> {
        let segment = self.segment(flags, options, payload);
        if self.unacknowledged.is_empty() {
            self.resend_at = Instant::now() + RESEND;
        }
        self.send(&segment)?;
        self.unacknowledged.push_back(segment);
        self.sequence = self.sequence.wrapping_add(len);
        Ok(())
    }

    fn segment(&self, flags: u8, options: &[u8], payload: &[u8]) -> Segment {
        Segment {
            flags,
            sequence: self.sequence,
            acknowledgment: self.acknowledgment.unwrap_or_default(),
            window: u16::MAX,
            options: options.to_vec(),
            payload: payload.to_vec(),
        }
    }

    fn send(&self, segment: &Segment) -> Result<(), Fail> {
        self.demux
            .send(self.ends, segment)
            .map_err(|error| Fail::Wrong(format!("cannot send a segment: {error}")))
    }
}

impl Drop for Conn {
    /// Resets a connection that is still open, so that no server waits for it.
    fn drop(&mut self) {
        if !self.over && self.acknowledgment.is_some() {
            // The device has failed if this does, and another task reports that.
            let _ = self.reset();
        }
        self.demux.forget(self.ends);
    }
}

/// The sequence number behind a segment.
fn end_of(segment: &Segment) -> u32 {
    let flag = u32::from(segment.flags & (flags::SYN | flags::FIN) != 0);
    segment
        .sequence
        .wrapping_add(segment.payload.len() as u32 + flag)
}
