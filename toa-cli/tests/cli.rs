//! The command as operators use it, on this machine's own kernel.
#![cfg(target_os = "linux")]
#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

mod host;

use std::path::PathBuf;
use std::process::Command;

use host::{Host, stderr, stdout, toa, with_pins};

const CONFORMANCE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/conformance");

/// What the conformance suite's trusted peers are in.
const TESTED: &str = "private,link-local,loopback";

fn conformance(args: &[&str]) {
    let make = Command::new("make")
        .args(["-s", "-C", CONFORMANCE])
        .status()
        .unwrap();
    assert!(make.success(), "the conformance suite does not build");
    let suite = PathBuf::from(CONFORMANCE).join("build/toa-conformance");
    let output = Command::new(suite).args(args).output().unwrap();
    let text = stdout(&output);
    let failures: Vec<&str> = text
        .lines()
        .filter(|line| !line.starts_with("ok "))
        .collect();
    assert!(output.status.success(), "{failures:#?}");
    println!("conformance {args:?}: {}", text.lines().last().unwrap());
}

#[test]
fn a_loaded_source_obeys_the_contract_and_an_unloaded_one_is_gone() {
    let Some(_host) = Host::enter() else { return };
    let load = toa(&["load", "--trust", TESTED]);
    assert!(load.status.success(), "{}", stderr(&load));
    assert!(
        stdout(&load).starts_with("loaded, for the whole host\n"),
        "{}",
        stdout(&load)
    );
    conformance(&["--source", "ebpf"]);

    assert_eq!(stdout(&toa(&["unload"])), "unloaded\n");
    assert_eq!(stdout(&toa(&["unload"])), "nothing was loaded\n");
    conformance(&["--expect-none"]);
}

#[test]
fn without_peername_the_true_peer_is_shown_and_4096_still_answers() {
    let Some(_host) = Host::enter() else { return };
    assert!(
        toa(&["load", "--trust", TESTED, "--no-peername"])
            .status
            .success()
    );
    conformance(&["--source", "ebpf", "--peername", "off", "--churn", "2000"]);
}

#[test]
fn status_tells_what_was_loaded_and_fails_when_nothing_answers() {
    let Some(_host) = Host::enter() else { return };
    let none = toa(&["status"]);
    assert_eq!(none.status.code(), Some(1));
    assert!(stdout(&none).contains("none answers"), "{}", stdout(&none));
    assert!(
        stdout(&none).contains("run `toa load --trust NETWORK`"),
        "{}",
        stdout(&none)
    );

    assert!(
        toa(&[
            "load",
            "--trust",
            "10.1.0.0/16",
            "--trust",
            "fd00::/8",
            "--format",
            "toa@77"
        ])
        .status
        .success()
    );
    let status = toa(&["status"]);
    assert_eq!(status.status.code(), Some(0), "{}", stdout(&status));
    for words in [
        "eBPF program answers",
        "10.1.0.0/16, fd00::/8",
        "77",
        "syn_recv_sock_toa",
    ] {
        assert!(
            stdout(&status).contains(words),
            "{words}: {}",
            stdout(&status)
        );
    }

    let json = toa(&["status", "--json"]);
    let report: serde_json::Value = serde_json::from_str(&stdout(&json)).unwrap();
    assert_eq!(report["answers"], "ebpf");
    assert_eq!(report["ebpf"][0]["formats"], "toa@77");
    assert_eq!(
        report["ebpf"][0]["trusted"],
        serde_json::json!(["10.1.0.0/16", "fd00::/8"])
    );
    assert_eq!(report["ebpf"][0]["peername"], true);
    assert_eq!(report["ebpf"][0]["complete"], true);
    assert_eq!(report["ebpf"][0]["scope"], "host");
    assert_eq!(report["ebpf"][0]["lifetime"], "host");
    assert_eq!(report["ebpf"][0]["answers"], true);
}

#[test]
fn loading_again_replaces_the_settings() {
    let Some(_host) = Host::enter() else { return };
    assert!(
        toa(&["load", "--trust", "private", "--format", "toa@77"])
            .status
            .success()
    );
    let again = toa(&["load", "--trust", "any"]);
    assert!(
        stdout(&again).starts_with("loaded, in the place of another"),
        "{}",
        stdout(&again)
    );
    let trouble = toa(&["status"]);
    assert_eq!(trouble.status.code(), Some(3), "something is wrong");
    let status = stdout(&trouble);
    assert!(status.contains("\nformats      toa\n"), "{status}");
    assert!(
        status.contains("! everybody's option is believed"),
        "{status}"
    );
}

#[test]
fn who_trusts_strangers_is_warned_however_the_set_is_written() {
    let Some(_host) = Host::enter() else { return };
    for (trust, warned) in [
        ("any", true),
        ("0.0.0.0/0,::/0", true),
        ("0.0.0.0/0", true),
        ("::/0", true),
        ("0.0.0.0/1,128.0.0.0/1", true),
        ("2000::/3,10.0.0.0/8", true),
        ("private,link-local,loopback,203.0.113.0/24", false),
    ] {
        let load = toa(&["load", "--trust", trust]);
        let status = toa(&["status"]);
        for said in [stdout(&load), stdout(&status)] {
            let found = said.contains("\n! everybody's option is believed");
            assert_eq!(found, warned, "{trust}: {said}");
        }
        assert_eq!(status.status.code(), Some(if warned { 3 } else { 0 }));
    }
}

#[test]
fn nonsense_is_refused_with_the_value_and_the_cure_and_loads_nothing() {
    let Some(_host) = Host::enter() else { return };
    for (args, words) in [
        (
            &["load"][..],
            &[
                "whose TOA options",
                "--trust 100.125.0.0/16",
                "--trust private",
            ][..],
        ),
        (
            &["load", "--cgroup", "/sys/fs/cgroup"],
            &["whose TOA options"],
        ),
        (
            &["load", "--trust", "10.0.0.0/33"],
            &["\"10.0.0.0/33\"", "write CIDRs"],
        ),
        (
            &["load", "--trust", "10.0.0.1/8"],
            &["10.0.0.1/8", "write 10.0.0.0/8"],
        ),
        (
            &["load", "--trust", "any", "--trust", "10.0.0.0/8"],
            &["\"any\"", "alone"],
        ),
        (
            &["load", "--trust", "private", "--format", "toa@2"],
            &["kind 2", "toa@254"],
        ),
        (
            &["load", "--trust", "private", "--format", "toa@256"],
            &["toa@256", "ttgw"],
        ),
        (
            &["load", "--vendor", "huawei"],
            &[
                "whose TOA options",
                "shared load balancers: 100.125.0.0/16",
                "https://support.huaweicloud.com/",
            ],
        ),
        (
            &["load", "--trust", "private", "--vendor", "nobody"],
            &["nobody", "alibaba-vtoa"],
        ),
        (
            &[
                "load", "--trust", "private", "--vendor", "dpvs", "--format", "cip",
            ],
            &["--vendor", "cannot be used with", "--format"],
        ),
        (
            &["load", "--trust", "private", "--cgroup", "/proc"],
            &["/proc is not a cgroup v2 directory"],
        ),
        (
            &["load", "--trust", "private", "--cgroup", "/no/such"],
            &["/no/such is not a cgroup v2 directory"],
        ),
        (&["lb", "3000", "--format", "toa@8"], &["kind 8"]),
        (
            &["lb", "3000", "--network-v4", "10.9.9.0/30"],
            &["10.9.9.0/30", "too small"],
        ),
    ] {
        let refused = toa(args);
        assert_eq!(refused.status.code(), Some(2), "{args:?}");
        for word in words {
            assert!(
                stderr(&refused).contains(word),
                "{args:?}: {}",
                stderr(&refused)
            );
        }
        assert_eq!(
            toa(&["status"]).status.code(),
            Some(1),
            "{args:?} loaded something"
        );
    }
}

#[test]
fn a_vendor_sets_the_formats_and_leaves_the_trust_to_the_operator() {
    let Some(_host) = Host::enter() else { return };
    let load = toa(&["load", "--trust", "10.1.0.0/16", "--vendor", "alibaba-vtoa"]);
    let said = stdout(&load);
    assert!(load.status.success(), "{}", stderr(&load));
    assert!(said.contains("trusts 10.1.0.0/16\n"), "{said}");
    assert!(said.contains(" toa,vtoa\n"), "{said}");
}

#[test]
fn without_privilege_the_error_names_it() {
    let Some(_host) = Host::enter() else { return };
    let dir = tempfile::tempdir().unwrap();
    let copy = dir.path().join("toa");
    std::fs::copy(env!("CARGO_BIN_EXE_toa"), &copy).unwrap();
    std::fs::set_permissions(
        dir.path(),
        std::os::unix::fs::PermissionsExt::from_mode(0o755),
    )
    .unwrap();
    let as_nobody = |args: &[&str]| {
        let mut command = Command::new("setpriv");
        command.args(["--reuid", "65534", "--regid", "65534", "--clear-groups"]);
        command.arg(&copy).args(with_pins(args)).output().unwrap()
    };
    let load = as_nobody(&["load", "--trust", "private"]);
    assert_eq!(load.status.code(), Some(2));
    assert!(stderr(&load).contains("run as root"), "{}", stderr(&load));

    assert!(toa(&["load", "--trust", TESTED]).status.success());
    let status = as_nobody(&["status"]);
    assert_eq!(
        status.status.code(),
        Some(0),
        "asking a source needs no privilege"
    );
    assert!(
        stdout(&status).contains("the eBPF program answers"),
        "{}",
        stdout(&status)
    );
}
