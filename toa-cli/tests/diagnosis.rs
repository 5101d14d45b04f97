//! `toa status` when the balancer's option is not read: it names the reason, and what it
//! advises works.
#![cfg(target_os = "linux")]
#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

mod host;

use std::io::Read;

use host::service::{BALANCER, CLIENT, STRANGER, Service};
use host::{stderr, stdout, toa};
use serde_json::Value;
use toa_core::to_canonical;

/// The source that answers here, and what is wrong with it.
fn status(service: &Service) -> (Value, Vec<String>) {
    let output = toa(&["status", "--json", "--cgroup", &service.cgroup()]);
    let mut report: Value = serde_json::from_str(&stdout(&output)).unwrap();
    let problems = report["problems"].as_array().unwrap();
    let problems: Vec<String> = problems
        .iter()
        .map(|problem| problem["text"].as_str().unwrap().to_owned())
        .collect();
    let code = if problems.is_empty() { 0 } else { 3 };
    assert_eq!(output.status.code(), Some(code), "{problems:?}");
    let mut sources = report["ebpf"].as_array_mut().unwrap().drain(..);
    let source = sources.find(|source| source["answers"] == true).unwrap();
    (source, problems)
}

fn load(service: &Service, args: &[&str]) {
    let load = toa(&[&["load", "--cgroup", &service.cgroup()], args].concat());
    assert!(load.status.success(), "{}", stderr(&load));
}

/// Each with what to load, as status says, and what the client is then.
#[test]
fn an_option_of_another_format_is_read_after_the_load_that_status_names() {
    let Some(service) = Service::start() else {
        return;
    };
    let vtoa = [
        252, 20, 0xa8, 0x5e, 10, 10, 5, 56, 0x4f, 0xa8, 0x2c, 0, 10, 0, 8, 208, 1, 0xbb, 1, 1,
    ];
    let ttgw = [
        254, 16, 0x30, 0x39, 203, 0, 113, 7, 0, 0, 1, 0xbb, 10, 0, 8, 208,
    ];
    let cip = [28, 7, 1, 203, 0, 113, 7, 1];
    for (options, formats, client) in [
        (&vtoa[..], "toa,vtoa", "10.10.5.56:43102"),
        (&ttgw, "toa,ttgw", "203.0.113.7:12345"),
        (&cip, "toa,cip", "203.0.113.7:0"),
    ] {
        load(&service, &["--trust", "private", "--format", "toa"]);
        assert_eq!(status(&service).1, [""; 0]);
        let (stream, _peer) = service.accept(BALANCER, options);
        let wrong = toa_core::source_info(&stream).unwrap().client();
        assert_eq!(wrong, None, "it is never guessed");
        let (source, problems) = status(&service);
        let [problem] = &problems[..] else {
            panic!("{problems:?}");
        };
        let advice = problem.split('`').nth(1).expect("a command");
        let advice: Vec<&str> = advice.split(' ').collect();
        assert_eq!(advice[advice.len() - 2..], ["--format", formats]);
        let unread = &source["unread"][0];
        assert_eq!(unread["kind"], options[0]);
        assert_eq!(unread["length"], options[1]);
        assert_eq!(unread["network"], "192.168.7.0/24");
        assert_eq!(unread["last_peer"], "192.168.7.7");

        let again = toa(&advice[1..]);
        assert!(again.status.success(), "{advice:?}: {}", stderr(&again));
        assert_eq!(status(&service).1, [""; 0], "the trouble is over");
        let (stream, _peer) = service.accept(BALANCER, options);
        let found = toa_core::source_info(&stream).unwrap().client().unwrap();
        assert_eq!(to_canonical(found).to_string(), client);
        assert_eq!(status(&service).1, [""; 0]);
    }
}

#[test]
fn an_option_in_later_data_or_in_the_syn_is_told_however_many_bring_one() {
    let Some(service) = Service::start_covered() else {
        return;
    };
    // In the SYN, or nowhere: that no source sees.
    let _without = service.accept(BALANCER, &[]);
    let (_, problems) = status(&service);
    let [problem] = &problems[..] else {
        panic!("{problems:?}");
    };
    for words in ["none of the 1 connections", "SYN", "`toa watch`"] {
        assert!(problem.contains(words), "{problem} has {words}");
    }

    let _with: Vec<_> = (0..6).map(|_| service.accept(BALANCER, &CLIENT)).collect();
    let (source, problems) = status(&service);
    assert_eq!(problems, [""; 0], "health checks bring none");
    assert_eq!(source["recent"]["toa"], 6);
    assert_eq!(source["recent"]["not_sent"], 1);
    let text = stdout(&toa(&["status"]));
    let words = "of 7 connections: 86 % with a client's address, 14 % without an option\n";
    assert!(text.contains(words), "{text} has {words}");

    let (mut stream, mut peer) = service.accept(BALANCER, &[]);
    peer.data(&CLIENT, b"x").unwrap();
    stream.read_exact(&mut [0]).unwrap();
    let (source, problems) = status(&service);
    let [problem] = &problems[..] else {
        panic!("{problems:?}");
    };
    for words in [
        "1 connections in",
        "after their handshake",
        "192.168.7.0/24",
    ] {
        assert!(problem.contains(words), "{problem} has {words}");
    }
    assert_eq!(source["recent"]["late"], 1);
    assert_eq!(source["counters"]["late"], 1);
    assert_eq!(source["unread"][0]["reason"], "late");
    let text = stdout(&toa(&["status"]));
    assert!(text.contains("; an option in later data: 1\n"), "{text}");
    let words = "unread       254/8 in later data: 1 from 192.168.7.0/24, the last ";
    assert!(text.contains(words), "{text} has {words}");
}

#[test]
fn who_was_not_trusted_is_named_and_only_there_somebody_may_forge() {
    let Some(service) = Service::start_covered() else {
        return;
    };
    let _open = [
        service.accept(BALANCER, &[254, 8, 0x30, 0x39, 127, 0, 0, 1]),
        service.accept(BALANCER, &[&[1; 32][..], &CLIENT].concat()),
    ];
    let (_, problems) = status(&service);
    assert_eq!(problems.len(), 2, "{problems:?}");
    assert!(!problems.concat().contains("forge"), "{problems:?}");

    let _stranger = service.accept(STRANGER, &CLIENT);
    let (_, problems) = status(&service);
    assert_eq!(problems.len(), 3, "{problems:?}");
    let forged = problems.iter().find(|problem| problem.contains("forge"));
    let words = "not trusted, from 198.51.100.0/24: if those peers are your balancer";
    assert!(forged.unwrap().contains(words), "{problems:?}");
}

#[test]
fn the_names_in_the_json_have_a_line_in_the_documentation() {
    let Some(service) = Service::start_covered() else {
        return;
    };
    let _stranger = service.accept(STRANGER, &CLIENT);
    let (source, _) = status(&service);
    for language in ["", ".zh-CN"] {
        let path = format!("../docs/operations{language}.md");
        // The package of the crate has no documentation.
        let Ok(text) = std::fs::read_to_string(path) else {
            continue;
        };
        for object in [&source["recent"], &source["unread"][0], &source["counters"]] {
            for (name, _) in object.as_object().unwrap() {
                assert!(text.contains(&format!("`{name}`")), "{name}{language}");
            }
        }
    }
}
