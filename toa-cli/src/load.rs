//! `toa load` and `toa unload`.

use std::path::PathBuf;

use toa_bpf::Loaded;
use toa_core::{OptionKinds, TrustedPeers};

use crate::output::{Outcome, say};

/// Loading again with other settings replaces the old ones; open connections keep
/// their addresses, and no new one loses its.
#[derive(Debug, clap::Args)]
pub(crate) struct Load {
    /// A network whose TOA options are believed, such as 10.0.0.0/8; repeat it for
    /// more. `any` believes everybody, which is safe only where nobody but the
    /// balancer reaches the host [default: private and shared address space]
    #[arg(long, value_name = "CIDR")]
    trust: Vec<String>,
    /// A TCP option kind that is read as TOA; repeat it for more [default: 254, 253, 200]
    #[arg(long, value_name = "N")]
    kind: Vec<u8>,
    /// Do not show the client in getpeername() and accept()
    #[arg(long)]
    no_peername: bool,
    /// Cover the services of this cgroup only, such as
    /// /sys/fs/cgroup/system.slice/nginx.service [default: the whole host]
    #[arg(long, value_name = "PATH")]
    cgroup: Option<PathBuf>,
}

impl Load {
    pub(crate) fn run(self) -> anyhow::Result<Outcome> {
        let config = self.config()?;
        let loaded = match toa_bpf::load(&config)? {
            Loaded::Replaced => "loaded, in the place of another",
            _ => "loaded",
        };
        let scope = match &config.cgroup {
            Some(path) => path.display().to_string(),
            None => "the whole host".to_owned(),
        };
        say(format_args!(
            "{loaded}, for {scope}\n\
             trusts {}\n\
             reads option kinds {}\n\
             it stays until `toa unload` or a reboot; `toa status` watches it\n",
            config.trusted, config.kinds
        ))?;
        Ok(Outcome::Healthy)
    }

    fn config(self) -> anyhow::Result<toa_bpf::Config> {
        let mut config = toa_bpf::Config::new().with_peername(!self.no_peername);
        if !self.trust.is_empty() {
            config = config.with_trusted(self.trust.join(",").parse::<TrustedPeers>()?);
        }
        if !self.kind.is_empty() {
            config = config.with_kinds(OptionKinds::new(self.kind)?);
        }
        if let Some(cgroup) = self.cgroup {
            config = config.with_cgroup(cgroup);
        }
        Ok(config)
    }
}

pub(crate) fn unload() -> anyhow::Result<Outcome> {
    say(if toa_bpf::unload()? {
        "unloaded\n"
    } else {
        "nothing was loaded\n"
    })?;
    Ok(Outcome::Healthy)
}
