//! What a loaded source tells about itself.

use std::path::PathBuf;

use ipnet::IpNet;
use serde::Serialize;
use toa_core::{OptionFormats, TrustedPeers};

use crate::{Config, Recent, Unread};

/// What a load found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Loaded {
    /// Nothing was loaded before.
    Fresh,
    /// An earlier load, whole or interrupted, whose place was taken.
    Replaced,
}

/// A loaded source, as the kernel describes it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Status {
    /// When its programs were loaded, in seconds since 1970.
    pub since: u64,
    /// The version of this crate that loaded them.
    pub version: String,
    /// What it covers.
    pub scope: Scope,
    /// The cgroup that it covers, or covered before that was removed, where it is known.
    pub cgroup: Option<PathBuf>,
    /// How long it stays.
    pub lifetime: Lifetime,
    /// The directory of its pins, if that is among those that were looked at.
    pub pins: Option<PathBuf>,
    /// Whether everybody's option is believed.
    pub trust_any: bool,
    /// Whose option is believed otherwise.
    pub trusted: Vec<IpNet>,
    /// How the balancers write the client's address.
    #[serde(serialize_with = "as_text")]
    pub formats: OptionFormats,
    /// Whether getpeername() and accept() show the client.
    pub peername: bool,
    /// Whether options are believed that no balancer can have put there.
    pub insecure_believe_implausible: bool,
    /// What was counted since the source was first loaded.
    pub counters: Counters,
    /// What came of the last minutes' connections.
    pub recent: Recent,
    /// Options that arrived and were not read, the most frequent first. Of many only some are
    /// remembered: they come from strangers.
    pub unread: Vec<Unread>,
    /// Its programs.
    pub programs: Vec<ProgramStatus>,
    /// Whether all programs are attached and of one load. A loader that was killed
    /// half way leaves this false; loading or unloading again puts it right.
    pub complete: bool,
}

/// What a source covers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Scope {
    /// Every process of the host, in containers too: the root of the hierarchy, whatever a
    /// cgroup namespace shows as its root.
    Host,
    /// A cgroup and those below.
    Cgroup,
    /// A cgroup that is not visible from here, as in a container with its own view.
    Hidden,
    /// Nothing any more: the cgroup was removed, as at the restart of a service.
    Gone,
}

/// How long a source stays.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Lifetime {
    /// Until it is unloaded or the host boots: pinned in the host's BPF file system.
    Host,
    /// Until it is unloaded or the BPF file system of its pins is unmounted everywhere,
    /// which is not the host's, or not known to be.
    Mount,
    /// As long as this process.
    Process {
        /// Its number.
        id: u32,
        /// Its name.
        name: String,
    },
    /// Not known: the source is pinned, or held, where this process cannot look.
    Unknown,
}

impl Status {
    /// The settings, as they were given to the load.
    #[must_use]
    pub fn config(&self) -> Config {
        let trusted = match self.trust_any {
            true => TrustedPeers::insecure_any(),
            false => self.trusted.iter().copied().collect(),
        };
        let config = Config::new(trusted)
            .with_formats(self.formats.clone())
            .with_peername(self.peername)
            .with_insecure_believe_implausible(self.insecure_believe_implausible);
        match (&self.cgroup, self.scope) {
            (Some(cgroup), Scope::Cgroup | Scope::Gone) => config.with_cgroup(cgroup),
            _ => config,
        }
    }

    /// Whether this very version of the crate loaded it.
    #[must_use]
    pub fn is_current(&self) -> bool {
        self.version == env!("CARGO_PKG_VERSION")
    }
}

/// `toa,cip`, as it is given to a load.
fn as_text<S: serde::Serializer>(
    formats: &OptionFormats,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    serializer.collect_str(formats)
}

/// One attached program; the numbers are those that `bpftool` shows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct ProgramStatus {
    /// Its name in the kernel.
    pub name: &'static str,
    /// Its number.
    pub program_id: u32,
    /// The number of the link that attaches it.
    pub link_id: u32,
}

/// A program that is attached to a cgroup, of whomever.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct CgroupProgram {
    /// The cgroup.
    pub cgroup: PathBuf,
    /// Where it is attached, as bpftool names it, such as `cgroup/getsockopt`.
    pub hook: &'static str,
    /// Its name in the kernel.
    pub name: String,
    /// Its number.
    pub id: u32,
}

macro_rules! counters {
    ($($(#[$doc:meta])* $name:ident,)*) => {
        /// What the source counted, over all CPUs. The names are those that operators
        /// know from the modules' /proc/net/toa_stats.
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
        #[non_exhaustive]
        pub struct Counters { $($(#[$doc])* pub $name: u64,)* }

        impl Counters {
            /// Names and values in the order of the kernel side.
            pub fn iter(&self) -> impl Iterator<Item = (&'static str, u64)> {
                [$((stringify!($name), self.$name),)*].into_iter()
            }

            /// How many there are.
            #[cfg(all(target_os = "linux", target_endian = "little"))]
            pub(crate) const COUNT: u32 = [$(stringify!($name)),*].len() as u32;

            /// From the values in the order of `enum toa_counter`.
            #[cfg(all(target_os = "linux", target_endian = "little"))]
            pub(crate) fn from_values(mut values: impl Iterator<Item = u64>) -> Self {
                let counted = Self { $($name: values.next().unwrap_or_default(),)* };
                // Each address that is kept is one of a new connection.
                Self { ip6_address_alloc: counted.syn_recv_sock_toa, ..counted }
            }
        }
    };
}

counters! {
    /// Passive opens that brought a client's address.
    syn_recv_sock_toa,
    /// Passive opens without one, for whatever reason.
    syn_recv_sock_no_toa,
    /// getpeername() and accept() that showed the client.
    getname_toa_ok,
    /// Those that could not: an IPv6 client on an AF_INET socket.
    getname_toa_mismatch,
    /// Those that could have, with rewriting switched off.
    getname_toa_bypass,
    /// Those on a connection without a client's address.
    getname_toa_empty,
    /// Addresses kept, of both families.
    ip6_address_alloc,
    /// Addresses whose connection closed, of both families. A program that replaces
    /// a socket's BPF callbacks instead of adding to them makes this count too low.
    ip6_address_free,
    /// Options refused because the peer is not trusted.
    untrusted,
    /// Options refused because they are malformed, or for their address or version.
    invalid,
    /// Addresses lost because the kernel had no memory for them.
    store_failed,
    /// Options refused because the rest of the list left a balancer no room for its own.
    implausible,
    /// Options of a known kind with a length of no known format.
    foreign,
    /// Connections without an option to which a trusted peer sent one later.
    late,
    /// Passive opens without an option of a known kind.
    not_sent,
}
