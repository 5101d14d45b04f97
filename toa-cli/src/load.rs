//! `toa load` and `toa unload`.

use std::path::PathBuf;

use toa_bpf::Loaded;
use toa_core::{OptionKinds, TrustedPeers};

use crate::output::{Outcome, say};
use crate::status::STRANGERS_ARE_TRUSTED;

const HOW_TO_CHOOSE: &str = "\
whose TOA options are to be believed? Nobody has a default for that:
  --trust 100.125.0.0/16   the networks that your balancer sends from, the right answer
  --trust private          every machine, pod and tenant in private address space can then
                           name any client, and so can a stranger whose connection passes
                           a hop in it that rewrites the sender (kube-proxy's masquerade,
                           a NAT gateway): such a hop hands his option on";

/// Loading again with other settings replaces the old ones; open connections keep
/// their addresses, and no new one loses its.
#[derive(Debug, clap::Args)]
pub(crate) struct Load {
    /// The balancer's networks, whose TOA options are believed, such as 100.125.0.0/16;
    /// repeat it for more. Also `private` (10/8, 172.16/12, 192.168/16, 100.64/10, fc00::/7),
    /// `link-local` and `loopback`, together with networks; `any` and `none` alone
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
        let warning = match config.trusted.includes_strangers() {
            true => format!("! {STRANGERS_ARE_TRUSTED}\n"),
            false => String::new(),
        };
        say(format_args!(
            "{loaded}, for {scope}\n\
             trusts {}\n\
             reads option kinds {}\n\
             it stays until `toa unload` or a reboot; `toa status` watches it\n\
             {warning}",
            config.trusted, config.kinds
        ))?;
        Ok(Outcome::Healthy)
    }

    fn config(self) -> anyhow::Result<toa_bpf::Config> {
        if self.trust.is_empty() {
            anyhow::bail!(HOW_TO_CHOOSE);
        }
        let trusted = self.trust.join(",").parse::<TrustedPeers>()?;
        let mut config = toa_bpf::Config::new(trusted).with_peername(!self.no_peername);
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
