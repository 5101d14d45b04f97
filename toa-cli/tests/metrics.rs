//! `toa metrics` and `toa exporter`, with sources and connections of the test's own.
#![cfg(target_os = "linux")]
#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

mod host;

use std::io::Write;
use std::net::{TcpListener, TcpStream};
use std::process::{Command, Stdio};

use host::exporter::Exporter;
use host::service::{BALANCER, CLIENT, STRANGER, Service};
use host::{Host, TOA, stderr, stdout, toa, with_pins};

/// The value of a series, if it is there.
fn value<'a>(text: &'a str, series: &str) -> Option<&'a str> {
    text.lines()
        .find_map(|line| line.strip_prefix(series)?.strip_prefix(' '))
}

/// Prometheus' own tool says whether names, types and help are as they should be.
fn check_with_promtool(text: &str) {
    let promtool = Command::new("promtool")
        .args(["check", "metrics"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn();
    let Ok(mut promtool) = promtool else {
        toa_lab::sandbox::skip("there is no promtool (Debian: prometheus)");
        return;
    };
    promtool
        .stdin
        .take()
        .unwrap()
        .write_all(text.as_bytes())
        .unwrap();
    let output = promtool.wait_with_output().unwrap();
    let said = stdout(&output) + &stderr(&output);
    assert!(output.status.success() && said.is_empty(), "{said}");
}

#[test]
fn every_outcome_is_counted_and_asking_changes_nothing() {
    let Some(service) = Service::start_covered() else {
        return;
    };
    let _believed = service.accept(BALANCER, &CLIENT);
    let _untrusted = service.accept(STRANGER, &CLIENT);
    let _without = service.accept(BALANCER, &[]);
    // A length that no format has, and an address that no client has.
    let _foreign = service.accept(BALANCER, &[254, 4, 0, 0]);
    let _invalid = service.accept(BALANCER, &[254, 8, 0x30, 0x39, 127, 0, 0, 1]);

    let metrics = toa(&["metrics"]);
    let text = stdout(&metrics);
    assert_eq!(metrics.status.code(), Some(0), "{}", stderr(&metrics));
    let source = format!("source=\"ebpf\",cgroup=\"{}\"", service.cgroup());
    for (outcome, count) in [
        ("toa", "1"),
        ("not_sent", "1"),
        ("untrusted", "1"),
        ("invalid", "1"),
        ("foreign", "1"),
        ("implausible", "0"),
        ("lost", "0"),
    ] {
        let series = format!("toa_source_connections_total{{{source},outcome=\"{outcome}\"}}");
        assert_eq!(value(&text, &series), Some(count), "{series}\n{text}");
    }
    for (series, expected) in [
        ("toa_up", "1"),
        ("toa_source_answers{source=\"ebpf\"}", "1"),
        ("toa_source_answers{source=\"module\"}", "0"),
        ("toa_problems{problem=\"untrusted\"}", "1"),
        ("toa_problems{problem=\"no_source\"}", "0"),
        (&format!("toa_source_open_connections{{{source}}}"), "1"),
    ] {
        assert_eq!(value(&text, series), Some(expected), "{series}\n{text}");
    }
    check_with_promtool(&text);

    for _ in 0..20 {
        assert_eq!(stdout(&toa(&["metrics"])), text);
    }

    // A scrape is a connection too, of a peer that sends no option.
    let exporter = Exporter::start(&[]);
    let series = format!("toa_source_connections_total{{{source},outcome=\"not_sent\"}}");
    for count in ["2", "3"] {
        assert_eq!(value(&exporter.get("/metrics"), &series), Some(count));
    }
}

#[test]
fn a_removed_source_takes_its_series_with_it() {
    let Some(_host) = Host::enter() else { return };
    assert!(toa(&["load", "--trust", "any"]).status.success());
    let exporter = Exporter::start(&[]);
    let loaded = exporter.get("/metrics");
    let strangers = "toa_problems{problem=\"strangers_trusted\"}";
    assert!(
        loaded.contains("toa_source_info{source=\"ebpf\",cgroup=\"/\""),
        "{loaded}"
    );
    assert_eq!(value(&loaded, strangers), Some("1"));
    assert!(toa(&["unload"]).status.success());
    let gone = exporter.get("/metrics");
    assert!(!gone.contains("toa_source_info"), "{gone}");
    assert_eq!(value(&gone, strangers), Some("0"));
    assert_eq!(
        value(&gone, "toa_problems{problem=\"no_source\"}"),
        Some("1")
    );
}

#[test]
fn what_the_kernel_does_not_tell_is_not_claimed() {
    let Some(_host) = Host::enter() else { return };
    assert!(toa(&["load", "--trust", "private"]).status.success());
    let dir = tempfile::tempdir().unwrap();
    let copy = dir.path().join("toa");
    std::fs::copy(TOA, &copy).unwrap();
    let readable = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    std::fs::set_permissions(dir.path(), readable).unwrap();
    let metrics = Command::new("setpriv")
        .args(["--reuid", "65534", "--regid", "65534", "--clear-groups"])
        .arg(&copy)
        .args(with_pins(&["metrics"]))
        .output()
        .unwrap();
    let text = stdout(&metrics);
    assert_eq!(metrics.status.code(), Some(2), "{text}");
    assert!(
        stderr(&metrics).contains("CAP_SYS_ADMIN"),
        "{}",
        stderr(&metrics)
    );
    assert_eq!(value(&text, "toa_up"), Some("0"));
    assert_eq!(
        value(&text, "toa_source_answers{source=\"ebpf\"}"),
        Some("1")
    );
    assert!(!text.contains("toa_problems"), "{text}");
    assert!(!text.contains("toa_source_info"), "{text}");
    check_with_promtool(&text);
}

#[test]
fn of_a_cgroup_that_does_not_exist_nothing_is_known() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("toa.prom");
    let args = ["metrics", "--cgroup", "/no/such", "--textfile"];
    let metrics = toa(&[&args[..], &[file.to_str().unwrap()]].concat());
    assert_eq!(metrics.status.code(), Some(2));
    assert!(
        stderr(&metrics).contains("/no/such"),
        "{}",
        stderr(&metrics)
    );
    let text = std::fs::read_to_string(file).unwrap();
    assert_eq!(value(&text, "toa_up"), Some("0"));
    assert!(text.contains("toa_build_info"), "{text}");
}

#[test]
fn the_exporter_serves_one_page_and_refuses_the_rest() {
    let exporter = Exporter::start(&[]);
    for (request, status, words) in [
        (
            "GET /metrics HTTP/1.1\r\nHost: toa\r\n\r\n",
            "200 OK",
            "\ntoa_build_info{",
        ),
        (
            "GET /metrics HTTP/1.0\r\n\r\n",
            "200 OK",
            "\ntoa_build_info{",
        ),
        ("GET / HTTP/1.1\r\nHost: toa\r\n\r\n", "200 OK", "/metrics"),
        (
            "GET /other HTTP/1.1\r\nHost: toa\r\n\r\n",
            "404 Not Found",
            "/metrics",
        ),
        (
            "POST /metrics HTTP/1.1\r\nHost: toa\r\nContent-Length: 0\r\n\r\n",
            "405 Method",
            "allow: GET, HEAD",
        ),
        ("nonsense\r\n\r\n", "400 Bad Request", ""),
    ] {
        let response = exporter.send(request);
        let line = response.lines().next().unwrap();
        assert!(line.contains(status), "{request:?}: {response}");
        assert!(response.contains(words), "{request:?}: {response}");
    }
    let page = exporter.get("/metrics");
    assert!(
        page.contains("content-type: text/plain; version=0.0.4; charset=utf-8\r\n"),
        "{page}"
    );
    let head = exporter.send("HEAD /metrics HTTP/1.1\r\nHost: toa\r\n\r\n");
    assert!(head.ends_with("\r\n\r\n"), "{head}");
    let long = format!(
        "GET /metrics HTTP/1.1\r\nX: {}\r\n\r\n",
        "x".repeat(100_000)
    );
    let mut stream = TcpStream::connect(exporter.address).unwrap();
    // It may hang up before it has all.
    let _ = stream.write_all(long.as_bytes());
    assert!(exporter.get("/").contains("200 OK"));
}

#[test]
fn clients_that_say_nothing_do_not_keep_the_exporter_from_others() {
    let exporter = Exporter::start(&[]);
    let connect = |_| TcpStream::connect(exporter.address).unwrap();
    // More than are served at a time: they are dropped after a while, and the last one is served.
    let _silent: Vec<TcpStream> = (0..20).map(connect).collect();
    assert!(exporter.get("/metrics").contains("toa_build_info"));
}

#[test]
fn a_taken_address_and_a_wrong_file_name_are_named() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    for (args, words) in [
        (vec!["exporter", "--listen", &address], address.as_str()),
        (vec!["exporter", "--listen", "localhost"], "--listen"),
        (
            vec!["metrics", "--textfile", "/tmp/toa.txt"],
            "does not end in .prom",
        ),
    ] {
        let refused = toa(&args);
        assert_eq!(refused.status.code(), Some(2), "{args:?}");
        assert!(stderr(&refused).contains(words), "{}", stderr(&refused));
    }
}
