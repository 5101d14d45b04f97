//! Sockets, as the kernel counts them.

use std::fs;

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
