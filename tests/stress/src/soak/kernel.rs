//! Counters of the kernel.

use std::fs;

use anyhow::Context;

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
