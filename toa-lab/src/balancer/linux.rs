use std::hash::{BuildHasher, RandomState};
use std::io::{self, Write};
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Instant;

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use tun_rs::SyncDevice;

use crate::config::BalancerConfig;
use crate::translate::{Translator, Verdict};
use crate::{Error, Stats, addresses, tun};

/// Packets handled before the thread looks up: it then shows its counters and
/// notices that it shall stop.
const BATCH: usize = 64;
/// Idle flows end this late at most.
const TICK: u16 = 1000;

/// The thread and how to stop it.
#[derive(Debug)]
pub(super) struct Running {
    device: String,
    stats: Arc<Mutex<Stats>>,
    stop: UnixStream,
    thread: Option<JoinHandle<()>>,
}

impl Running {
    pub(super) fn start(config: &BalancerConfig) -> Result<Running, Error> {
        let translator = Translator::new(config.plan(RandomState::new().hash_one(0))?)?;
        addresses::check_free(&config.networks())?;
        let device = tun::open(&config.device_addresses(), config.mtu())?;
        let failed = |action| move |source| Error::Io { action, source };
        let name = device
            .name()
            .map_err(failed("learn the TUN device's name"))?;
        let (stop, stopped) = UnixStream::pair().map_err(failed("start the balancer"))?;
        let stats = Arc::new(Mutex::new(Stats::default()));
        let pump = Pump {
            device,
            stopped,
            translator,
            stats: Arc::clone(&stats),
            write_errors: 0,
        };
        let thread = thread::Builder::new()
            .name("toa-lab".to_owned())
            .spawn(move || pump.run())
            .map_err(failed("start the balancer"))?;
        Ok(Running {
            device: name,
            stats,
            stop,
            thread: Some(thread),
        })
    }

    pub(super) fn device(&self) -> &str {
        &self.device
    }

    pub(super) fn stats(&self) -> Stats {
        *self.stats.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // The thread owns the device: when it has ended, the device is gone.
        let asked = self.stop.write_all(&[0]);
        if let (Ok(()), Some(thread)) = (asked, self.thread.take())
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
    translator: Translator,
    stats: Arc<Mutex<Stats>>,
    write_errors: u64,
}

impl Pump {
    fn run(mut self) {
        if let Err(error) = self.pump() {
            tracing::error!(%error, "the laptop balancer stops: its TUN device failed");
        }
    }

    fn pump(&mut self) -> io::Result<()> {
        let mut packet = vec![0; usize::from(u16::MAX)];
        let mut out = Vec::with_capacity(usize::from(u16::MAX));
        loop {
            let now = Instant::now();
            self.translator.expire(now);
            for _ in 0..BATCH {
                match self.device.recv(&mut packet) {
                    Ok(len) => self.handle(now, &packet[..len], &mut out)?,
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                    Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                    Err(error) => return Err(error),
                }
            }
            let stats = Stats {
                write_errors: self.write_errors,
                ..self.translator.stats()
            };
            *self.stats.lock().unwrap_or_else(PoisonError::into_inner) = stats;
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

    fn handle(&mut self, now: Instant, packet: &[u8], out: &mut Vec<u8>) -> io::Result<()> {
        if let Verdict::Drop(_) = self.translator.translate(now, packet, out) {
            return Ok(());
        }
        match self.device.send(out) {
            Ok(_) => Ok(()),
            // One packet lost is TCP's daily bread; a device that is gone is not.
            Err(error) if error.raw_os_error() == Some(Errno::EBADFD as i32) => Err(error),
            Err(_) => {
                self.write_errors += 1;
                Ok(())
            }
        }
    }
}
