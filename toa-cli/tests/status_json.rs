//! `docs/status-json.md` says of every field what it is, and no more.
#![cfg(target_os = "linux")]
#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

mod host;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use host::service::{CLIENT, STRANGER, Service};
use host::{stdout, toa};
use serde_json::Value;
use toa_bpf::{Config, attach};

const PAGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/status-json.md");

/// Field to the types that the page names.
fn documented() -> BTreeMap<String, Vec<String>> {
    let page = fs::read_to_string(PAGE).unwrap();
    let rows = page.lines().filter_map(|line| line.strip_prefix("| `"));
    rows.map(|row| {
        let mut cells = row.split(" | ");
        let field = cells.next().unwrap().trim_end_matches('`').to_owned();
        let types = cells.next().unwrap().split(" or ").map(str::to_owned);
        (field, types.collect())
    })
    .collect()
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(number) if number.is_u64() => "integer",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}

/// Every field below this one, with its type. An object of which the page has the fields alone,
/// such as `counters`, needs no row of its own.
fn walk(path: &str, value: &Value, found: &mut BTreeSet<(String, &'static str)>) {
    found.insert((path.to_owned(), kind(value)));
    match value {
        Value::Array(items) => {
            for item in items {
                walk(&format!("{path}[]"), item, found);
            }
        }
        Value::Object(fields) => {
            for (name, value) in fields {
                let path = if path.is_empty() {
                    name.clone()
                } else {
                    format!("{path}.{name}")
                };
                walk(&path, value, found);
            }
        }
        _ => {}
    }
}

fn status() -> BTreeSet<(String, &'static str)> {
    let status: Value = serde_json::from_str(&stdout(&toa(&["status", "--json"]))).unwrap();
    assert_eq!(status["version"], 1);
    let mut found = BTreeSet::new();
    walk("", &status, &mut found);
    found
}

#[test]
fn the_page_has_every_field_that_is_written_and_no_other() {
    let Some(service) = Service::start() else {
        return;
    };
    // Without a source.
    let mut written = status();
    let cgroup = service.cgroup();
    assert!(
        toa(&["load", "--trust", "private", "--cgroup", &cgroup])
            .status
            .success()
    );
    let _untrusted = service.accept(STRANGER, &CLIENT);
    written.extend(status());
    // One that goes with this process.
    let config = Config::new("10.0.0.0/8".parse().unwrap()).with_cgroup(&cgroup);
    let _attached = attach(&config).unwrap();
    written.extend(status());

    let documented = documented();
    let is_inside = |field: &str| {
        documented
            .keys()
            .any(|of| of.starts_with(&format!("{field}.")))
    };
    for (field, kind) in &written {
        let types = documented.get(field);
        let is_told = types.is_some_and(|types| types.iter().any(|name| name == kind));
        let is_container =
            *kind == "object" && (field.is_empty() || field.ends_with("[]") || is_inside(field));
        assert!(
            is_told || is_container,
            "{field}, {kind}, is not on the page"
        );
    }
    // No module is loaded here; the command's own tests look at its fields.
    let of_module = |field: &str| field.starts_with("module.");
    for field in documented.keys().filter(|field| !of_module(field)) {
        let is_written = written.iter().any(|(name, _)| name == field);
        assert!(is_written, "nothing writes {field}");
    }
}
