//! `toa report`: one file for whoever is to find out what is wrong.

mod collect;
mod mask;

use std::fs::OpenOptions;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use anyhow::Context;

use crate::output::{Outcome, say};
use crate::status::Subject;

use mask::Mask;

/// Collect what a bug report needs into one file
///
/// That is the kernel, the distribution, cgroups, attached programs, settings, `toa status`, and
/// what the kernel module said. It asks only, and sends nothing. Run it as root: what it may not
/// read it names.
#[derive(Debug, clap::Args)]
pub(crate) struct BugReport {
    /// Where to write it; `-` is standard output [default: toa-report-TIME.txt]
    #[arg(long, short, value_name = "PATH")]
    output: Option<PathBuf>,
    /// Leave addresses as they are, instead of `[ipv4-1]` for the first one and so on
    #[arg(long)]
    with_addresses: bool,
    #[command(flatten)]
    subject: Subject,
}

impl BugReport {
    pub(crate) fn run(&self) -> anyhow::Result<Outcome> {
        let now = humantime::format_rfc3339_seconds(SystemTime::now()).to_string();
        let mut text = format!("toa report, version {}, {now}\n", env!("CARGO_PKG_VERSION"));
        text.push_str(match self.with_addresses {
            true => "addresses are as they are\n",
            false => "addresses are masked: one name stands for one address\n",
        });
        for (title, body) in collect::sections(&self.subject) {
            text.push_str(&format!("\n== {title}\n{}\n", body.trim_end()));
        }
        if !self.with_addresses {
            text = Mask::of_this_host().apply(&text);
        }
        if self.output.as_deref() == Some(Path::new("-")) {
            say(text)?;
            return Ok(Outcome::Healthy);
        }
        let default = || PathBuf::from(format!("toa-report-{}.txt", now.replace(':', "-")));
        let path = self.output.clone().unwrap_or_else(default);
        write(&path, &text).with_context(|| format!("cannot write {}", path.display()))?;
        let addresses = match self.with_addresses {
            true => "it has this host's addresses",
            false => "its addresses are masked, names of services are not",
        };
        say(format_args!(
            "wrote {}: read it before you send it, {addresses}\n",
            path.display()
        ))?;
        Ok(Outcome::Healthy)
    }
}

/// A file that is there already stays, and nobody else may read the new one.
fn write(path: &Path, text: &str) -> std::io::Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)?.write_all(text.as_bytes())
}
