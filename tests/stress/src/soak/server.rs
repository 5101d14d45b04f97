//! The servers under test: our examples, each a process without privileges.

use std::cell::{Cell, RefCell};
use std::fs;
use std::io::{BufRead, BufReader};
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream};
use std::path::Path;
use std::process::{Child, ChildStderr, Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::Context;
use rustix::process::{Pid, Resource, Rlimit, Signal, kill_process, prlimit};
use toa_lab::peer::PeerDevice;

/// What a server wrote to standard error.
#[derive(Clone, Debug, Default)]
pub(crate) struct Log {
    /// Lines about exhausted descriptors, which are documented.
    pub(crate) exhausted: u64,
    /// Panics, and errors of any other kind; the first few.
    pub(crate) bad: Vec<String>,
}

#[derive(Debug)]
pub(crate) struct Server {
    pub(crate) name: String,
    port: u16,
    v4_only: bool,
    child: RefCell<Child>,
    pid: Pid,
    log: Arc<Mutex<Log>>,
    limit: Rlimit,
    /// Odd while the server is disturbed; see [`Server::undisturbed_epoch`].
    disturbed: Cell<u64>,
}

impl Server {
    /// Starts the `example` from `dir` in a cgroup, and waits until it listens.
    pub(crate) fn start(
        dir: &Path,
        example: &str,
        v4_only: bool,
        port: u16,
        cgroup: &Path,
    ) -> anyhow::Result<Self> {
        // A socket belongs to the cgroup in which it was made, so the process must be in
        // there before it listens. Without capabilities it can change neither source nor
        // network; and it ends with this process, however that ends.
        const START: &str = "echo 0 > \"$1/cgroup.procs\" && shift && exec setpriv \
             --pdeathsig KILL --no-new-privs --inh-caps=-all --bounding-set=-all -- \"$@\"";
        let ip = if v4_only { "0.0.0.0" } else { "[::]" };
        let program = dir.join(example);
        let mut child = Command::new("sh")
            .args(["-c", START, "sh"])
            .arg(cgroup)
            .arg(&program)
            .arg(format!("{ip}:{port}"))
            .env_remove("RUST_LOG")
            .env("NO_COLOR", "1")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .with_context(|| format!("cannot start {}", program.display()))?;
        let log = Arc::default();
        let name = format!("{example} on {ip}:{port}");
        let stderr = child.stderr.take().context("the server has no stderr")?;
        listen_to(name.clone(), stderr, Arc::clone(&log));
        let pid = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
        let pid = pid.context("the server has no number")?;
        let this = Self {
            name,
            port,
            v4_only,
            child: RefCell::new(child),
            pid,
            log,
            limit: rustix::process::getrlimit(Resource::Nofile),
            disturbed: Cell::new(0),
        };
        this.await_listening()?;
        Ok(this)
    }

    /// Its address for hand-made peers.
    pub(crate) fn outside(&self, v6: bool) -> SocketAddr {
        if v6 {
            (PeerDevice::KERNEL_V6, self.port).into()
        } else {
            (PeerDevice::KERNEL_V4, self.port).into()
        }
    }

    /// Its address for sockets of this machine.
    pub(crate) fn inside(&self, v6: bool) -> SocketAddr {
        if v6 {
            (Ipv6Addr::LOCALHOST, self.port).into()
        } else {
            (Ipv4Addr::LOCALHOST, self.port).into()
        }
    }

    pub(crate) const fn v4_only(&self) -> bool {
        self.v4_only
    }

    pub(crate) fn log(&self) -> Log {
        self.log
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// How the process ended, if it did.
    pub(crate) fn ended(&self) -> Option<String> {
        let status = self.child.borrow_mut().try_wait();
        match status {
            Ok(None) => None,
            Ok(Some(status)) => Some(format!("{} ended: {status}", self.name)),
            Err(error) => Some(format!("{} cannot be watched: {error}", self.name)),
        }
    }

    pub(crate) fn open_files(&self) -> anyhow::Result<usize> {
        let dir = format!("/proc/{}/fd", self.pid);
        Ok(fs::read_dir(&dir).context(dir)?.count())
    }

    /// Resident memory in kilobytes.
    pub(crate) fn resident(&self) -> anyhow::Result<u64> {
        let path = format!("/proc/{}/status", self.pid);
        let status = fs::read_to_string(&path).context(path)?;
        let line = status
            .lines()
            .find_map(|line| line.strip_prefix("VmRSS:")?.strip_suffix("kB"));
        Ok(line.context("no VmRSS")?.trim().parse()?)
    }

    pub(crate) fn stop(&self) -> anyhow::Result<()> {
        Ok(kill_process(self.pid, Signal::STOP)?)
    }

    pub(crate) fn resume(&self) -> anyhow::Result<()> {
        Ok(kill_process(self.pid, Signal::CONT)?)
    }

    /// Limits its open files to so many more than it has, or back to the limit at its start.
    pub(crate) fn limit_files(&self, more: Option<usize>) -> anyhow::Result<()> {
        let mut limit = self.limit;
        if let Some(more) = more {
            limit.current = Some((self.open_files()? + more) as u64);
        }
        prlimit(Some(self.pid), Resource::Nofile, limit)?;
        Ok(())
    }

    /// Marks the beginning and the end of a fault that may cost connections.
    pub(crate) fn disturb(&self, on: bool) {
        if self.is_disturbed() != on {
            self.disturbed.set(self.disturbed.get() + 1);
        }
    }

    pub(crate) const fn is_disturbed(&self) -> bool {
        self.disturbed.get() % 2 == 1
    }

    /// A number that stays the same while no fault is injected; `None` during one.
    pub(crate) fn undisturbed_epoch(&self) -> Option<u64> {
        Some(self.disturbed.get()).filter(|_| !self.is_disturbed())
    }

    fn await_listening(&self) -> anyhow::Result<()> {
        let start = Instant::now();
        while TcpStream::connect(self.inside(false)).is_err() {
            if start.elapsed() > Duration::from_secs(20) {
                anyhow::bail!("{} does not listen: {:?}", self.name, self.log());
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        Ok(())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let child = self.child.get_mut();
        let _ = child.kill();
        let _ = child.wait();
    }
}

fn listen_to(name: String, stderr: ChildStderr, log: Arc<Mutex<Log>>) {
    const KEEP: usize = 20;
    std::thread::spawn(move || {
        for line in BufReader::new(stderr).lines().map_while(Result::ok) {
            let mut log = log.lock().unwrap_or_else(PoisonError::into_inner);
            if is_exhaustion(&line) {
                log.exhausted += 1;
            } else if is_bad(&line) {
                eprintln!("{name}: {line}");
                if log.bad.len() < KEEP {
                    log.bad.push(line);
                }
            }
        }
    });
}

/// EMFILE: both kinds of server log it as an error and recover.
fn is_exhaustion(line: &str) -> bool {
    line.contains("(os error 24)") && !line.contains("panicked")
}

fn is_bad(line: &str) -> bool {
    ["panicked", " ERROR ", "fatal", "SIG", "overflow"]
        .iter()
        .any(|word| line.contains(word))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_exhaustion_is_a_harmless_error() {
        for (line, exhausted, bad) in [
            (
                "ERROR actix_server::accept: Error accepting connection: Too many open files (os error 24)",
                true,
                false,
            ),
            (
                "ERROR toa_core::listener: cannot accept error=No file descriptors available (os error 24)",
                true,
                false,
            ),
            ("2026 ERROR hyper: something else", false, true),
            (
                "thread 'main' panicked at src/main.rs:1:1: (os error 24)",
                false,
                true,
            ),
            ("2026 WARN toa_core::resolver: no TOA source", false, false),
        ] {
            assert_eq!(is_exhaustion(line), exhausted, "{line}");
            assert_eq!(!exhausted && is_bad(line), bad, "{line}");
        }
    }
}
