//! What a loaded kernel module shows in /proc and /sys, ours or a third party's.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::time::SystemTime;

use serde::Serialize;
use toa_core::{OptionFormats, TrustedPeers};

use crate::module_diagnosis::{self, Diagnosis};

/// A loaded module named `toa`, as far as this user may read.
#[derive(Debug, Serialize)]
pub(crate) struct Module {
    /// When it was loaded, in seconds since 1970.
    since: Option<u64>,
    /// The version that it gives itself.
    pub(crate) version: Option<String>,
    /// Its parameters by name.
    pub(crate) parameters: BTreeMap<String, String>,
    /// Counters in the order of /proc/net/toa_stats, over all CPUs.
    #[serde(serialize_with = "as_map")]
    pub(crate) counters: Vec<(String, u64)>,
    /// What it noticed of late; `None` where this user may not read it, or it is not ours.
    #[serde(flatten)]
    pub(crate) diagnosis: Option<Diagnosis>,
}

impl Module {
    /// `None` when no such module is loaded.
    pub(crate) fn find() -> Option<Self> {
        let mut found = Self::find_in(
            Path::new("/sys/module/toa"),
            Path::new("/proc/net/toa_stats"),
        )?;
        found.diagnosis = module_diagnosis::read();
        Some(found)
    }

    fn find_in(module: &Path, stats: &Path) -> Option<Self> {
        let since = fs::metadata(module).ok()?.modified().ok();
        let since = since.and_then(|at| at.duration_since(SystemTime::UNIX_EPOCH).ok());
        Some(Self {
            since: since.map(|since| since.as_secs()),
            version: fs::read_to_string(module.join("version"))
                .ok()
                .map(|version| version.trim().to_owned()),
            parameters: parameters(&module.join("parameters")),
            // Root alone may read them: an empty list says so.
            counters: fs::read_to_string(stats)
                .map(|text| counters(&text))
                .unwrap_or_default(),
            diagnosis: None,
        })
    }

    #[cfg(test)]
    pub(crate) fn mock(counters: &[(&str, u64)], diagnosis: Option<Diagnosis>) -> Self {
        let counters = counters.iter();
        Self {
            since: Some(1),
            version: None,
            parameters: BTreeMap::new(),
            counters: counters
                .map(|(name, value)| ((*name).to_owned(), *value))
                .collect(),
            diagnosis,
        }
    }

    pub(crate) fn since(&self) -> Option<u64> {
        self.since
    }

    /// What it reads and whose options it believes; `None` of a module that is not ours.
    pub(crate) fn settings(&self) -> Option<(OptionFormats, TrustedPeers)> {
        let formats = self.parameters.get("formats")?.parse().ok()?;
        Some((formats, self.parameters.get("trusted")?.parse().ok()?))
    }

    pub(crate) fn counter(&self, name: &str) -> u64 {
        self.counters
            .iter()
            .find(|(found, _)| found == name)
            .map_or(0, |(_, value)| *value)
    }
}

fn as_map<S: serde::Serializer>(
    counters: &[(String, u64)],
    serializer: S,
) -> Result<S::Ok, S::Error> {
    serializer.collect_map(counters.iter().map(|(name, value)| (name, value)))
}

fn parameters(dir: &Path) -> BTreeMap<String, String> {
    let entries = fs::read_dir(dir).into_iter().flatten().flatten();
    entries
        .filter_map(|entry| {
            let value = fs::read_to_string(entry.path()).ok()?;
            Some((
                entry.file_name().into_string().ok()?,
                value.trim().to_owned(),
            ))
        })
        .collect()
}

/// Lines of a name, a colon, and one number per CPU.
fn counters(text: &str) -> Vec<(String, u64)> {
    text.lines()
        .filter_map(|line| {
            let (name, values) = line.split_once(':')?;
            let values: Option<Vec<u64>> = values
                .split_whitespace()
                .map(|value| value.parse().ok())
                .collect();
            Some((name.trim().to_owned(), values?.iter().sum()))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::repository;

    #[test]
    fn counters_are_summed_over_the_cpus() {
        let text = "                    CPU0       CPU1\n\
                    syn_recv_sock_toa   :          3          4\n\
                    untrusted           :          0          1\n\
                    a line of another kind\n";
        let expected = [
            ("syn_recv_sock_toa".to_owned(), 7),
            ("untrusted".to_owned(), 1),
        ];
        assert_eq!(counters(text), expected);
    }

    #[test]
    fn a_module_is_described_by_its_files() {
        let dir = tempfile::tempdir().unwrap();
        let (module, stats) = (dir.path().join("toa"), dir.path().join("stats"));
        assert!(Module::find_in(&module, &stats).is_none());

        fs::create_dir_all(module.join("parameters")).unwrap();
        fs::write(module.join("parameters/trusted"), "10.0.0.0/8\n").unwrap();
        fs::write(&stats, "untrusted : 1 2\n").unwrap();
        let found = Module::find_in(&module, &stats).unwrap();
        assert_eq!(found.parameters["trusted"], "10.0.0.0/8");
        assert_eq!(found.counter("untrusted"), 3);
        assert_eq!(found.counter("unheard_of"), 0);
        assert!(found.since().is_some());
    }

    #[test]
    fn the_page_of_the_json_form_has_the_fields_of_a_module() {
        let Some(root) = repository::root() else {
            return;
        };
        let page = repository::read(&root, "docs/status-json.md");
        let module = serde_json::to_value(Module::mock(&[("untrusted", 3)], None)).unwrap();
        assert_eq!(module["counters"], serde_json::json!({"untrusted": 3}));
        for name in module.as_object().unwrap().keys() {
            let row = [
                format!("| `module.{name}` | "),
                format!("| `module.{name}.*` | "),
            ];
            assert!(row.iter().any(|row| page.contains(row)), "{name}");
        }
    }
}
