//! `toa report` with a source and addresses in it.
#![cfg(target_os = "linux")]

mod host;

use std::fs;
use std::net::IpAddr;
use std::os::unix::fs::PermissionsExt;

use host::{Host, stderr, stdout, toa};

const TRUSTED: [&str; 3] = ["100.125.7.0/24", "203.0.113.7/32", "fd00:125::/64"];

/// What reads as an address and says something of this host.
fn addresses(text: &str) -> Vec<IpAddr> {
    let is_part = |c: char| c.is_ascii_hexdigit() || matches!(c, ':' | '.');
    let runs = text.split(|c| !is_part(c));
    runs.filter_map(|run| run.trim_end_matches(['.', ':']).parse().ok())
        .filter(|address: &IpAddr| !address.is_unspecified() && !address.is_loopback())
        .collect()
}

#[test]
fn the_report_has_what_is_asked_for_and_no_address() {
    let Some(_host) = Host::enter() else { return };
    let trust = TRUSTED.join(",");
    let load = toa(&["load", "--trust", &trust]);
    assert!(load.status.success(), "{}", stderr(&load));
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("report.txt");
    let said = toa(&["report", "--output", path.to_str().unwrap()]);
    assert!(said.status.success(), "{}", stderr(&said));
    assert!(
        stdout(&said).contains("its addresses are masked"),
        "{}",
        stdout(&said)
    );

    let text = fs::read_to_string(&path).unwrap();
    for words in [
        "Linux version ",
        "CapEff:",
        "the eBPF program answers",
        "trusts       [ipv4-1]/24, [ipv4-2]/32, [private-ipv6-3]/64",
        "\"answers\": \"ebpf\"",
        "cgroup/getsockopt toa_getsockopt (id ",
        "sockops toa_sockops (id ",
        " - cgroup2 ",
        "net/ipv4/tcp_syncookies: ",
    ] {
        assert!(text.contains(words), "{words}: {text}");
    }
    assert_eq!(addresses(&text), Vec::<IpAddr>::new(), "{text}");
    let mode = fs::metadata(&path).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600, "others may not read it");

    let again = toa(&["report", "--output", path.to_str().unwrap()]);
    assert_eq!(
        again.status.code(),
        Some(2),
        "what is there is not overwritten"
    );
    assert!(stderr(&again).contains("report.txt"), "{}", stderr(&again));

    let kept = stdout(&toa(&["report", "--with-addresses", "-o", "-"]));
    assert!(
        kept.contains("trusts       100.125.7.0/24, 203.0.113.7, fd00:125::/64")
            || kept.contains("203.0.113.7/32"),
        "{kept}"
    );
}
