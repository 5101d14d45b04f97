//! `toa watch` while connections open.
#![cfg(target_os = "linux")]
#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

mod host;

use std::io::{BufRead, BufReader};
use std::process::{Child, ChildStderr, ChildStdout, Command, Stdio};

use host::service::{BALANCER, CLIENT, STRANGER, Service, with_capabilities};
use host::{TOA, says_that_no_source_is_loaded, stderr, toa};
use serde_json::{Value, json};

/// The command, which is killed at the end.
struct Watching {
    command: Child,
    /// Until the reader goes.
    told: Option<BufReader<ChildStdout>>,
    notes: BufReader<ChildStderr>,
}

impl Watching {
    fn start(args: &[&str]) -> Self {
        let mut command = Command::new(TOA)
            .arg("watch")
            .args(args)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let told = BufReader::new(command.stdout.take().unwrap());
        let notes = BufReader::new(command.stderr.take().unwrap());
        let mut this = Self {
            command,
            told: Some(told),
            notes,
        };
        this.wait_for("watching the source for ");
        this
    }

    /// A note on standard error.
    fn wait_for(&mut self, words: &str) {
        let mut note = String::new();
        while !note.contains(words) {
            note.clear();
            assert!(self.notes.read_line(&mut note).unwrap() > 0, "no {words:?}");
        }
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        self.told.as_mut().unwrap().read_line(&mut line).unwrap();
        line
    }

    fn object(&mut self) -> Value {
        serde_json::from_str(&self.line()).unwrap()
    }
}

impl Drop for Watching {
    fn drop(&mut self) {
        let _ = self.command.kill();
        let _ = self.command.wait();
    }
}

#[test]
fn each_new_connection_is_a_line_of_json_with_all_fields() {
    let Some(service) = Service::start_covered() else {
        return;
    };
    let mut watching = Watching::start(&["--json"]);
    let (_stream, mut peer) = service.accept(BALANCER, &CLIENT);
    let mut told = watching.object();
    let time = told["time"].take();
    assert!(time.as_str().unwrap().ends_with('Z'), "{time}");
    let expected = json!({
        "time": null,
        "event": "opened",
        "outcome": "toa",
        "client": "203.0.113.7:12345",
        "peer": peer.local_addr().to_string(),
        "local": service.listener.local_addr().unwrap().to_string(),
        "kind": 254,
        "length": 8,
        "format": "toa",
        "virtual_addr": null,
        "source": "ebpf",
        "cgroup": service.cgroup(),
    });
    assert_eq!(told, expected);

    let _refused = service.accept(STRANGER, &CLIENT);
    assert_eq!(watching.object()["outcome"], "untrusted");
    // Not news: this connection had its option when it opened.
    peer.data(&CLIENT, b"hello").unwrap();
    let (_without, mut peer) = service.accept(BALANCER, &[]);
    let told = watching.object();
    assert_eq!(
        [&told["outcome"], &told["kind"]],
        [&json!("not_sent"), &Value::Null]
    );
    peer.data(&CLIENT, b"hello").unwrap();
    let told = watching.object();
    assert_eq!(
        [&told["event"], &told["outcome"]],
        [&json!("option_later"), &Value::Null]
    );

    for name in expected.as_object().unwrap().keys() {
        for language in ["", ".zh-CN"] {
            let path = format!("../docs/operations{language}.md");
            // The package of the crate has no documentation.
            let Ok(text) = std::fs::read_to_string(path) else {
                continue;
            };
            assert!(text.contains(&format!("| `{name}` |")), "{name}{language}");
        }
    }
}

#[test]
fn a_table_says_where_an_option_came_that_no_source_reads() {
    let Some(service) = Service::start_covered() else {
        return;
    };
    let mut watching = Watching::start(&[]);
    assert!(watching.line().starts_with("time "));
    let to = service.listener.local_addr().unwrap();
    let mut peer = service.device.peer((BALANCER, 4711).into(), to);
    peer.connect(&CLIENT, &[77, 8, 0x30, 0x39, 203, 0, 113, 7])
        .unwrap();
    let _accepted = service.listener.accept().unwrap();
    peer.data(&CLIENT, b"hello").unwrap();
    for words in [
        "254/8 in the SYN, where no source reads it",
        "77/8, of no format that the source reads",
        "254/8 in later data, where no source reads it",
    ] {
        let line = watching.line();
        assert!(line.contains(words), "{line}");
    }
}

#[test]
fn filters_leave_what_they_name() {
    let Some(service) = Service::start_covered() else {
        return;
    };
    let other = [253, 8, 0x30, 0x39, 203, 0, 113, 8];
    let port = service.port();
    for args in [
        &["--client", "203.0.113.8"][..],
        &["--peer", "10.0.0.0/8"],
        &[
            "--peer",
            "10.0.0.0/8",
            "--port",
            &port,
            "--client",
            "203.0.113.0/24",
        ],
    ] {
        let mut watching = Watching::start(&[&["--json"], args].concat());
        let _open = [
            service.accept(BALANCER, &CLIENT),
            service.accept([10, 1, 2, 3], &other),
        ];
        assert_eq!(watching.object()["client"], "203.0.113.8:12345", "{args:?}");
    }
}

#[test]
fn a_reader_that_goes_ends_it_quietly_at_the_next_event() {
    let Some(service) = Service::start_covered() else {
        return;
    };
    let mut watching = Watching::start(&["--json"]);
    watching.told = None;
    let _open = service.accept(BALANCER, &CLIENT);
    assert_eq!(watching.command.wait().unwrap().code(), Some(0));
}

#[test]
fn a_source_that_is_loaded_again_is_watched_again() {
    let Some(service) = Service::start_covered() else {
        return;
    };
    let mut watching = Watching::start(&["--json"]);
    assert!(toa(&["unload"]).status.success());
    watching.wait_for("sources were loaded or unloaded");
    let load = ["load", "--trust", "none", "--cgroup", &service.cgroup()];
    assert!(toa(&load).status.success());
    watching.wait_for("watching the source for ");
    let _open = service.accept(BALANCER, &CLIENT);
    assert_eq!(watching.object()["outcome"], "untrusted");
}

#[test]
fn without_a_source_the_exit_code_says_so() {
    let Some(_service) = Service::start() else {
        return;
    };
    says_that_no_source_is_loaded("watch");
}

#[test]
fn the_missing_capability_is_named_and_no_other() {
    let Some(_service) = Service::start_covered() else {
        return;
    };
    for (capabilities, missing) in [
        ("+all,-sys_admin", "needs CAP_SYS_ADMIN, which"),
        ("+all,-net_admin", "needs CAP_NET_ADMIN, which"),
        ("-all", "needs CAP_SYS_ADMIN, CAP_NET_ADMIN, which"),
    ] {
        let refused = with_capabilities(capabilities, &["watch"]);
        assert_eq!(refused.status.code(), Some(2));
        assert!(stderr(&refused).contains(missing), "{}", stderr(&refused));
    }
}
