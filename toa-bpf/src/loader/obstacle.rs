//! Which program of somebody else keeps ours from being attached.

use std::fs::File;
use std::os::fd::AsFd;
use std::path::PathBuf;

use super::host::Cgroup;
use super::sys;

/// What `hierarchy_allows_attach()` in the kernel stumbles over.
#[derive(Debug)]
pub(crate) struct Obstacle {
    pub(crate) cgroup: PathBuf,
    pub(crate) program: String,
}

/// Looks at the cgroup and at those above it, as far as they are visible from here.
pub(crate) fn find(cgroup: &Cgroup, attach_type: u32) -> Option<Obstacle> {
    let path = cgroup.path.canonicalize().ok()?;
    for (level, path) in path.ancestors().enumerate() {
        let dir = File::open(path).ok()?;
        // Above the mount of the hierarchy the call fails.
        let (flags, ids) = sys::query(dir.as_fd(), attach_type, false).ok()?;
        // A program that a cgroup below may override is in the way on its own cgroup alone.
        let shares =
            flags & sys::ALLOW_MULTI != 0 || (level > 0 && flags & sys::ALLOW_OVERRIDE != 0);
        if let Some(&id) = ids.first().filter(|_| !shares) {
            let name = sys::prog_info(id).map(|info| info.name).unwrap_or_default();
            return Some(Obstacle {
                cgroup: path.to_owned(),
                program: format!("{name} (id {id})").trim_start().to_owned(),
            });
        }
    }
    None
}
