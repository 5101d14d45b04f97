//! The kernel's log, its memory, its sockets and its counters.

use std::fs::{self, File};
use std::io::{ErrorKind, Read, Seek, SeekFrom};
use std::os::unix::fs::OpenOptionsExt;

use anyhow::Context;

const O_NONBLOCK: i32 = rustix::fs::OFlags::NONBLOCK.bits() as i32;

/// The kernel's log from the moment this is opened.
#[derive(Debug)]
pub(crate) struct KernelLog(Option<File>);

impl KernelLog {
    pub(crate) fn open() -> Self {
        let file = File::options()
            .read(true)
            .custom_flags(O_NONBLOCK)
            .open("/dev/kmsg")
            .and_then(|mut file| file.seek(SeekFrom::End(0)).map(|_| file));
        match file {
            Ok(file) => Self(Some(file)),
            Err(error) => {
                println!("note: the kernel's log is not checked: /dev/kmsg: {error}");
                Self(None)
            }
        }
    }

    /// The complaints since the last call; `None` when the log cannot be read.
    pub(crate) fn complaints(&mut self) -> Option<Vec<String>> {
        let file = self.0.as_mut()?;
        let mut found = Vec::new();
        let mut record = [0; 8192];
        loop {
            match file.read(&mut record) {
                Ok(len) => {
                    let text = String::from_utf8_lossy(&record[..len]);
                    let line = text.split_once(';').map_or(&*text, |(_, line)| line);
                    if is_complaint(line) {
                        found.push(line.lines().next().unwrap_or_default().to_owned());
                    }
                }
                // The ring buffer has wrapped: some records are lost, the next one is there.
                Err(error) if error.kind() == ErrorKind::BrokenPipe => {}
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(_) => return Some(found),
            }
        }
    }
}

fn is_complaint(line: &str) -> bool {
    const WORDS: [&str; 13] = [
        "BUG:",
        "WARNING:",
        "Oops",
        "KASAN",
        "KFENCE",
        "UBSAN",
        "refcount_t",
        "general protection",
        "lockup",
        "stall",
        "hung_task",
        "blocked for more than",
        "Call Trace",
    ];
    WORDS.iter().any(|word| line.contains(word))
}

/// The kernel's unreclaimable memory in kilobytes, stored addresses included.
pub(crate) fn unreclaimable() -> anyhow::Result<u64> {
    let text = fs::read_to_string("/proc/meminfo")?;
    let line = text
        .lines()
        .find_map(|line| line.strip_prefix("SUnreclaim:")?.strip_suffix("kB"));
    Ok(line
        .context("no SUnreclaim in /proc/meminfo")?
        .trim()
        .parse()?)
}

/// One counter of this network namespace's `TcpExt`.
pub(crate) fn tcp_counter(name: &str) -> anyhow::Result<u64> {
    let text = fs::read_to_string("/proc/thread-self/net/netstat")?;
    let mut lines = text
        .lines()
        .filter_map(|line| line.strip_prefix("TcpExt: "));
    let (names, values) = lines.next().zip(lines.next()).context("no TcpExt")?;
    let at = names.split(' ').position(|known| known == name);
    let value = at.and_then(|at| values.split(' ').nth(at));
    Ok(value
        .with_context(|| format!("no counter {name}"))?
        .parse()?)
}

/// How many TCP sockets the whole machine has allocated; 0 where that is hidden.
pub(crate) fn tcp_sockets_of_the_machine() -> u64 {
    let text = fs::read_to_string("/proc/slabinfo").unwrap_or_default();
    text.lines()
        .filter_map(|line| {
            let mut fields = line.split_whitespace();
            let name = fields.next()?;
            let active = fields.next()?.parse::<u64>().ok()?;
            ["TCP", "TCPv6"].contains(&name).then_some(active)
        })
        .sum()
}

/// TCP sockets of this network namespace, those in TIME-WAIT included.
pub(crate) fn tcp_sockets() -> u64 {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn complaints_are_told_from_chatter() {
        assert!(is_complaint("WARNING: CPU: 0 PID: 1 at net/ipv4/tcp.c:1"));
        assert!(is_complaint("BUG: sleeping function called"));
        assert!(!is_complaint(
            "TCP: request_sock_TCP: Possible SYN flooding on port [::]:3000. Sending cookies."
        ));
    }
}
