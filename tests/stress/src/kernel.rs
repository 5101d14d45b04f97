//! The kernel's log and its memory.

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
