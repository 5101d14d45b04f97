//! `toa load` and `toa unload`.

use std::path::{Path, PathBuf};

use toa_bpf::{Config, Loaded, Pins, Scope, Status};
use toa_core::{OptionFormats, TrustedPeers};

use crate::cgroup;
use crate::diff::{differences, is_of_a_unit, not_in};
use crate::output::{Outcome, complain, say};
use crate::settings::{self, Settings};
use crate::status::{STRANGERS_ARE_TRUSTED, lifetime, scope};
use crate::stop::Stop;
use crate::vendor::Vendor;

const HOW_TO_CHOOSE: &str = "\
whose TOA options are to be believed? Nobody has a default for that:
  --trust 100.125.0.0/16   the networks that your balancer sends from, the right answer
  --trust private          every machine, pod and tenant in private address space can then
                           name any client, and so can a stranger whose connection passes
                           a hop in it that rewrites the sender (kube-proxy's masquerade,
                           a NAT gateway): such a hop hands his option on
or write it into /etc/toa/toa.toml, which `toa load` alone reads";

/// Load the eBPF source; on the host it stays until `toa unload` or a reboot
///
/// Without options it loads all sources of the settings file; where there is no such file, a
/// loaded source keeps its settings. Loading again replaces the settings. Open connections
/// keep their addresses, and no new one loses its. Sources of other cgroups stay: where
/// cgroups lie in each other, the closest source counts.
#[derive(Debug, clap::Args)]
pub(crate) struct Load {
    /// The settings file
    #[arg(long, value_name = "FILE", default_value = settings::DEFAULT)]
    settings: PathBuf,
    /// The balancer's networks, whose TOA options are believed, such as 100.125.0.0/16;
    /// repeat it for more. Also `private` (10/8, 172.16/12, 192.168/16, 100.64/10, fc00::/7),
    /// `link-local` and `loopback`, together with networks; `any` and `none` alone
    #[arg(long, value_name = "CIDR")]
    trust: Vec<String>,
    /// How the balancers write the client's address: toa, vtoa, cip, ttgw or toa@KIND; repeat
    /// it for more [default: toa]
    #[arg(long, value_name = "NAME")]
    format: Vec<String>,
    /// The formats of this vendor's balancers. It trusts nobody: without --trust it tells
    /// which addresses the vendor documents for them
    #[arg(long, value_enum, value_name = "NAME", conflicts_with = "format")]
    vendor: Option<Vendor>,
    /// Leave the balancer's address in getpeername() and accept(), so that address rules of
    /// covered programs (nginx allow and deny, pg_hba.conf, sshd, HAProxy's expect-proxy) see
    /// whom they saw before; programs then ask for the client
    #[arg(long)]
    no_peername: bool,
    /// Believe an option also where the rest of the list left the balancer no room for
    /// its own: whoever is behind the balancer can then name any client
    #[arg(long)]
    insecure_believe_implausible: bool,
    /// Cover the services of this cgroup only, such as /sys/fs/cgroup/system.slice, or `self`,
    /// the cgroup of this command: for ExecStartPre=+ of a service [default: the whole host]
    #[arg(long, value_name = "PATH")]
    cgroup: Option<PathBuf>,
    /// Cover a service that runs, until it restarts
    #[arg(long, requires = "cgroup")]
    until_restart: bool,
    /// Pin to this directory of another BPF file system than the host's, with which the
    /// source then goes; to `unload` and `status` the same
    #[arg(long, value_name = "DIR")]
    pins: Option<PathBuf>,
    /// Run on until a signal, for a container; the source stays loaded after that
    #[arg(long)]
    stay: bool,
}

impl Load {
    pub(crate) fn run(self) -> anyhow::Result<Outcome> {
        and_stay(self.stay, || self.load())
    }

    fn load(&self) -> anyhow::Result<Outcome> {
        let pins = pins(self.pins.as_deref());
        let settings = match self.settings.try_exists() {
            Ok(false) if self.settings == Path::new(settings::DEFAULT) => None,
            _ => Some(Settings::read(&self.settings)),
        };
        match settings {
            Some(settings) if self.says_nothing() => load_all(&settings?, &pins),
            settings => self.load_by_hand(&pins, settings),
        }
    }

    fn says_nothing(&self) -> bool {
        self.sets_nothing() && self.cgroup.is_none()
    }

    fn sets_nothing(&self) -> bool {
        self.trust.is_empty()
            && self.format.is_empty()
            && self.vendor.is_none()
            && !self.no_peername
            && !self.insecure_believe_implausible
    }

    fn load_by_hand(
        &self,
        pins: &Pins,
        settings: Option<anyhow::Result<Settings>>,
    ) -> anyhow::Result<Outcome> {
        let cgroup = self.cgroup.as_deref().map(cgroup::resolve).transpose()?;
        let before = loaded_for(pins, cgroup.as_deref());
        let config = self.config(cgroup.as_deref(), before.as_ref())?;
        if let Some(path) = &cgroup
            && !self.until_restart
        {
            cgroup::check_survives_restart(path)?;
        }
        say(load(&config, pins, before.as_ref())?)?;
        if let Some(settings) = settings {
            say(against_file(&self.settings, &settings, &config, pins))?;
        }
        Ok(Outcome::Healthy)
    }

    fn config(&self, cgroup: Option<&Path>, before: Option<&Status>) -> anyhow::Result<Config> {
        let mut config = match before {
            Some(before) if self.sets_nothing() => before.config(),
            _ if self.trust.is_empty() => match self.vendor {
                Some(vendor) => anyhow::bail!("{HOW_TO_CHOOSE}\n{}", vendor.documented()),
                None => anyhow::bail!(HOW_TO_CHOOSE),
            },
            _ => Config::new(self.trust.join(",").parse::<TrustedPeers>()?)
                .with_peername(!self.no_peername)
                .with_insecure_believe_implausible(self.insecure_believe_implausible),
        };
        if !self.format.is_empty() {
            config = config.with_formats(self.format.join(",").parse::<OptionFormats>()?);
        }
        if let Some(vendor) = self.vendor {
            config = config.with_formats(vendor.formats());
        }
        if let Some(cgroup) = cgroup {
            config = config.with_cgroup(cgroup);
        }
        Ok(config)
    }
}

/// Nothing is waited for after a failure: whoever started the container must see it.
fn and_stay(stay: bool, work: impl FnOnce() -> anyhow::Result<Outcome>) -> anyhow::Result<Outcome> {
    let stop = stay.then(Stop::prepare).transpose()?;
    let outcome = work()?;
    if let (Some(stop), Outcome::Healthy) = (stop, outcome) {
        stop.wait();
    }
    Ok(outcome)
}

fn pins(dir: Option<&Path>) -> Pins {
    dir.map_or_else(Pins::default, Pins::at)
}

/// One that cannot be loaded keeps no other from being loaded.
fn load_all(settings: &Settings, pins: &Pins) -> anyhow::Result<Outcome> {
    let mut outcome = Outcome::Healthy;
    for source in &settings.sources {
        let before = loaded_for(pins, source.config.cgroup.as_deref());
        match load(&source.config, pins, before.as_ref()) {
            Ok(report) => say(format_args!("{}: {report}", source.name))?,
            Err(error) => {
                complain(format_args!("toa: {}: {error:#}\n", source.name));
                outcome = Outcome::Error;
            }
        }
    }
    say(not_in(settings, &pins.status().unwrap_or_default()))?;
    Ok(outcome)
}

fn load(config: &Config, pins: &Pins, before: Option<&Status>) -> anyhow::Result<String> {
    let loaded = pins.load(config)?;
    let after = loaded_for(pins, config.cgroup.as_deref());
    Ok(report(loaded, config, before, after.as_ref()))
}

/// What the settings file says about a source that was loaded by hand.
fn against_file(
    path: &Path,
    settings: &anyhow::Result<Settings>,
    config: &Config,
    pins: &Pins,
) -> String {
    let path = path.display();
    let settings = match settings {
        Ok(settings) => settings,
        Err(error) => return format!("! {error:#}\n"),
    };
    let loaded = loaded_for(pins, config.cgroup.as_deref());
    let named = settings.sources.iter().find(|source| {
        let cgroup = source.config.cgroup.as_deref();
        loaded
            .as_ref()
            .is_some_and(|loaded| find([loaded], cgroup).is_some())
    });
    match named {
        Some(source) => differences(&source.config, config)
            .iter()
            .map(|difference| {
                let name = &source.name;
                format!("! differs from {name} in {path}, which counts again from the next `toa load` or boot: {difference}\n")
            })
            .collect(),
        // What a unit loads at each start is not lost at a boot.
        None if is_of_a_unit(config.cgroup.as_deref()) => String::new(),
        None => format!("! not in {path}: gone after a reboot\n"),
    }
}

/// `None` also when the kernel does not tell, which the load says itself.
fn loaded_for(pins: &Pins, cgroup: Option<&Path>) -> Option<Status> {
    find(&pins.status().ok()?, cgroup).cloned()
}

/// The source of this cgroup, or of the whole host.
pub(crate) fn find<'a>(
    loaded: impl IntoIterator<Item = &'a Status>,
    cgroup: Option<&Path>,
) -> Option<&'a Status> {
    let wanted = cgroup.map(|path| path.canonicalize().unwrap_or_else(|_| path.to_owned()));
    loaded.into_iter().find(|source| match &wanted {
        None => source.scope == Scope::Host,
        // The cgroup of a service that restarts is another one of the same name.
        Some(_) => source.cgroup == wanted,
    })
}

fn report(
    loaded: Loaded,
    config: &Config,
    before: Option<&Status>,
    after: Option<&Status>,
) -> String {
    let loaded = match loaded {
        Loaded::Replaced => "loaded, in the place of another",
        _ => "loaded",
    };
    let scope = match &config.cgroup {
        Some(path) => path.display().to_string(),
        None => "the whole host".to_owned(),
    };
    let old = before.map(Status::config);
    // A setting, and what it was where it is another now.
    let setting = |of: &dyn Fn(&Config) -> String| {
        let (now, old) = (of(config), old.as_ref().map(of));
        match old.filter(|old| *old != now) {
            Some(old) => format!("{now} (before: {old})"),
            None => now,
        }
    };
    let stays = match after {
        Some(source) => format!("it stays {}; `toa status` watches it\n", lifetime(source)),
        None => String::new(),
    };
    let believes = |config: &Config| config.insecure_believe_implausible;
    let implausible = if believes(config) || old.as_ref().is_some_and(believes) {
        let verdict = setting(&|config| match believes(config) {
            true => "believed".to_owned(),
            false => "refused".to_owned(),
        });
        format!("options that left the balancer no room for its own are {verdict}\n")
    } else {
        String::new()
    };
    let warning = match config.trusted.includes_strangers() {
        true => format!("! {STRANGERS_ARE_TRUSTED}\n"),
        false => String::new(),
    };
    format!(
        "{loaded}, for {scope}\n\
         trusts {}\n\
         reads formats {}\n\
         getpeername() and accept() show {}\n\
         {implausible}{stays}{warning}",
        setting(&|config| config.trusted.to_string()),
        setting(&|config| config.formats.to_string()),
        setting(&|config| peername(config.peername).to_owned()),
    )
}

fn peername(shows_client: bool) -> &'static str {
    if shows_client {
        "the client to every program in there: address rules (nginx allow and deny, pg_hba.conf, \
         sshd Match Address, HAProxy expect-proxy) now meet clients, not the balancer; \
         --no-peername leaves them the balancer"
    } else {
        "the balancer, as before; programs that ask get the client"
    }
}

/// Remove the eBPF sources that `toa load` left, or one of them
#[derive(Debug, clap::Args)]
pub(crate) struct Unload {
    /// Remove the source of this cgroup alone; also when the cgroup is gone
    #[arg(long, value_name = "PATH")]
    cgroup: Option<PathBuf>,
    /// The directory that was given to `toa load`
    #[arg(long, value_name = "DIR")]
    pins: Option<PathBuf>,
    /// Run on until a signal, for a container
    #[arg(long)]
    stay: bool,
}

impl Unload {
    pub(crate) fn run(&self) -> anyhow::Result<Outcome> {
        and_stay(self.stay, || self.unload())
    }

    fn unload(&self) -> anyhow::Result<Outcome> {
        let pins = pins(self.pins.as_deref());
        let unloaded = match &self.cgroup {
            Some(path) => pins.unload_cgroup(&cgroup::resolve(path)?)?,
            None => pins.unload()?,
        };
        match unloaded {
            true => say("unloaded\n")?,
            false => say(format_args!("nothing was loaded\n{}", others(&pins)))?,
        }
        Ok(Outcome::Healthy)
    }
}

/// The sources that this command cannot remove, for whoever expected that it would.
fn others(pins: &Pins) -> String {
    let sources = pins.sources().unwrap_or_default();
    sources
        .iter()
        .filter(|source| source.pins.is_none())
        .map(|source| {
            let (scope, stays) = (scope(source), lifetime(source));
            format!("another source, for {scope}, stays: {stays}\n")
        })
        .collect()
}
