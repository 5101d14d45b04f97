//! What an operator decides.

use std::path::PathBuf;

use toa_core::{OptionFormats, TrustedPeers};

/// How the source behaves.
///
/// ```
/// use toa_bpf::Config;
///
/// let balancers = "10.1.0.0/16,fd00::/8".parse()?;
/// let config = Config::new(balancers).with_formats("toa,cip".parse()?);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Config {
    /// Whose option is believed: the balancers, and nobody else who could write one.
    pub trusted: TrustedPeers,
    /// How the balancers write the client's address. Default: `toa`.
    pub formats: OptionFormats,
    /// Whether getpeername() and accept() show the client. Default: they do.
    pub peername: bool,
    /// Whether options are believed that no balancer can have put there. Default: not.
    pub insecure_believe_implausible: bool,
    /// The cgroup whose services the source covers. Default: the root, so every
    /// process and container of the host.
    pub cgroup: Option<PathBuf>,
}

impl Config {
    /// Believes these peers. There is no default: only the operator knows where the
    /// balancers are, and [`TrustedPeers::private`] believes a whole network.
    #[must_use]
    pub fn new(trusted: TrustedPeers) -> Self {
        Self {
            trusted,
            formats: OptionFormats::default(),
            peername: true,
            insecure_believe_implausible: false,
            cgroup: None,
        }
    }

    /// Believes these peers instead.
    #[must_use]
    pub fn with_trusted(mut self, trusted: TrustedPeers) -> Self {
        self.trusted = trusted;
        self
    }

    /// Reads these formats.
    #[must_use]
    pub fn with_formats(mut self, formats: OptionFormats) -> Self {
        self.formats = formats;
        self
    }

    /// Lets getpeername() and accept() show the client, or not.
    #[must_use]
    pub fn with_peername(mut self, peername: bool) -> Self {
        self.peername = peername;
        self
    }

    /// Believes an option also when the rest of the segment's option list left a
    /// balancer no room for its own: whoever is behind the balancer can then fill the
    /// list and name any client. For a balancer that writes into full lists.
    #[must_use]
    pub fn with_insecure_believe_implausible(mut self, believe: bool) -> Self {
        self.insecure_believe_implausible = believe;
        self
    }

    /// Covers this cgroup (a directory of the cgroup v2 hierarchy) and those below.
    #[must_use]
    pub fn with_cgroup(mut self, cgroup: impl Into<PathBuf>) -> Self {
        self.cgroup = Some(cgroup.into());
        self
    }
}
