//! `toa generate`: what packages ship beside the command.

use std::fs;
use std::path::PathBuf;

use anyhow::Context;
use clap::CommandFactory;
use clap_complete::Shell;

use crate::output::Outcome;

/// Writes man pages and shell completions into a directory.
#[derive(Debug, clap::Args)]
pub(crate) struct Generate {
    /// Where to, made if there is none
    dir: PathBuf,
}

impl Generate {
    pub(crate) fn run(&self) -> anyhow::Result<Outcome> {
        let mut command = crate::Cli::command();
        fs::create_dir_all(&self.dir)
            .and_then(|()| clap_mangen::generate_to(command.clone(), &self.dir))
            .and_then(|()| {
                [Shell::Bash, Shell::Zsh, Shell::Fish]
                    .into_iter()
                    .try_for_each(|shell| {
                        clap_complete::generate_to(shell, &mut command, "toa", &self.dir).map(drop)
                    })
            })
            .with_context(|| format!("cannot write to {}", self.dir.display()))?;
        Ok(Outcome::Healthy)
    }
}
