//! Which process keeps a source alive that nobody has pinned.

use std::fs;
use std::path::Path;

use crate::Lifetime;

/// The process that has this link open, as far as this one may look.
pub(crate) fn of_link(id: u32) -> Option<Lifetime> {
    let line = format!("link_id:\t{id}");
    let processes = fs::read_dir("/proc").ok()?.flatten();
    processes
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
        .find(|&process: &u32| has_open(process, &line))
        .map(lifetime)
}

pub(crate) fn this_process() -> Lifetime {
    lifetime(std::process::id())
}

fn lifetime(id: u32) -> Lifetime {
    let name = fs::read_to_string(format!("/proc/{id}/comm")).unwrap_or_default();
    Lifetime::Process {
        id,
        name: name.trim_end().to_owned(),
    }
}

fn has_open(process: u32, line: &str) -> bool {
    let fds = fs::read_dir(Path::new("/proc").join(process.to_string()).join("fdinfo"));
    fds.into_iter().flatten().flatten().any(|fd| {
        fs::read_to_string(fd.path()).is_ok_and(|info| info.lines().any(|found| found == line))
    })
}
