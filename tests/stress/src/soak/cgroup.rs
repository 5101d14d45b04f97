//! A cgroup of the servers' own, so that nothing else on the host sees the source.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context;

#[derive(Debug)]
pub(crate) struct Cgroup(PathBuf);

impl Cgroup {
    pub(crate) fn create() -> anyhow::Result<Self> {
        let mounts = fs::read_to_string("/proc/self/mounts")?;
        let root = mounts
            .lines()
            .find_map(|line| match *line.split(' ').collect::<Vec<_>>() {
                [_, dir, "cgroup2", ..] => Some(Path::new(dir)),
                _ => None,
            })
            .context("no cgroup v2 hierarchy is mounted: mount one with `mount -t cgroup2`")?;
        let path = root.join(format!("toa-soak-{}", std::process::id()));
        fs::create_dir(&path)
            .with_context(|| format!("cannot make {}: run as root", path.display()))?;
        Ok(Self(path))
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Cgroup {
    fn drop(&mut self) {
        // The last process may need a moment to leave.
        for _ in 0..50 {
            if fs::remove_dir(&self.0).is_ok() {
                return;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        eprintln!("cannot remove {}: rmdir it", self.0.display());
    }
}
