//! Which programs are attached to the cgroups of this host, whoever they belong to.

use std::fs::{self, File};
use std::os::fd::AsFd;
use std::path::Path;

use super::hooks::HOOKS;
use super::{host, status, sys};
use crate::{CgroupProgram, Error};

/// As bpftool names the hooks, in their order.
const NAMES: [&str; HOOKS.len()] = [
    "cgroup/getsockopt",
    "cgroup/getpeername4",
    "cgroup/getpeername6",
    "sockops",
];

/// The programs on the hooks that a source uses, of everybody, cgroup by cgroup.
///
/// # Errors
/// When the kernel does not tell; it needs CAP_SYS_ADMIN and CAP_NET_ADMIN.
pub fn cgroup_programs() -> Result<Vec<CgroupProgram>, Error> {
    let root = host::cgroup2_root().ok_or(Error::NoCgroup2)?;
    let mut found = Vec::new();
    visit(&root, &mut found)?;
    Ok(found)
}

fn visit(path: &Path, found: &mut Vec<CgroupProgram>) -> Result<(), Error> {
    // It may be gone by now.
    let Ok(dir) = File::open(path) else {
        return Ok(());
    };
    for (hook, name) in HOOKS.iter().zip(NAMES) {
        let (_, ids) = sys::query(dir.as_fd(), hook.attach_type, false)
            .map_err(|error| status::lacks("CAP_NET_ADMIN", error))?;
        for id in ids {
            found.push(CgroupProgram {
                cgroup: path.to_owned(),
                hook: name,
                name: sys::prog_info(id).map_err(status::ask)?.name,
                id,
            });
        }
    }
    let entries = fs::read_dir(path).into_iter().flatten().flatten();
    for entry in entries.filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir())) {
        visit(&entry.path(), found)?;
    }
    Ok(())
}
