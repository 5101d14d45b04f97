//! Where servers are measured: a sandbox whose cgroup is for those that the eBPF source
//! covers, and one processor.

use std::sync::Once;

use anyhow::Context as _;
use nix::sched::{CpuSet, sched_getaffinity, sched_setaffinity};
use nix::unistd::Pid;
use toa_bpf::{Attached, Config};
use toa_core::TrustedPeers;
use toa_lab::{cgroup, sandbox};

/// The namespace of this thread and of the servers that it starts, and the one processor
/// that they share: whatever a connection costs on either side then shows in the rate, and
/// the scheduler has no choices to make.
#[derive(Debug)]
pub(crate) struct Sandbox {
    inner: sandbox::Sandbox,
    processors: CpuSet,
}

const THIS_THREAD: Pid = Pid::from_raw(0);

impl Sandbox {
    pub(crate) fn enter() -> anyhow::Result<Self> {
        let inner = enter()?;
        let processors = sched_getaffinity(THIS_THREAD)?;
        let last = (0..CpuSet::count()).rfind(|&number| processors.is_set(number) == Ok(true));
        let mut one = CpuSet::new();
        one.set(last.context("no processor to run on")?)?;
        sched_setaffinity(THIS_THREAD, &one)?;
        Ok(Self { inner, processors })
    }

    /// The cgroup that the source covers.
    pub(crate) fn cgroup(&self) -> &std::path::Path {
        self.inner.cgroup().path()
    }

    /// The eBPF source, for the servers in the cgroup alone, until it is dropped.
    pub(crate) fn attach(&self) -> anyhow::Result<Attached> {
        let config = Config::new(TrustedPeers::private()).with_cgroup(self.cgroup());
        toa_bpf::attach(&config).context("cannot attach the eBPF source")
    }
}

impl Drop for Sandbox {
    fn drop(&mut self) {
        if let Err(error) = sched_setaffinity(THIS_THREAD, &self.processors) {
            eprintln!("cannot go back to all processors: {error}");
        }
    }
}

/// A sandbox whose accept queues hold as many connections as a measurement
/// opens; its cgroups are removed at Ctrl-C too.
pub(crate) fn enter() -> anyhow::Result<sandbox::Sandbox> {
    static ONCE: Once = Once::new();
    let mut handled = Ok(());
    ONCE.call_once(|| {
        handled = ctrlc::set_handler(|| {
            cgroup::remove_all();
            std::process::exit(130);
        });
    });
    handled?;
    let sandbox = sandbox::Sandbox::enter()?;
    sandbox.sysctl("net/core/somaxconn", &BACKLOG.to_string())?;
    Ok(sandbox)
}

/// The longest accept queue.
pub(crate) const BACKLOG: i32 = 4096;
