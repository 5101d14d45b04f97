//! Distributes the segments for hand-made peers to their connections.

use std::cell::RefCell;
use std::collections::HashMap;
use std::io;
use std::net::SocketAddr;
use std::os::fd::{AsFd, AsRawFd, RawFd};
use std::rc::Rc;

use anyhow::Context;
use toa_lab::peer::{PeerDevice, Segment, flags};
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

/// A connection's addresses: the peer's and the server's.
pub(crate) type Endpoints = (SocketAddr, SocketAddr);

#[derive(Debug)]
struct Device(PeerDevice);

impl AsRawFd for Device {
    fn as_raw_fd(&self) -> RawFd {
        self.0.as_fd().as_raw_fd()
    }
}

#[derive(Debug)]
pub(crate) struct SegmentDemux {
    device: AsyncFd<Device>,
    inboxes: RefCell<HashMap<Endpoints, UnboundedSender<Segment>>>,
}

impl SegmentDemux {
    pub(crate) fn open() -> anyhow::Result<Rc<Self>> {
        let device = Device(PeerDevice::open()?);
        #[expect(
            deprecated,
            reason = "its successor is unsafe for types that may close the descriptor; this one keeps it"
        )]
        let device = AsyncFd::with_interest(device, Interest::READABLE)
            .context("cannot wait for the TUN device")?;
        Ok(Rc::new(Self {
            device,
            inboxes: RefCell::default(),
        }))
    }

    /// Distributes segments until the device fails.
    pub(crate) async fn run(&self) -> io::Result<()> {
        loop {
            let mut ready = self.device.readable().await?;
            // A bounded batch, so that the other tasks run as well.
            for _ in 0..256 {
                match ready.get_inner().0.try_receive()? {
                    Some((server, peer, segment)) => self.deliver((peer, server), segment)?,
                    None => {
                        ready.clear_ready();
                        break;
                    }
                }
            }
            tokio::task::yield_now().await;
        }
    }

    pub(crate) fn register(&self, ends: Endpoints) -> UnboundedReceiver<Segment> {
        let (sender, inbox) = unbounded_channel();
        self.inboxes.borrow_mut().insert(ends, sender);
        inbox
    }

    pub(crate) fn forget(&self, ends: Endpoints) {
        self.inboxes.borrow_mut().remove(&ends);
    }

    pub(crate) fn send(&self, (peer, server): Endpoints, segment: &Segment) -> io::Result<()> {
        self.device.get_ref().0.peer(peer, server).send(segment)
    }

    fn deliver(&self, ends: Endpoints, segment: Segment) -> io::Result<()> {
        if let Some(inbox) = self.inboxes.borrow().get(&ends) {
            // A connection that has just ended does not receive any more.
            let _ = inbox.send(segment);
            return Ok(());
        }
        // A host resets what belongs to no connection of its own, so that no server waits
        // for a peer that is gone. A SYN-ACK here answers a flood, whose hosts do not exist.
        if segment.flags & (flags::RST | flags::SYN) != 0 {
            return Ok(());
        }
        let reset = Segment {
            flags: flags::RST,
            sequence: segment.acknowledgment,
            ..Segment::default()
        };
        self.send(ends, &reset)
    }
}
