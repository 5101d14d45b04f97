//! `toa diff`: the settings file against what is loaded.

use std::path::{Path, PathBuf};

use toa_bpf::{Config, Pins, Scope, Status};

use crate::cgroup;
use crate::load::find;
use crate::output::{Outcome, say};
use crate::settings::{self, Settings};
use crate::status::scope;

const EXIT_CODES: &str = "\
Exit codes:
  0  what is loaded is what the file says
  1  it differs
  2  the answer could not be found out, and standard error says why";

/// Compare the settings file with what is loaded
///
/// Changes nothing: `toa load` makes what is loaded as the file says.
#[derive(Debug, clap::Args)]
#[command(after_help = EXIT_CODES)]
pub(crate) struct Diff {
    /// The settings file
    #[arg(long, value_name = "FILE", default_value = settings::DEFAULT)]
    settings: PathBuf,
    /// The directory that was given to `toa load`
    #[arg(long, value_name = "DIR")]
    pins: Option<PathBuf>,
}

impl Diff {
    pub(crate) fn run(&self) -> anyhow::Result<Outcome> {
        let settings = Settings::read(&self.settings)?;
        let pins = self.pins.as_deref().map_or_else(Pins::default, Pins::at);
        let differences = compare(&settings, &pins.status()?);
        if differences.is_empty() {
            say("what is loaded is what the file says\n")?;
            return Ok(Outcome::Healthy);
        }
        say(differences)?;
        Ok(Outcome::Different)
    }
}

fn compare(settings: &Settings, loaded: &[Status]) -> String {
    let mut text = String::new();
    for source in &settings.sources {
        let cgroup = source.config.cgroup.as_deref();
        let differences = match find(loaded, cgroup) {
            None => vec!["not loaded".to_owned()],
            Some(status) if !status.complete => vec!["the last load was interrupted".to_owned()],
            Some(status) => differences(&source.config, &status.config()),
        };
        for difference in differences {
            text += &format!("{}: {difference}\n", source.name);
        }
    }
    if !text.is_empty() {
        text += "`toa load` makes what is loaded as the file says\n";
    }
    text + &not_in(settings, loaded)
}

/// What the file does not know. A service that loads its source at each start is no business
/// of the file's.
pub(crate) fn not_in(settings: &Settings, loaded: &[Status]) -> String {
    let known: Vec<&Status> = settings
        .sources
        .iter()
        .filter_map(|source| find(loaded, source.config.cgroup.as_deref()))
        .collect();
    loaded
        .iter()
        .filter(|status| status.scope != Scope::Gone && !known.contains(status))
        .filter(|status| !is_of_a_unit(status.cgroup.as_deref()))
        .map(|status| {
            let only = match (&status.cgroup, status.scope) {
                (Some(path), Scope::Host | Scope::Cgroup) => format!(" --cgroup {}", path.display()),
                _ => String::new(),
            };
            let scope = scope(status);
            format!("a source for {scope} is loaded that the file does not name: `toa unload{only}` removes it\n")
        })
        .collect()
}

pub(crate) fn is_of_a_unit(cgroup: Option<&Path>) -> bool {
    cgroup.is_some_and(cgroup::ends_with_its_unit)
}

/// A key of the file, and its value in a configuration.
type Key = (&'static str, fn(&Config) -> String);

const KEYS: [Key; 4] = [
    ("trust", |config| config.trusted.to_string()),
    ("formats", |config| config.formats.to_string()),
    ("peername", |config| config.peername.to_string()),
    ("insecure-believe-implausible", |config| {
        config.insecure_believe_implausible.to_string()
    }),
];

/// The keys that two settings of one scope differ in, with the values of both.
pub(crate) fn differences(file: &Config, loaded: &Config) -> Vec<String> {
    let differing = KEYS.iter().filter_map(|(key, value)| {
        let (file, loaded) = (value(file), value(loaded));
        (file != loaded).then(|| format!("{key} is {loaded}, the file says {file}"))
    });
    differing.collect()
}
