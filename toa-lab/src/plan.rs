//! The configuration of a translator: addresses, option, bounds.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use toa_core::option::{MAX_OPTIONS_LEN, ToaOption};
use toa_core::{OptionFormat, OptionFormats, ParseOptionFormatsError};

use crate::flow::capacity;

/// What the SYN of every stack has.
const SEGMENT_SIZE_LEN: usize = 4;

/// How long a flow may be idle, by what state its connection is in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timeouts {
    /// Until the handshake is complete.
    pub handshake: Duration,
    /// Open in both directions (RFC 5382, REQ-5: at least 2 hours 4 minutes).
    pub established: Duration,
    /// One side has closed.
    pub half_closed: Duration,
    /// Both sides have closed, or one has reset.
    pub closed: Duration,
}

impl Default for Timeouts {
    fn default() -> Self {
        Timeouts {
            handshake: Duration::from_secs(30),
            established: Duration::from_secs(7440),
            half_closed: Duration::from_secs(240),
            closed: Duration::from_secs(60),
        }
    }
}

/// The configuration of a [`Translator`](crate::translate::Translator).
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Plan {
    /// Where clients connect to.
    pub virtual_addr: SocketAddr,
    /// Where their connections end.
    pub backend: SocketAddr,
    /// The addresses that the backend sees; of the backend's family.
    pub pool: Vec<IpAddr>,
    /// How to write the client's address, `toa` by default.
    pub option_format: OptionFormat,
    /// Whether the client's SYN carries the option too. Default: no.
    pub option_in_syn: bool,
    /// Whether what the client wrote under the kinds of known formats is passed on, and so is
    /// a segment that has no room for the balancer's option. Balancers in use do both
    /// (DPVS up to 1.9.4), and so a client can name any address. Default: no.
    pub insecure_client_options: bool,
    /// The longest packet the device carries, at least 1280. Default: 1500.
    pub mtu: u16,
    /// The bound of the flow table. Default: 65536.
    pub max_flows: usize,
    /// When idle flows end.
    pub timeouts: Timeouts,
    /// Which pool address comes first; for a running balancer a random number.
    pub seed: u64,
}

impl Plan {
    /// Translates connections to `virtual_addr` into connections to `backend`
    /// from addresses of `pool`.
    #[must_use]
    pub fn new(virtual_addr: SocketAddr, backend: SocketAddr, pool: Vec<IpAddr>) -> Plan {
        Plan {
            virtual_addr,
            backend,
            pool,
            option_format: OptionFormat::Toa,
            option_in_syn: false,
            insecure_client_options: false,
            mtu: 1500,
            max_flows: 65536,
            timeouts: Timeouts::default(),
            seed: 0,
        }
    }

    /// Says what cannot work.
    pub(crate) fn check(&self) -> Result<(), PlanError> {
        let backend = self.backend;
        if self.pool.is_empty() || self.pool.iter().any(|a| a.is_ipv4() != backend.is_ipv4()) {
            return Err(PlanError::Pool { backend });
        }
        if self.virtual_addr.port() == 0 || backend.port() == 0 {
            return Err(PlanError::Port);
        }
        let (max_flows, capacity) = (self.max_flows, capacity(self.pool.len()) - 1);
        if !(1..=capacity).contains(&max_flows) {
            return Err(PlanError::MaxFlows {
                max_flows,
                capacity,
            });
        }
        if self.mtu < 1280 {
            return Err(PlanError::Mtu(self.mtu));
        }
        OptionFormats::new([self.option_format])?;
        let Some(option_len) = self.option_len(self.virtual_addr) else {
            return Err(PlanError::Family(self.option_format));
        };
        if self.option_in_syn && option_len + SEGMENT_SIZE_LEN > MAX_OPTIONS_LEN {
            return Err(PlanError::Syn(self.option_format));
        }
        Ok(())
    }

    /// The option for this client.
    pub(crate) fn option(&self, client: SocketAddr) -> Option<ToaOption> {
        ToaOption::in_format(self.option_format, client, self.virtual_addr)
    }

    /// The length of the option for clients of this one's family.
    pub(crate) fn option_len(&self, client: SocketAddr) -> Option<usize> {
        self.option(client).map(|option| option.encode().len())
    }
}

/// A [`Plan`] that cannot work.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PlanError {
    /// No pool, or addresses of the wrong family in it.
    #[error(
        "the address pool must hold addresses of the backend's family ({backend}) and no other"
    )]
    Pool {
        /// The backend.
        backend: SocketAddr,
    },
    /// The table is larger than the pool, or empty.
    #[error(
        "max_flows is {max_flows}, but must lie between 1 and {capacity}, what the address pool carries"
    )]
    MaxFlows {
        /// What was asked for.
        max_flows: usize,
        /// What is possible.
        capacity: usize,
    },
    /// No port can be 0.
    #[error("port 0 is not a port that one can connect to")]
    Port,
    /// IPv6 needs at least 1280 bytes.
    #[error("the mtu is {0}, but must be at least 1280")]
    Mtu(u16),
    /// Its kind has a meaning of its own in TCP.
    #[error(transparent)]
    Format(#[from] ParseOptionFormatsError),
    /// It has no room for an IPv6 address.
    #[error("{0} cannot carry the address of an ipv6 client: choose another format")]
    Family(OptionFormat),
    /// It fills the option list.
    #[error(
        "{0} for an ipv6 client fills the option list, so no SYN has room for it: choose another format, or leave the SYN without"
    )]
    Syn(OptionFormat),
}
