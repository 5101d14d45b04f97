//! All hand-made peers' segments, sorted by the connection they belong to.

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

/// Where a connection is: the peer out there, and the server.
pub(crate) type Ends = (SocketAddr, SocketAddr);

#[derive(Debug)]
struct Device(PeerDevice);

impl AsRawFd for Device {
    fn as_raw_fd(&self) -> RawFd {
        self.0.as_fd().as_raw_fd()
    }
}

#[derive(Debug)]
pub(crate) struct Hub {
    device: AsyncFd<Device>,
    inboxes: RefCell<HashMap<Ends, UnboundedSender<Segment>>>,
}

impl Hub {
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

    /// Sorts until the device fails.
    pub(crate) async fn run(&self) -> io::Result<()> {
        loop {
            let mut ready = self.device.readable().await?;
            // Others want their turn, too.
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

    pub(crate) fn register(&self, ends: Ends) -> UnboundedReceiver<Segment> {
        let (sender, inbox) = unbounded_channel();
        self.inboxes.borrow_mut().insert(ends, sender);
        inbox
    }

    pub(crate) fn forget(&self, ends: Ends) {
        self.inboxes.borrow_mut().remove(&ends);
    }

    pub(crate) fn send(&self, (peer, server): Ends, segment: &Segment) -> io::Result<()> {
        self.device.get_ref().0.peer(peer, server).send(segment)
    }

    fn deliver(&self, ends: Ends, segment: Segment) -> io::Result<()> {
        if let Some(inbox) = self.inboxes.borrow().get(&ends) {
            // A connection that just ended no longer listens.
            let _ = inbox.send(segment);
            return Ok(());
        }
        // A machine resets what it knows nothing of, so that no server waits for a peer
        // that is gone. Where a SYN-ACK goes there never was a machine.
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
