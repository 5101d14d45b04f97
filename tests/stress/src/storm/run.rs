//! One storm from beginning to end.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use fastrand::Rng;
use toa_bpf::{Attached, Config, attach};
use toa_core::TrustedPeers;
use toa_lab::peer::PeerDevice;
use toa_lab::sandbox::Sandbox;

use super::AddressPath;
use super::inject::Storm;
use super::listeners::Listener;
use super::report::Report;
use super::strangers::balancers;
use crate::balanced::forward;
use crate::kernel::{KernelLog, tcp_sockets, unreclaimable};

/// The device's queue holds 500 packets of the kernel's.
const DRAIN_EVERY: u64 = 128;

/// The settings of a storm.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// Segments to send.
    pub segments: u64,
    /// The same seed gives the same storm, as far as the kernel's own sequence
    /// numbers allow.
    pub seed: u64,
    /// Ordinary clients connect, and are checked, after every so many segments.
    pub check_every: u64,
    /// The balancers that should overwrite their clients' options do not, which the storm
    /// must notice.
    pub broken_balancers: bool,
}

/// Runs a storm. The process joins the sandbox's cgroup.
///
/// # Errors
/// What is missing, or what the storm has broken.
pub fn run(sandbox: &Sandbox, options: Options) -> Result<Report> {
    sandbox.cgroup().join()?;
    forward(sandbox)?;
    let device = PeerDevice::open()?;
    let mut log = KernelLog::open();
    let slab = unreclaimable()?;
    let source =
        attach(&Config::new(TrustedPeers::private()).with_cgroup(sandbox.cgroup().path()))?;
    let start = Instant::now();
    let mut storm = Storm::new(sandbox, &device, options)?;
    let sent = storm.send_all(options);
    let mut report = storm.end();
    sent.with_context(|| format!("after {} segments, seed {}", report.sent(), options.seed))?;
    report.elapsed = start.elapsed();
    check_balance(&source, &mut report)?;
    drop(source);
    report.slab = (slab, unreclaimable()?);
    report.complaints = log.complaints();
    ensure!(
        report.complaints.as_ref().is_none_or(Vec::is_empty),
        "the kernel complains: {:?}",
        report.complaints
    );
    Ok(report)
}

/// All connections are closed: no socket must be left, and the counters must add up.
fn check_balance(source: &Attached, report: &mut Report) -> Result<()> {
    ensure!(
        report.strays == 0,
        "{} connections came from peers that had seen no SYN-ACK",
        report.strays
    );
    let end = Instant::now() + Duration::from_secs(10);
    while tcp_sockets() > 0 && Instant::now() < end {
        std::thread::sleep(Duration::from_millis(10));
    }
    ensure!(tcp_sockets() == 0, "{} sockets are left", tcp_sockets());
    let counters = source.status()?.counters;
    report.counters = counters;
    let opened = counters.syn_recv_sock_toa + counters.syn_recv_sock_no_toa;
    ensure!(
        opened + report.unfinished == report.accepted
            && counters.syn_recv_sock_toa == report.with_address
            && counters.ip6_address_alloc == counters.syn_recv_sock_toa
            && counters.ip6_address_free == counters.ip6_address_alloc
            && counters.untrusted + counters.invalid <= counters.syn_recv_sock_no_toa
            && counters.store_failed == 0,
        "{} connections were accepted, {} with an address, but the source counts {counters:?}",
        report.accepted,
        report.with_address
    );
    Ok(())
}

impl<'d> Storm<'d> {
    fn new(sandbox: &'d Sandbox, device: &'d PeerDevice, options: Options) -> Result<Self> {
        let listeners = AddressPath::ALL.map(Listener::open);
        let listeners = listeners.into_iter().collect::<Result<Vec<_>>>()?;
        Ok(Self {
            balancers: balancers(&listeners, options.broken_balancers)?,
            sandbox,
            device,
            listeners,
            open: Vec::new(),
            rng: Rng::with_seed(options.seed),
            peers: 0,
            next_drain: DRAIN_EVERY,
            report: Report::default(),
        })
    }

    fn send_all(&mut self, options: Options) -> Result<()> {
        let mut next_check = 0;
        while self.report.sent() < options.segments {
            if self.report.sent() >= next_check {
                self.check_ordinary_clients()?;
                next_check += options.check_every;
            }
            self.inject_one()?;
            if self.report.sent() >= self.next_drain {
                self.device.drain()?;
                self.next_drain = self.report.sent() + DRAIN_EVERY;
            }
        }
        while let Some(open) = self.open.pop() {
            open.check()?;
        }
        self.check_ordinary_clients()
    }

    /// Closes all sockets.
    fn end(self) -> Report {
        self.report
    }

    fn check_ordinary_clients(&mut self) -> Result<()> {
        self.accept_strays()?;
        self.device.drain()?;
        for at in 0..self.listeners.len() {
            for with_option in [true, false] {
                self.peers += 1;
                self.listeners[at].check_client(self.device, self.peers, with_option)?;
                self.report.accepted += 1;
                self.report.with_address += u64::from(with_option);
                self.report.ordinary_clients += 1;
            }
        }
        Ok(())
    }
}
