//! `toa list` with connections of hand-made peers and of real ones.
#![cfg(target_os = "linux")]
#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

mod host;

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};

use host::service::{BALANCER, CLIENT, STRANGER, Service, with_capabilities};
use host::{TOA, says_that_no_source_is_loaded, stderr, stdout, toa};
use serde_json::{Value, json};
use toa_lab::peer::PeerDevice;

fn listed(args: &[&str]) -> Vec<Value> {
    let output = toa(&[&["list", "--json"], args].concat());
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    assert_eq!(stderr(&output), "");
    let text = stdout(&output);
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

#[test]
fn open_connections_are_listed_with_client_and_process_or_the_reason() {
    let Some(service) = Service::start_covered() else {
        return;
    };
    let (believed, peer) = service.accept(BALANCER, &CLIENT);
    let _refused = service.accept(STRANGER, &CLIENT);
    let _without = service.accept(BALANCER, &[]);

    let own_name = std::fs::read_to_string("/proc/self/comm").unwrap();
    let processes = json!([{"id": std::process::id(), "name": own_name.trim_end()}]);
    let local = format!("{}:{}", PeerDevice::KERNEL_V4, service.port());
    let mut rows = listed(&["--port", &service.port()]);
    rows.sort_by_key(|row| row["outcome"].to_string());
    let age = rows[0]["age_seconds"].take();
    assert!(age.as_u64().unwrap() < 60, "{age}");
    let expected = json!({
        "outcome": "toa",
        "client": "203.0.113.7:12345",
        "peer": peer.local_addr().to_string(),
        "local": local,
        "kind": 254,
        "length": 8,
        "format": "toa",
        "virtual_addr": null,
        "age_seconds": null,
        "state": "established",
        "processes": processes,
        "source": "ebpf",
        "cgroup": service.cgroup(),
    });
    assert_eq!(rows[0], expected);
    assert_eq!(rows[1]["outcome"], "untrusted");
    assert_eq!(rows[1]["client"], Value::Null);
    assert_eq!(rows[1]["peer"], "198.51.100.7:20001");
    assert_eq!(rows[1]["processes"], processes);
    assert_eq!(rows.len(), 2);

    let all = listed(&["--all"]);
    assert_eq!(all.len(), 3, "{all:?}");
    let without = all.iter().find(|row| row["outcome"].is_null()).unwrap();
    assert_eq!(without["peer"], "192.168.7.7:20002");
    assert_eq!(without["source"], Value::Null);

    let text = stdout(&toa(&["list"]));
    let heading = text.lines().next().unwrap();
    assert!(heading.starts_with("outcome    client"), "{text}");
    assert!(
        text.contains("\ntoa        203.0.113.7:12345  -          192.168.7.7:20000 "),
        "{text}"
    );
    assert!(
        text.contains("\nuntrusted  -                  -          198.51.100.7:20001"),
        "{text}"
    );

    // Closed by the service, open on the wire.
    drop(believed);
    let closing = listed(&["--client", "203.0.113.7"]);
    assert_eq!(closing[0]["state"], "fin_wait_1");
    assert_eq!(closing[0]["processes"], json!([]));
}

#[test]
fn each_filter_leaves_what_it_names() {
    let Some(service) = Service::start_covered() else {
        return;
    };
    let other = [253, 8, 0x30, 0x39, 203, 0, 113, 8];
    let _open = [
        service.accept(BALANCER, &CLIENT),
        service.accept([10, 1, 2, 3], &other),
        service.accept(STRANGER, &CLIENT),
    ];
    let own = std::process::id().to_string();
    let mut sleeping = Command::new("sleep").arg("60").spawn().unwrap();
    let other_process = sleeping.id().to_string();
    let own_name = std::fs::read_to_string("/proc/self/comm").unwrap();
    for (args, count) in [
        (&[][..], 3),
        (&["--port", &service.port()], 3),
        (&["--port", "1"], 0),
        (&["--client", "203.0.113.0/24"], 2),
        (&["--client", "203.0.113.8"], 1),
        (&["--peer", "10.0.0.0/8"], 1),
        (&["--peer", "10.0.0.0/8", "--peer", "192.168.7.7"], 2),
        (&["--peer", "10.0.0.0/8", "--client", "203.0.113.7"], 0),
        (&["--pid", &own], 3),
        (&["--pid", &other_process], 0),
        (&["--process", own_name.trim_end()], 3),
        (&["--process", "no-such-name"], 0),
    ] {
        assert_eq!(listed(args).len(), count, "{args:?}");
    }
    sleeping.kill().unwrap();
    sleeping.wait().unwrap();
    for (args, words) in [
        (["--client", "example.org"], "write a network such as"),
        (["--pid", "4294967295"], "there is no process 4294967295"),
        (["--port", "65536"], "65536"),
    ] {
        let refused = toa(&["list", args[0], args[1]]);
        assert_eq!(refused.status.code(), Some(2), "{args:?}");
        assert!(stderr(&refused).contains(words), "{}", stderr(&refused));
    }
}

#[test]
fn real_connections_are_listed_at_the_end_that_accepted_them() {
    let Some(_service) = Service::start_covered() else {
        return;
    };
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let local = listener.local_addr().unwrap();
    let stream = TcpStream::connect(local).unwrap();
    let _accepted = listener.accept().unwrap();
    assert_eq!(listed(&[]), Vec::<Value>::new());
    let rows = listed(&["--all", "--port", &local.port().to_string()]);
    assert_eq!(rows.len(), 1, "{rows:?}");
    assert_eq!(rows[0]["peer"], stream.local_addr().unwrap().to_string());
    assert_eq!(listed(&["--all"]).len(), 2);
}

#[test]
fn another_network_namespace_is_not_seen() {
    let Some(service) = Service::start_covered() else {
        return;
    };
    let _open = service.accept(BALANCER, &CLIENT);
    let elsewhere = Command::new("unshare")
        .args(["--net", TOA, "list", "--json"])
        .output()
        .unwrap();
    assert_eq!(
        (stdout(&elsewhere), elsewhere.status.code()),
        (String::new(), Some(0))
    );
    assert_eq!(listed(&[]).len(), 1);
}

#[test]
fn without_a_source_the_exit_code_says_so() {
    let Some(_service) = Service::start() else {
        return;
    };
    says_that_no_source_is_loaded("list");
}

#[test]
fn the_missing_capability_is_named_and_no_other() {
    let Some(service) = Service::start_covered() else {
        return;
    };
    let _open = service.accept(BALANCER, &CLIENT);
    let without = with_capabilities("+all,-sys_admin", &["list"]);
    assert_eq!(without.status.code(), Some(2));
    let said = stderr(&without);
    assert!(said.contains("needs CAP_SYS_ADMIN, which"), "{said}");

    let with = with_capabilities("-all,+sys_admin", &["list", "--json"]);
    assert_eq!(with.status.code(), Some(0), "{}", stderr(&with));
    let row: Value = serde_json::from_str(&stdout(&with)).unwrap();
    assert_eq!(row["client"], "203.0.113.7:12345");
    assert_eq!(row["processes"], json!([]));
    assert!(
        stderr(&with).contains("that takes CAP_SYS_PTRACE"),
        "{}",
        stderr(&with)
    );
}

fn spawn(args: &[&str], stdout: impl Into<Stdio>) -> Child {
    Command::new(TOA)
        .args(args)
        .stdout(stdout)
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
}

#[test]
fn a_reader_that_goes_ends_the_list_quietly_and_a_full_disk_does_not() {
    let Some(service) = Service::start_covered() else {
        return;
    };
    // More than fits into a pipe and into the rows that are looked at for the widths.
    let open: Vec<_> = (0..1200)
        .map(|_| service.accept(BALANCER, &CLIENT))
        .collect();
    for args in [&["list"][..], &["list", "--json"]] {
        let mut list = spawn(args, Stdio::piped());
        let mut first = String::new();
        let mut reader = BufReader::with_capacity(100, list.stdout.take().unwrap());
        reader.read_line(&mut first).unwrap();
        drop(reader);
        let ended = list.wait_with_output().unwrap();
        assert_eq!(ended.status.code(), Some(0), "{args:?}");
        assert_eq!(stderr(&ended), "", "{args:?}");

        let full = File::options().write(true).open("/dev/full").unwrap();
        let ended = spawn(args, full).wait_with_output().unwrap();
        assert_eq!(ended.status.code(), Some(2), "{args:?}");
        let said = stderr(&ended);
        assert!(
            said.starts_with("toa: cannot write to standard output: No space"),
            "{said}"
        );
    }
    let all = toa(&["list"]);
    assert_eq!(stdout(&all).lines().count(), 1 + open.len());
}
