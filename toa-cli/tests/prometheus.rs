//! The alerts and the dashboard in a Prometheus that scrapes `toa exporter`.
#![cfg(target_os = "linux")]
#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

mod host;

use std::fs;
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use host::exporter::{Exporter, http};
use host::service::{BALANCER, CLIENT, STRANGER, Service};
use host::{stderr, stdout};
use serde_json::Value;
use tempfile::TempDir;

const PACKAGING: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../packaging");
/// The network namespace is the test's own.
const ADDRESS: &str = "127.0.0.1:9090";
/// So long a query may have no data, on however slow a machine.
const PATIENCE: Duration = Duration::from_secs(120);

struct Prometheus {
    child: Child,
    _dir: TempDir,
}

impl Prometheus {
    /// `None`: there is no such program here.
    fn start(exporter: SocketAddr) -> Option<Self> {
        let dir = tempfile::tempdir().unwrap();
        let config = dir.path().join("prometheus.yml");
        let text = format!(
            "global: {{scrape_interval: 1s, evaluation_interval: 1s}}\n\
             rule_files: ['{PACKAGING}/prometheus/alerts.yml']\n\
             scrape_configs:\n- job_name: toa\n  static_configs:\n  - targets: ['{exporter}']\n"
        );
        fs::write(&config, text).unwrap();
        let child = Command::new("prometheus")
            .arg(format!("--config.file={}", config.display()))
            .arg(format!(
                "--storage.tsdb.path={}",
                dir.path().join("data").display()
            ))
            .arg(format!("--web.listen-address={ADDRESS}"))
            .arg("--log.level=error")
            .stdout(Stdio::null())
            .spawn();
        match child {
            Ok(child) => Some(Self { child, _dir: dir }),
            Err(error) => {
                toa_lab::sandbox::skip(&format!(
                    "prometheus does not start (Debian: prometheus): {error}"
                ));
                None
            }
        }
    }

    fn wait_until_it_listens(&self) {
        let deadline = Instant::now() + PATIENCE;
        while TcpStream::connect(ADDRESS).is_err() {
            assert!(Instant::now() < deadline, "prometheus does not listen");
            thread::sleep(Duration::from_millis(100));
        }
    }

    fn api(&self, path: &str) -> Value {
        let request = format!("GET /api/v1/{path} HTTP/1.0\r\n\r\n");
        let response = http(ADDRESS.parse().unwrap(), &request);
        let body = response.split_once("\r\n\r\n").unwrap().1;
        let answer: Value =
            serde_json::from_str(body).unwrap_or_else(|e| panic!("{e}: {response}"));
        assert_eq!(answer["status"], "success", "{path}: {answer}");
        answer["data"].clone()
    }

    fn has_data(&self, query: &str) -> bool {
        let query: String = query.bytes().map(|byte| format!("%{byte:02x}")).collect();
        let data = self.api(&format!("query?query={query}"));
        let series = data["result"].as_array().unwrap();
        // A share of nothing is no number.
        series.iter().any(|series| series["value"][1] != "NaN")
    }
}

impl Drop for Prometheus {
    fn drop(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

/// Titles of the dashboard's panels with what they ask.
fn panels() -> Vec<(String, Vec<String>)> {
    let text = fs::read_to_string(Path::new(PACKAGING).join("grafana/toa.json")).unwrap();
    let dashboard: Value = serde_json::from_str(&text).unwrap();
    let panels = dashboard["panels"].as_array().unwrap().iter();
    panels
        .map(|panel| {
            let targets = panel["targets"].as_array().unwrap().iter();
            let queries = targets.map(|target| {
                let query = target["expr"].as_str().unwrap();
                query
                    .replace("$instance", ".*")
                    .replace("$__rate_interval", "10s")
                    .replace("$__range", "1m")
            });
            (
                panel["title"].as_str().unwrap().to_owned(),
                queries.collect(),
            )
        })
        .collect()
}

#[test]
fn every_panel_of_the_dashboard_shows_data_and_every_alert_is_loaded() {
    let Some(service) = Service::start_covered() else {
        return;
    };
    let exporter = Exporter::start(&[]);
    let Some(prometheus) = Prometheus::start(exporter.address) else {
        return;
    };
    prometheus.wait_until_it_listens();

    let mut open = Vec::new();
    let mut blank = panels();
    assert!(blank.len() >= 10, "{blank:?}");
    let deadline = Instant::now() + PATIENCE;
    while !blank.is_empty() {
        assert!(Instant::now() < deadline, "no data: {blank:#?}");
        open.push(service.accept(BALANCER, &CLIENT));
        open.push(service.accept(STRANGER, &CLIENT));
        open.push(service.accept(BALANCER, &[]));
        thread::sleep(Duration::from_millis(500));
        // Each query is asked, also when another of its panel has data.
        blank.retain(|(_, queries)| {
            let with_data = queries.iter().filter(|query| prometheus.has_data(query));
            with_data.count() == 0
        });
    }

    let groups = prometheus.api("rules?type=alert");
    let rules = groups["groups"][0]["rules"].as_array().unwrap();
    assert!(rules.len() >= 11, "{groups}");
    for rule in rules {
        assert_eq!(rule["health"], "ok", "{rule}");
    }
}

#[test]
fn alerts_fire_when_they_should_and_at_no_other_time() {
    for args in [
        ["check", "rules", "alerts.yml"],
        ["test", "rules", "alerts_test.yml"],
    ] {
        let promtool = Command::new("promtool")
            .args(args)
            .current_dir(Path::new(PACKAGING).join("prometheus"))
            .output();
        let Ok(output) = promtool else {
            toa_lab::sandbox::skip("there is no promtool (Debian: prometheus)");
            return;
        };
        assert!(
            output.status.success(),
            "{}{}",
            stdout(&output),
            stderr(&output)
        );
    }
}

#[test]
fn every_alert_has_a_test() {
    let read =
        |name| fs::read_to_string(Path::new(PACKAGING).join("prometheus").join(name)).unwrap();
    let (alerts, tests) = (read("alerts.yml"), read("alerts_test.yml"));
    let alerts = alerts
        .lines()
        .filter_map(|line| line.trim().strip_prefix("- alert: "));
    let mut count = 0;
    for alert in alerts {
        assert!(
            tests.contains(&format!(
                "        alertname: {alert}\n        exp_alerts:\n"
            )),
            "{alert} is never seen to fire"
        );
        assert!(
            tests.contains(&format!("alertname: {alert}}}")),
            "{alert} is never seen to be silent"
        );
        count += 1;
    }
    assert!(count >= 11, "{count}");
}
