//! `toa check-config`.

use std::path::PathBuf;

use crate::output::{Outcome, say};
use crate::settings::{self, Settings};
use crate::status::STRANGERS_ARE_TRUSTED;

/// Tell whether a settings file makes sense, and load nothing
///
/// Needs no privilege. Exit code 0 when `toa load` will understand the file, else 2.
#[derive(Debug, clap::Args)]
pub(crate) struct CheckConfig {
    /// The settings file
    #[arg(default_value = settings::DEFAULT)]
    file: PathBuf,
}

impl CheckConfig {
    pub(crate) fn run(&self) -> anyhow::Result<Outcome> {
        let settings = Settings::read(&self.file)?;
        let lines = settings.sources.iter().map(|source| {
            let config = &source.config;
            let scope = match &config.cgroup {
                Some(path) => path.display().to_string(),
                None => "the whole host".to_owned(),
            };
            let warning = match config.trusted.includes_strangers() {
                true => format!("! {STRANGERS_ARE_TRUSTED}\n"),
                false => String::new(),
            };
            format!(
                "{}: {scope}, trusts {}\n{warning}",
                source.name, config.trusted
            )
        });
        say(lines.collect::<String>())?;
        Ok(Outcome::Healthy)
    }
}
