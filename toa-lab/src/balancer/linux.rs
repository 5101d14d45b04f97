use std::hash::{BuildHasher, RandomState};
use std::io;
use std::net::Shutdown;
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Instant;

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use tun_rs::SyncDevice;

use crate::config::BalancerConfig;
use crate::layout::Layout;
use crate::translate::{Plan, Translator, Verdict};
use crate::{Error, Stats, addresses, tun};

/// Packets handled before the thread checks whether it must stop.
const BATCH: usize = 64;
/// Milliseconds after which idle flows are looked for.
const TICK: u16 = 1000;

/// What the thread works with and others may look at. A packet is counted
/// before it is sent, so once its effect is seen, the counter has it.
#[derive(Debug)]
struct Shared {
    translator: Mutex<Translator>,
    write_errors: AtomicU64,
}

impl Shared {
    fn translator(&self) -> MutexGuard<'_, Translator> {
        self.translator
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

/// The thread and how to stop it.
#[derive(Debug)]
pub(super) struct Running {
    device: String,
    shared: Arc<Shared>,
    stop: UnixStream,
    thread: Option<JoinHandle<()>>,
}

impl Running {
    pub(super) fn start(config: &BalancerConfig) -> Result<(Running, Plan), Error> {
        let Layout {
            mut plan,
            device,
            route,
        } = Layout::choose(config, addresses::check_free)?;
        plan.seed = RandomState::new().hash_one(0);
        let translator = Translator::new(plan.clone())?;
        let device = tun::open(&device, plan.mtu)?;
        let failed = |action| move |source| Error::Io { action, source };
        let name = device
            .name()
            .map_err(failed("learn the TUN device's name"))?;
        if let Some(route) = route {
            tun::add_route(&device, route)?;
        }
        let (stop, stopped) = UnixStream::pair().map_err(failed("start the balancer"))?;
        let write_errors = AtomicU64::new(0);
        let shared = Arc::new(Shared {
            translator: Mutex::new(translator),
            write_errors,
        });
        let pump = Pump {
            device,
            stopped,
            shared: Arc::clone(&shared),
        };
        let thread = thread::Builder::new()
            .name("toa-lab".to_owned())
            .spawn(move || pump.run())
            .map_err(failed("start the balancer"))?;
        let running = Running {
            device: name,
            shared,
            stop,
            thread: Some(thread),
        };
        Ok((running, plan))
    }

    pub(super) fn device(&self) -> &str {
        &self.device
    }

    pub(super) fn stats(&self) -> Stats {
        let write_errors = self.shared.write_errors.load(Ordering::Relaxed);
        Stats {
            write_errors,
            ..self.shared.translator().stats()
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // The thread sees the hang-up. It owns the device: when it has ended, the
        // device is gone. A failed shutdown means that it has ended already.
        self.stop.shutdown(Shutdown::Both).ok();
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the laptop balancer's thread panicked");
        }
    }
}

/// Moves packets between device and translator.
struct Pump {
    device: SyncDevice,
    stopped: UnixStream,
    shared: Arc<Shared>,
}

impl Pump {
    fn run(self) {
        if let Err(error) = self.pump() {
            tracing::error!(%error, "the laptop balancer stops: its TUN device failed");
        }
    }

    fn pump(&self) -> io::Result<()> {
        let mut packet = vec![0; usize::from(u16::MAX)];
        let mut out = Vec::with_capacity(usize::from(u16::MAX));
        loop {
            let now = Instant::now();
            self.shared.translator().expire(now);
            for _ in 0..BATCH {
                match self.device.recv(&mut packet) {
                    Ok(len) => self.handle(now, &packet[..len], &mut out)?,
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                    Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                    Err(error) => return Err(error),
                }
            }
            let mut ready = [
                PollFd::new(self.device.as_fd(), PollFlags::POLLIN),
                PollFd::new(self.stopped.as_fd(), PollFlags::POLLIN),
            ];
            match poll(&mut ready, PollTimeout::from(TICK)) {
                Ok(_) | Err(Errno::EINTR) => {}
                Err(errno) => return Err(errno.into()),
            }
            if ready[1].any() == Some(true) {
                return Ok(());
            }
        }
    }

    fn handle(&self, now: Instant, packet: &[u8], out: &mut Vec<u8>) -> io::Result<()> {
        let verdict = self.shared.translator().translate(now, packet, out);
        if let Verdict::Drop(_) = verdict {
            return Ok(());
        }
        match self.device.send(out) {
            Ok(_) => Ok(()),
            // TCP recovers from a lost packet, but not from a lost device.
            Err(error) if error.raw_os_error() == Some(Errno::EBADFD as i32) => Err(error),
            Err(_) => {
                self.shared.write_errors.fetch_add(1, Ordering::Relaxed);
                Ok(())
            }
        }
    }
}
