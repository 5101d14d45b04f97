//! What the kernel says of itself.

use std::fs::{self, File, OpenOptions};
use std::io::{ErrorKind, Read, Seek, SeekFrom};
use std::os::unix::fs::OpenOptionsExt;

use rustix::fs::OFlags;

/// The kernel's log from now on.
#[derive(Debug)]
pub(super) struct Log(Option<File>);

impl Log {
    /// `None` inside where it cannot be read.
    pub(super) fn from_now() -> Self {
        let nonblocking = OFlags::NONBLOCK.bits().cast_signed();
        let log = OpenOptions::new()
            .read(true)
            .custom_flags(nonblocking)
            .open("/dev/kmsg");
        let log = log.and_then(|mut log| log.seek(SeekFrom::End(0)).map(|_| log));
        Self(log.ok())
    }

    /// The complaints since then; `None` when there is no telling.
    pub(super) fn complaints(&mut self) -> Option<Vec<String>> {
        const COMPLAINTS: [&str; 9] = [
            "BUG:",
            "WARNING:",
            "Oops",
            "general protection",
            "Call Trace",
            "refcount_t",
            "KASAN",
            "stall",
            "lockup",
        ];
        let log = self.0.as_mut()?;
        let mut found = Vec::new();
        let mut record = [0; 8192];
        loop {
            match log.read(&mut record) {
                Ok(len) => {
                    let line = String::from_utf8_lossy(&record[..len]);
                    if COMPLAINTS.iter().any(|word| line.contains(word)) {
                        found.push(line.trim_end().to_owned());
                    }
                }
                // Records that were overwritten before they were read.
                Err(error) if error.kind() == ErrorKind::BrokenPipe => {}
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(_) => return Some(found),
            }
        }
    }
}

/// TCP sockets of this network namespace, those in TIME-WAIT included.
pub(super) fn tcp_sockets() -> u64 {
    let read = |name| fs::read_to_string(format!("/proc/thread-self/net/{name}"));
    let text = read("sockstat").unwrap_or_default() + &read("sockstat6").unwrap_or_default();
    let of = |line: &str, key: &str| {
        let mut words = line.split_whitespace();
        words.find(|word| *word == key)?;
        words.next()?.parse::<u64>().ok()
    };
    text.lines()
        .filter(|line| line.starts_with("TCP"))
        .map(|line| of(line, "inuse").unwrap_or(0) + of(line, "tw").unwrap_or(0))
        .sum()
}

/// Kernel memory that only its owner frees, of the whole machine, in KiB.
pub(super) fn slab() -> u64 {
    let text = fs::read_to_string("/proc/meminfo").unwrap_or_default();
    text.lines()
        .find_map(|line| line.strip_prefix("SUnreclaim:"))
        .and_then(|rest| rest.split_whitespace().next()?.parse().ok())
        .unwrap_or_default()
}
