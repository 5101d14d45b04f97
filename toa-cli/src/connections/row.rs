//! One connection as it is shown: a line of a table, or an object of JSON.

use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use serde::{Serialize, Serializer};
use toa_core::{OptionFormat, Provenance};

use super::process::Process;
use crate::output::Lines;
use crate::status::Source;

/// The names are those of the JSON, which the documentation promises.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Row {
    #[serde(serialize_with = "outcome")]
    pub(crate) outcome: Option<Provenance>,
    pub(crate) client: Option<SocketAddr>,
    /// What the client asked for at the balancer.
    pub(crate) virtual_addr: Option<SocketAddr>,
    pub(crate) peer: SocketAddr,
    pub(crate) local: SocketAddr,
    pub(crate) kind: Option<u8>,
    pub(crate) length: Option<u8>,
    #[serde(serialize_with = "name")]
    pub(crate) format: Option<OptionFormat>,
    pub(crate) age_seconds: Option<u64>,
    pub(crate) state: &'static str,
    pub(crate) processes: Vec<Process>,
    pub(crate) source: Option<Source>,
    /// What the source covers, where it is known and one of several may have judged.
    pub(crate) cgroup: Option<PathBuf>,
}

fn outcome<S: Serializer>(outcome: &Option<Provenance>, serializer: S) -> Result<S::Ok, S::Error> {
    outcome.map(Provenance::as_str).serialize(serializer)
}

/// Of a format.
pub(crate) fn name<S: Serializer>(
    format: &Option<OptionFormat>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    format
        .map(|format| format.to_string())
        .serialize(serializer)
}

const COLUMNS: usize = 10;
const HEADINGS: [&str; COLUMNS] = [
    "outcome",
    "client",
    "asked for",
    "peer",
    "local",
    "option",
    "age",
    "state",
    "source",
    "process",
];
/// The columns are as wide as the widest cell of these first rows: many thousand more may
/// follow, and nobody waits for the last of them.
const LOOKED_AT: usize = 500;

impl Row {
    #[cfg(test)]
    pub(crate) fn mock() -> Self {
        Self {
            outcome: Some(Provenance::Toa),
            client: Some("203.0.113.7:12345".parse().unwrap()),
            virtual_addr: None,
            peer: "10.0.0.9:4711".parse().unwrap(),
            local: "10.0.0.1:3000".parse().unwrap(),
            kind: Some(254),
            length: Some(8),
            format: Some(OptionFormat::Toa),
            age_seconds: Some(65),
            state: "established",
            processes: Vec::new(),
            source: Some(Source::Ebpf),
            cgroup: None,
        }
    }

    fn cells(&self) -> [String; COLUMNS] {
        [
            cell(self.outcome),
            cell(self.client),
            cell(self.virtual_addr),
            self.peer.to_string(),
            self.local.to_string(),
            option(self.format, self.kind, self.length),
            cell(self.age_seconds.map(age)),
            self.state.to_owned(),
            self.source_cell(),
            self.processes_cell(),
        ]
    }

    fn source_cell(&self) -> String {
        let Some(source) = self.source else {
            return cell::<&str>(None);
        };
        match &self.cgroup {
            Some(cgroup) => cgroup.display().to_string(),
            None => source.as_str().to_owned(),
        }
    }

    fn processes_cell(&self) -> String {
        let names = self.processes.iter().map(|process| {
            // A process may call itself anything.
            format!("{}[{}]", process.name.escape_debug(), process.id)
        });
        let names: Vec<String> = names.collect();
        cell(Some(names.join(",")).filter(|names| !names.is_empty()))
    }
}

/// As balancers' documents and `toa status` name options, `toa 254/8`; without a name where
/// it is of no format that the source reads.
pub(crate) fn option(format: Option<OptionFormat>, kind: Option<u8>, length: Option<u8>) -> String {
    match (format, kind, length) {
        (Some(format), Some(kind), Some(length)) => format!("{format} {kind}/{length}"),
        (None, Some(kind), Some(length)) => format!("{kind}/{length}"),
        (_, kind, _) => cell(kind),
    }
}

fn age(seconds: u64) -> String {
    humantime::format_duration(Duration::from_secs(seconds))
        .to_string()
        .replace(' ', "")
}

fn cell<T: fmt::Display>(value: Option<T>) -> String {
    value.map_or_else(|| "-".to_owned(), |value| value.to_string())
}

/// Where rows go.
#[derive(Debug)]
pub(crate) enum Printer {
    Json,
    Table {
        /// Rows that wait for the widths.
        held: Vec<[String; COLUMNS]>,
        widths: Option<[usize; COLUMNS]>,
    },
}

impl Printer {
    pub(crate) fn new(json: bool) -> Self {
        match json {
            true => Self::Json,
            false => Self::Table {
                held: vec![HEADINGS.map(str::to_owned)],
                widths: None,
            },
        }
    }

    pub(crate) fn print(&mut self, row: &Row, to: &mut Lines) -> anyhow::Result<()> {
        match self {
            Self::Json => to.say(format_args!("{}\n", serde_json::to_string(row)?)),
            Self::Table {
                widths: Some(widths),
                ..
            } => to.say(line(&row.cells(), widths)),
            Self::Table { held, .. } => {
                held.push(row.cells());
                match held.len() > LOOKED_AT {
                    true => self.finish(to),
                    false => Ok(()),
                }
            }
        }
    }

    /// Prints what waits.
    pub(crate) fn finish(&mut self, to: &mut Lines) -> anyhow::Result<()> {
        let Self::Table { held, widths } = self else {
            return Ok(());
        };
        let widest = |column: usize| {
            let widths = held.iter().map(|cells| cells[column].chars().count());
            widths.max().unwrap_or_default()
        };
        let widths = *widths.get_or_insert_with(|| std::array::from_fn(widest));
        held.drain(..)
            .try_for_each(|cells| to.say(line(&cells, &widths)))
    }
}

fn line(cells: &[String; COLUMNS], widths: &[usize; COLUMNS]) -> String {
    let mut line = String::new();
    for (cell, width) in cells.iter().zip(widths) {
        line.push_str(&format!("{cell:width$}  "));
    }
    line.truncate(line.trim_end().len());
    line + "\n"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_fields_of_the_json_are_those_that_the_documentation_names() {
        let row = Row {
            cgroup: Some("/sys/fs/cgroup/system.slice".into()),
            processes: vec![Process {
                id: 7,
                name: "nginx".to_owned(),
            }],
            ..Row::mock()
        };
        let known = serde_json::json!({
            "outcome": "toa",
            "client": "203.0.113.7:12345",
            "virtual_addr": null,
            "peer": "10.0.0.9:4711",
            "local": "10.0.0.1:3000",
            "kind": 254,
            "length": 8,
            "format": "toa",
            "age_seconds": 65,
            "state": "established",
            "processes": [{"id": 7, "name": "nginx"}],
            "source": "ebpf",
            "cgroup": "/sys/fs/cgroup/system.slice",
        });
        assert_eq!(serde_json::to_value(&row).unwrap(), known);
        let unknown = Row {
            outcome: None,
            client: None,
            kind: None,
            length: None,
            format: None,
            age_seconds: None,
            processes: Vec::new(),
            source: None,
            cgroup: None,
            ..row
        };
        let unknown = serde_json::to_value(unknown).unwrap();
        for (name, _) in known.as_object().unwrap() {
            assert!(unknown.get(name).is_some(), "{name} is always there");
        }
        assert_eq!(unknown["outcome"], serde_json::Value::Null);
    }

    #[test]
    fn every_field_has_a_line_in_the_documentation() {
        for language in ["", ".zh-CN"] {
            let path = format!("../docs/operations{language}.md");
            // The package of the crate has no documentation.
            let Ok(text) = std::fs::read_to_string(path) else {
                continue;
            };
            for (name, _) in serde_json::to_value(Row::mock())
                .unwrap()
                .as_object()
                .unwrap()
            {
                assert!(text.contains(&format!("| `{name}` |")), "{name}{language}");
            }
        }
    }

    #[test]
    fn a_row_is_one_line_whatever_a_process_calls_itself() {
        let row = Row {
            processes: vec![Process {
                id: 7,
                name: "a\nb\u{1b}[2J".to_owned(),
            }],
            ..Row::mock()
        };
        assert_eq!(row.cells()[COLUMNS - 1], "a\\nb\\u{1b}[2J[7]");
        let nobody = Row {
            client: None,
            ..Row::mock()
        };
        assert_eq!(
            [&nobody.cells()[1], &nobody.cells()[COLUMNS - 1]],
            ["-", "-"]
        );
    }

    #[test]
    fn cells_stand_below_each_other_and_lines_end_without_blanks() {
        let cells = Row::mock().cells();
        let widths = cells.clone().map(|cell| cell.len() + 1);
        let text = line(&cells, &widths);
        assert!(
            text.starts_with("toa   203.0.113.7:12345   -   10.0.0.9:4711 "),
            "{text}"
        );
        assert!(text.contains(" toa 254/8   1m5s   established "), "{text}");
        assert!(text.ends_with("  -\n"), "{text:?}");
    }
}
