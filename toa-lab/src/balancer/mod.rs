//! The balancer on its device.

#[cfg(target_os = "linux")]
#[path = "linux.rs"]
mod sys;
#[cfg(not(target_os = "linux"))]
#[path = "unsupported.rs"]
mod sys;

use std::net::{IpAddr, SocketAddr};

use crate::config::BalancerConfig;
use crate::translate::Plan;
use crate::{Error, Stats};

/// A running balancer: a TUN device and a thread that translates what the
/// kernel sends there. Both end when this is dropped, and with the process
/// however that ends.
///
/// ```no_run
/// use toa_lab::{Balancer, BalancerConfig};
///
/// let balancer = Balancer::start(BalancerConfig::nat64_to(3000))?;
/// println!("curl -6 http://{}/", balancer.virtual_addr());
/// # Ok::<(), toa_lab::Error>(())
/// ```
#[derive(Debug)]
pub struct Balancer {
    plan: Plan,
    running: sys::Running,
}

impl Balancer {
    /// Makes the device in the calling thread's network namespace and starts.
    /// Takes some milliseconds and never waits for anyone, so async code may
    /// call it as it is.
    ///
    /// # Errors
    ///
    /// What is missing or in the way, and the cure.
    pub fn start(config: BalancerConfig) -> Result<Balancer, Error> {
        let (running, plan) = sys::Running::start(&config)?;
        Ok(Balancer { plan, running })
    }

    /// Where clients connect to.
    #[must_use]
    pub fn virtual_addr(&self) -> SocketAddr {
        self.plan.virtual_addr
    }

    /// Where the connections end, as the backend's socket sees it.
    #[must_use]
    pub fn backend(&self) -> SocketAddr {
        self.plan.backend
    }

    /// The addresses that the backend sees.
    #[must_use]
    pub fn pool(&self) -> &[IpAddr] {
        &self.plan.pool
    }

    /// The name of the device.
    #[must_use]
    pub fn device(&self) -> &str {
        self.running.device()
    }

    /// What was counted so far.
    #[must_use]
    pub fn stats(&self) -> Stats {
        self.running.stats()
    }
}
