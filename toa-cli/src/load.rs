//! `toa load` and `toa unload`.

use std::path::PathBuf;
use std::process::ExitCode;

use toa_bpf::Loaded;
use toa_core::{OptionKinds, TrustedPeers};

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
    /// Believe an option also where the rest of the list left the balancer no room for
    /// its own: whoever is behind the balancer can then name any client
    #[arg(long)]
    insecure_believe_implausible: bool,
    /// Cover the services of this cgroup only, such as
    /// /sys/fs/cgroup/system.slice/nginx.service [default: the whole host]
    #[arg(long, value_name = "PATH")]
    cgroup: Option<PathBuf>,
}

impl Load {
    pub(crate) fn run(self) -> anyhow::Result<ExitCode> {
        let config = self.config()?;
        let loaded = match toa_bpf::load(&config)? {
            Loaded::Replaced => "loaded, in the place of another",
            _ => "loaded",
        };
        let scope = match &config.cgroup {
            Some(path) => path.display().to_string(),
            None => "the whole host".to_owned(),
        };
        println!("{loaded}, for {scope}");
        println!("trusts {}", config.trusted);
        println!("reads option kinds {}", config.kinds);
        println!("it stays until `toa unload` or a reboot; `toa status` watches it");
        Ok(ExitCode::SUCCESS)
    }

    fn config(self) -> anyhow::Result<toa_bpf::Config> {
        let mut config = toa_bpf::Config::new()
            .with_peername(!self.no_peername)
            .with_insecure_believe_implausible(self.insecure_believe_implausible);
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

pub(crate) fn unload() -> anyhow::Result<ExitCode> {
    if toa_bpf::unload()? {
        println!("unloaded");
    } else {
        println!("nothing was loaded");
    }
    Ok(ExitCode::SUCCESS)
}
