//! What a source covers and how long it stays: what the command says is so.
#![cfg(target_os = "linux")]
#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

mod host;

use std::fs;
use std::process::{Command, Output};
use std::thread::sleep;
use std::time::Duration;

use host::{Host, TOA, in_cgroup, pins, stderr, stdout, toa, toa_in};
use serde_json::{Value, json};

fn trusted_of(status: &Output, answering: bool) -> Vec<Value> {
    let report: Value = serde_json::from_str(&stdout(status)).unwrap();
    let sources = report["ebpf"].as_array().unwrap();
    sources
        .iter()
        .filter(|source| source["answers"] == json!(answering))
        .map(|source| source["trusted"][0].clone())
        .collect()
}

/// The kernel detaches programs a moment after their cgroup was removed.
fn soon(mut holds: impl FnMut() -> bool) -> bool {
    (0..500).any(|_| {
        holds() || {
            sleep(Duration::from_millis(10));
            false
        }
    })
}

#[test]
fn several_services_have_their_own_source_each_and_lose_only_their_own() {
    let Some(host) = Host::enter() else { return };
    let (a, b) = (host.cgroup("a"), host.cgroup("b"));
    for (cgroup, trust) in [(&a, "10.1.0.0/16"), (&b, "10.2.0.0/16")] {
        let path = cgroup.to_str().unwrap();
        let load = toa(&["load", "--cgroup", path, "--trust", trust]);
        let said = stdout(&load);
        assert!(said.starts_with(&format!("loaded, for {path}\n")), "{said}");
    }
    for (cgroup, own, other) in [
        (&a, "10.1.0.0/16", "10.2.0.0/16"),
        (&b, "10.2.0.0/16", "10.1.0.0/16"),
    ] {
        let status = toa_in(cgroup, &["status", "--json"]);
        assert_eq!(status.status.code(), Some(0), "{}", stdout(&status));
        assert_eq!(trusted_of(&status, true), [own]);
        assert_eq!(trusted_of(&status, false), [other]);
        let asked = toa(&["status", "--json", "--cgroup", cgroup.to_str().unwrap()]);
        assert_eq!(asked.status.code(), Some(0));
        assert_eq!(trusted_of(&asked, true), [own]);
    }
    let gone = toa(&["unload", "--cgroup", a.to_str().unwrap()]);
    assert_eq!(stdout(&gone), "unloaded\n", "{}", stderr(&gone));
    assert_eq!(toa_in(&a, &["status"]).status.code(), Some(1));
    assert_eq!(toa_in(&b, &["status"]).status.code(), Some(0));
    assert_eq!(stdout(&toa(&["unload"])), "unloaded\n");
    assert!(!pins().exists());
}

#[test]
fn of_sources_on_cgroups_in_each_other_the_closest_answers() {
    let Some(host) = Host::enter() else { return };
    let (outer, inner) = (host.cgroup("outer"), host.cgroup("outer/inner"));
    for (cgroup, trust) in [(&outer, "10.1.0.0/16"), (&inner, "10.2.0.0/16")] {
        let path = cgroup.to_str().unwrap();
        assert!(
            toa(&["load", "--cgroup", path, "--trust", trust])
                .status
                .success()
        );
    }
    let status = toa_in(&inner, &["status", "--json"]);
    assert_eq!(trusted_of(&status, true), ["10.2.0.0/16"]);
    let status = toa_in(&outer, &["status", "--json"]);
    assert_eq!(trusted_of(&status, true), ["10.1.0.0/16"]);
}

#[test]
fn a_cgroup_that_was_made_again_is_named_as_the_cause_and_loaded_again() {
    let Some(host) = Host::enter() else { return };
    let service = host.cgroup("service");
    let path = service.to_str().unwrap();
    let load = || toa(&["load", "--cgroup", path, "--trust", "10.1.0.0/16"]);
    let first = load();
    assert!(
        stdout(&first)
            .contains("it stays until `toa unload`, a reboot, or the removal of its cgroup"),
        "{}",
        stdout(&first)
    );
    assert_eq!(toa_in(&service, &["status"]).status.code(), Some(0));

    assert!(soon(|| fs::remove_dir(&service).is_ok()));
    host.cgroup("service");
    let cause = format!("{path}, which a source covered, was removed and made again");
    assert!(soon(
        || stdout(&toa_in(&service, &["status"])).contains(&cause)
    ));
    let status = toa_in(&service, &["status"]);
    assert_eq!(status.status.code(), Some(1), "{}", stdout(&status));
    for words in ["ExecStartPre=+/usr/bin/toa load --cgroup self", "--cgroup "] {
        assert!(stdout(&status).contains(words), "{}", stdout(&status));
    }

    // What ExecStartPre=+ does at the start of a unit, with the settings that it had.
    let again = toa_in(&service, &["load", "--cgroup", "self"]);
    assert!(
        stdout(&again).contains("trusts 10.1.0.0/16\n"),
        "{}{}",
        stdout(&again),
        stderr(&again)
    );
    let status = toa_in(&service, &["status"]);
    assert_eq!(status.status.code(), Some(0), "{}", stdout(&status));
    assert_eq!(
        fs::read_dir(pins()).unwrap().count(),
        3,
        "one source and the shared maps"
    );
}

#[test]
fn a_service_is_covered_by_itself_at_its_start_and_by_others_only_knowingly() {
    let Some(host) = Host::enter() else { return };
    let unit = host.cgroup("web.service");
    let path = unit.to_str().unwrap();
    let refused = toa(&["load", "--cgroup", path, "--trust", "10.1.0.0/16"]);
    assert_eq!(refused.status.code(), Some(2));
    let parent = unit.parent().unwrap().display();
    for words in [
        "a restart would not be covered".to_owned(),
        "ExecStartPre=+/usr/bin/toa load --cgroup self".to_owned(),
        format!("--cgroup {parent}"),
    ] {
        assert!(stderr(&refused).contains(&words), "{}", stderr(&refused));
    }
    assert_eq!(toa_in(&unit, &["status"]).status.code(), Some(1));

    // systemd runs ExecStartPre= of a unit with Delegate= one level below.
    for inside in [unit.clone(), host.cgroup("web.service/.control")] {
        let args = ["load", "--cgroup", "self", "--trust", "10.1.0.0/16"];
        let load = toa_in(&inside, &args);
        assert!(load.status.success(), "{}", stderr(&load));
        assert_eq!(toa_in(&unit, &["status"]).status.code(), Some(0));
        assert_eq!(stdout(&toa(&["unload"])), "unloaded\n");
    }
    let args = [
        "load",
        "--cgroup",
        path,
        "--until-restart",
        "--trust",
        "10.1.0.0/16",
    ];
    assert!(toa(&args).status.success());
}

#[test]
fn a_plain_reload_keeps_the_settings_and_a_change_is_shown() {
    let Some(host) = Host::enter() else { return };
    let cgroup = host.cgroup("a");
    let path = cgroup.to_str().unwrap();
    let first = [
        "--trust",
        "10.1.0.0/16",
        "--format",
        "toa@77",
        "--no-peername",
    ];
    assert!(
        toa(&[&["load", "--cgroup", path], &first[..]].concat())
            .status
            .success()
    );

    let plain = stdout(&toa(&["load", "--cgroup", path]));
    for line in [
        "trusts 10.1.0.0/16\n",
        "reads formats toa@77\n",
        "show the balancer",
    ] {
        assert!(plain.contains(line), "{line}: {plain}");
    }
    assert!(!plain.contains("before:"), "{plain}");

    let other = stdout(&toa(&["load", "--cgroup", path, "--trust", "10.2.0.0/16"]));
    for line in [
        "trusts 10.2.0.0/16 (before: 10.1.0.0/16)\n",
        "reads formats toa (before: toa@77)\n",
        "show the client to every program",
        "nginx allow and deny, pg_hba.conf, sshd Match Address, HAProxy expect-proxy",
    ] {
        assert!(other.contains(line), "{line}: {other}");
    }
    let full_lists = "options that left the balancer no room for its own are";
    assert!(!other.contains(full_lists), "{other}");
    let with = |more: &[&str]| {
        let args = ["load", "--cgroup", path, "--trust", "10.2.0.0/16"];
        stdout(&toa(&[&args[..], more].concat()))
    };
    let believing = with(&["--insecure-believe-implausible"]);
    let line = format!("{full_lists} believed (before: refused)\n");
    assert!(believing.contains(&line), "{believing}");
    let refusing = with(&[]);
    let line = format!("{full_lists} refused (before: believed)\n");
    assert!(refusing.contains(&line), "{refusing}");
    let unset = toa(&["load", "--cgroup", path, "--format", "toa@77"]);
    assert_eq!(unset.status.code(), Some(2), "{}", stdout(&unset));
}

#[test]
fn a_container_with_its_own_view_is_told_what_to_mount_and_loads_nothing() {
    let Some(host) = Host::enter() else { return };
    let container = host.cgroup("container");
    let root = Host::root();
    let root = root.display();
    let own_cgroups = format!("umount {root} && mount -t cgroup2 none {root}");
    let own_pins = "umount /sys/fs/bpf";
    for (view, words) in [
        (own_cgroups.as_str(), "own cgroup as the root"),
        (own_pins, "/sys/fs/bpf is not the host's"),
    ] {
        // The pins' file system is there on every host with systemd.
        toa(&[
            "load",
            "--trust",
            "none",
            "--cgroup",
            container.to_str().unwrap(),
        ]);
        toa(&["unload"]);
        let line = format!("exec unshare -C -m sh -c '{view} && {TOA} load --trust private'");
        let refused = in_cgroup(&container, &line);
        assert_eq!(
            refused.status.code(),
            Some(2),
            "{view}: {}",
            stdout(&refused)
        );
        for words in [words, "--pid=host", "-v /sys/fs/bpf:/sys/fs/bpf", "hostPID"] {
            assert!(
                stderr(&refused).contains(words),
                "{view}: {}",
                stderr(&refused)
            );
        }
        assert_eq!(toa_in(&container, &["status"]).status.code(), Some(1));
    }
}

#[test]
fn in_a_container_with_the_hosts_mounts_the_whole_host_is_meant() {
    let Some(host) = Host::enter() else { return };
    let container = host.cgroup("container");
    let load = format!(
        "exec unshare -C -m {TOA} load --trust none --pins {}",
        pins().display()
    );
    let load = in_cgroup(&container, &load);
    let said = stdout(&load);
    assert!(
        said.starts_with("loaded, for the whole host\n"),
        "{said}{}",
        stderr(&load)
    );
    assert!(
        said.contains("it stays until `toa unload` or a reboot;"),
        "{said}"
    );
    let status = stdout(&toa(&["status"]));
    assert!(status.contains("covers       the whole host\n"), "{status}");
}

#[test]
fn a_source_whose_pins_are_hidden_is_found_and_not_taken_for_a_demo() {
    let Some(host) = Host::enter() else { return };
    let cgroup = host.cgroup("a");
    let path = cgroup.to_str().unwrap();
    assert!(
        toa(&["load", "--cgroup", path, "--trust", "10.1.0.0/16"])
            .status
            .success()
    );
    let hidden = in_cgroup(
        &cgroup,
        &format!("exec unshare -m sh -c 'umount /sys/fs/bpf; {TOA} status'"),
    );
    let said = stdout(&hidden);
    assert_eq!(hidden.status.code(), Some(0), "{said}");
    let unload = in_cgroup(
        &cgroup,
        &format!("exec unshare -m sh -c 'umount /sys/fs/bpf; {TOA} unload'"),
    );
    let expected = format!(
        "nothing was loaded\nanother source, for {path}, stays: how long is not known, as its pins are not visible from here\n"
    );
    assert_eq!(stdout(&unload), expected);
    for line in [
        "the eBPF program answers\n",
        "trusts       10.1.0.0/16\n",
        &format!("covers       {path}\n"),
        "its pins are not visible from here",
        "nothing is wrong",
    ] {
        assert!(said.contains(line), "{line}: {said}");
    }
}

#[test]
fn a_source_that_a_program_holds_is_told_by_the_program() {
    let Some(host) = Host::enter() else { return };
    let cgroup = host.cgroup("a");
    let config = toa_bpf::Config::new("none".parse().unwrap()).with_cgroup(&cgroup);
    let source = toa_bpf::attach(&config).unwrap();
    let own = std::process::id();
    let name = fs::read_to_string("/proc/self/comm").unwrap();
    let name = name.trim_end();
    let status = toa_in(&cgroup, &["status"]);
    let said = stdout(&status);
    assert_eq!(status.status.code(), Some(3), "{said}");
    for words in [
        format!("stays        as long as process {own} ({name}) runs\n"),
        format!("belongs to process {own} ({name}), such as a demo, and goes with it"),
    ] {
        assert!(said.contains(&words), "{words}: {said}");
    }
    drop(source);
    assert!(soon(
        || toa_in(&cgroup, &["status"]).status.code() == Some(1)
    ));
}

#[test]
fn pins_of_a_file_system_of_ones_own_go_with_it_and_that_is_said() {
    let Some(host) = Host::enter() else { return };
    let cgroup = host.cgroup("a");
    let line = format!(
        "exec unshare -m sh -c 'mount -t bpf bpf /mnt && \
         {TOA} load --trust none --cgroup {} --pins /mnt/toa && {TOA} status --pins /mnt/toa'",
        cgroup.display()
    );
    let load = in_cgroup(&cgroup, &line);
    let said = stdout(&load);
    assert_eq!(
        said.matches("the BPF file system of /mnt/toa").count(),
        2,
        "{said}{}",
        stderr(&load)
    );
    assert!(!said.contains("reboot"), "{said}");
    assert!(soon(
        || toa_in(&cgroup, &["status"]).status.code() == Some(1)
    ));
}

#[test]
fn without_the_capability_that_is_missing_it_is_named_and_nothing_else() {
    let Some(host) = Host::enter() else { return };
    let cgroup = host.cgroup("a");
    let path = cgroup.to_str().unwrap();
    assert!(
        toa(&["load", "--cgroup", path, "--trust", "10.1.0.0/16"])
            .status
            .success()
    );
    let caps = "-all,+bpf,+perfmon,+net_admin";
    let status = Command::new("setpriv")
        .args(["--bounding-set", caps, "--inh-caps", caps, TOA, "status"])
        .output()
        .unwrap();
    let said = stdout(&status);
    assert!(
        said.ends_with(
            "\nmore is not known: asking the kernel what is loaded needs CAP_SYS_ADMIN, \
             which this process lacks: run as root, or grant it\n"
        ),
        "{said}"
    );
    for wrong in ["toa load", "CAP_BPF", "demo", "nothing is wrong"] {
        assert!(!said.contains(wrong), "{wrong}: {said}");
    }
}
