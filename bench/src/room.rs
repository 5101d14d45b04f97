//! Where servers are measured: a network namespace, and a cgroup for those that the
//! eBPF source covers. Both go with the measurement, also when it is interrupted.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, Once, PoisonError};
use std::thread::sleep;
use std::time::Duration;

use anyhow::Context as _;
use nix::sched::{CpuSet, sched_getaffinity, sched_setaffinity};
use nix::unistd::Pid;
use toa_bpf::{Attached, Config};
use toa_core::TrustedPeers;
use toa_lab::netns::Namespace;

/// The namespace of this thread and of the servers it starts, and the one processor of
/// both: whatever a connection costs on either side then shows in the rate, and no
/// scheduler's choice.
#[derive(Debug)]
pub(crate) struct Room {
    cgroup: PathBuf,
    processors: CpuSet,
    _namespace: Namespace,
}

const THIS_THREAD: Pid = Pid::from_raw(0);

/// Cgroups to remove when the program is interrupted.
static CGROUPS: Mutex<Vec<PathBuf>> = Mutex::new(Vec::new());

/// Removes this cgroup, too, when the program is interrupted; other processes in it end.
pub(crate) fn remove_at_interrupt(cgroup: PathBuf) -> anyhow::Result<()> {
    remove_when_interrupted()?;
    let mut cgroups = CGROUPS.lock().unwrap_or_else(PoisonError::into_inner);
    cgroups.push(cgroup);
    Ok(())
}

impl Room {
    pub(crate) fn enter() -> anyhow::Result<Self> {
        remove_when_interrupted()?;
        let namespace =
            Namespace::enter().context("cannot make a network namespace: run as root")?;
        let root = cgroup_root()?;
        let number = CGROUPS.lock().unwrap_or_else(PoisonError::into_inner).len();
        let cgroup = root.join(format!("toa-bench-servers-{}-{number}", std::process::id()));
        fs::create_dir(&cgroup).with_context(|| format!("cannot make {}", cgroup.display()))?;
        let mut cgroups = CGROUPS.lock().unwrap_or_else(PoisonError::into_inner);
        cgroups.push(cgroup.clone());
        // What the clients' connections wait in.
        fs::write("/proc/sys/net/core/somaxconn", "4096")?;
        let processors = sched_getaffinity(THIS_THREAD)?;
        let last = (0..CpuSet::count()).rfind(|&number| processors.is_set(number) == Ok(true));
        let mut one = CpuSet::new();
        one.set(last.context("no processor to run on")?)?;
        sched_setaffinity(THIS_THREAD, &one)?;
        Ok(Self {
            cgroup,
            processors,
            _namespace: namespace,
        })
    }

    /// The cgroup that the source covers.
    pub(crate) fn cgroup(&self) -> &Path {
        &self.cgroup
    }

    /// The eBPF source, for the servers in the cgroup alone, until it is dropped.
    pub(crate) fn attach(&self) -> anyhow::Result<Attached> {
        let config = Config::new(TrustedPeers::private()).with_cgroup(&self.cgroup);
        toa_bpf::attach(&config).context("cannot attach the eBPF source")
    }
}

impl Drop for Room {
    fn drop(&mut self) {
        if let Err(error) = sched_setaffinity(THIS_THREAD, &self.processors) {
            eprintln!("cannot go back to all processors: {error}");
        }
        if let Err(error) = remove(&self.cgroup) {
            eprintln!("cannot remove {}: {error}", self.cgroup.display());
        }
    }
}

pub(crate) fn cgroup_root() -> anyhow::Result<PathBuf> {
    let mounts = fs::read_to_string("/proc/self/mounts")?;
    let mut mounts = mounts.lines().map(|line| line.split(' '));
    mounts
        .find_map(|mut fields| {
            let directory = fields.nth(1)?;
            (fields.next()? == "cgroup2").then(|| PathBuf::from(directory))
        })
        .context("no cgroup v2 here: `mount -t cgroup2 none DIRECTORY`")
}

/// Ends what is in a cgroup, and the cgroup.
fn remove(cgroup: &Path) -> io::Result<()> {
    fs::write(cgroup.join("cgroup.kill"), "1")?;
    for _ in 0..100 {
        if fs::remove_dir(cgroup).is_ok() {
            return Ok(());
        }
        sleep(Duration::from_millis(20));
    }
    fs::remove_dir(cgroup)
}

fn remove_when_interrupted() -> anyhow::Result<()> {
    static ONCE: Once = Once::new();
    let mut outcome = Ok(());
    ONCE.call_once(|| {
        outcome = ctrlc::set_handler(|| {
            let cgroups = CGROUPS.lock().unwrap_or_else(PoisonError::into_inner);
            for cgroup in cgroups.iter().filter(|cgroup| cgroup.exists()) {
                // This process may be in it.
                let outside = cgroup.with_file_name("cgroup.procs");
                let _ = fs::write(outside, std::process::id().to_string());
                let _ = remove(cgroup);
            }
            std::process::exit(130);
        });
    });
    Ok(outcome?)
}
