//! What the kernel tells about itself.

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

    /// The complaints since the last call.
    pub(crate) fn complaints(&mut self) -> Vec<String> {
        let mut found = Vec::new();
        let Some(file) = &mut self.0 else {
            return found;
        };
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
                // The ring went round: some records are lost, the next is there.
                Err(error) if error.kind() == ErrorKind::BrokenPipe => {}
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(_) => return found,
            }
        }
    }
}

fn is_complaint(line: &str) -> bool {
    const WORDS: [&str; 12] = [
        "BUG:",
        "WARNING:",
        "Oops",
        "KASAN",
        "KFENCE",
        "UBSAN",
        "refcount_t",
        "general protection",
        "stall",
        "hung_task",
        "blocked for more than",
        "Call Trace",
    ];
    WORDS.iter().any(|word| line.contains(word))
}

/// Writes a setting of this thread's network namespace.
pub(crate) fn set(setting: &str, value: u32) -> anyhow::Result<()> {
    let path = format!("/proc/sys/net/{setting}");
    fs::write(&path, value.to_string()).with_context(|| format!("cannot write {path}"))
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

/// The kernel's own memory that it cannot give back, in kilobytes. Each stored address
/// is in there.
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

/// How many TCP sockets the whole machine has allocated; 0 where that is hidden.
pub(crate) fn tcp_sockets() -> u64 {
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
