//! Many open connections, more than one table of descriptors can hold.

use std::net::{TcpListener, TcpStream};
use std::sync::mpsc::{Sender, channel};
use std::thread::{self, Scope};

use anyhow::Context as _;
use nix::sched::{CloneFlags, unshare};
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use toa_lab::peer::{Peer, PeerDevice};

use super::connect::Peers;

/// Descriptors that a thread needs besides connections: it starts with a copy of ours.
const SPARE: u64 = 500;

/// Connections that hand-made peers opened, and that stay open.
pub(super) struct OpenConnections<'scope, 'env> {
    scope: &'scope Scope<'scope, 'env>,
    device: &'env PeerDevice,
    listener: &'env TcpListener,
    option: &'env [u8],
    // A thread closes its connections when its sender is dropped.
    senders: Vec<Sender<()>>,
    held: u32,
    at_most: u32,
}

/// Runs `work`, which opens connections, and then closes them.
pub(super) fn with_open_connections<'env, T>(
    device: &'env PeerDevice,
    listener: &'env TcpListener,
    option: &'env [u8],
    work: impl FnOnce(&mut OpenConnections<'_, 'env>) -> anyhow::Result<T>,
) -> anyhow::Result<T> {
    let (soft, hard) = getrlimit(Resource::RLIMIT_NOFILE)?;
    let files = setrlimit(Resource::RLIMIT_NOFILE, hard, hard).map_or(soft, |()| hard);
    let at_most = u32::try_from(files.saturating_sub(SPARE).max(1)).unwrap_or(u32::MAX);
    thread::scope(|scope| {
        work(&mut OpenConnections {
            scope,
            device,
            listener,
            option,
            senders: Vec::new(),
            held: 0,
            at_most,
        })
    })
}

impl OpenConnections<'_, '_> {
    /// Opens more, until there are `count`.
    pub(super) fn grow(&mut self, count: u32) -> anyhow::Result<()> {
        while self.held < count {
            let more = self.at_most.min(count - self.held);
            let (listener, device, option) = (self.listener, self.device, self.option);
            let first = self.held;
            let (sender, until) = channel();
            let (opened_sender, opened) = channel();
            self.scope.spawn(move || {
                let all = open(device, listener, option, first, more);
                let (held, outcome) = match all {
                    Ok(held) => (held, Ok(())),
                    Err(error) => (Vec::new(), Err(error)),
                };
                if opened_sender.send(outcome).is_ok() {
                    let _ = until.recv();
                }
                for (stream, mut peer) in held {
                    // Otherwise the kernel would send a reset to an address where nothing is.
                    let _ = peer.reset(&[]);
                    drop(stream);
                }
            });
            opened.recv()??;
            self.senders.push(sender);
            self.held += more;
        }
        Ok(())
    }
}

fn open<'e>(
    device: &'e PeerDevice,
    listener: &'e TcpListener,
    option: &'e [u8],
    first: u32,
    count: u32,
) -> anyhow::Result<Vec<(TcpStream, Peer<'e>)>> {
    // The limit on open files applies to a table of descriptors; now each thread has one.
    unshare(CloneFlags::CLONE_FILES).context("cannot have a table of descriptors of its own")?;
    let peers = Peers::new(device, listener, option)?.starting_at(first);
    (0..count).map(|_| peers.open()).collect()
}
