//! Cgroups as operators name them, and those that a restart takes away.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Context;

/// The word for the cgroup of this very command.
const SELF: &str = "self";
/// systemd's control processes of a unit with Delegate= are one level below the unit.
const CONTROL: &str = ".control";

/// A path, or the word `self`.
pub(crate) fn resolve(path: &Path) -> anyhow::Result<PathBuf> {
    if path != Path::new(SELF) {
        return Ok(path.to_owned());
    }
    let own = own().context("cannot find the cgroup of this process below a cgroup2 mount")?;
    match own.parent() {
        Some(unit) if own.ends_with(CONTROL) => Ok(unit.to_owned()),
        _ => Ok(own),
    }
}

fn own() -> Option<PathBuf> {
    let cgroups = fs::read_to_string("/proc/self/cgroup").ok()?;
    let own = cgroups.lines().find_map(|line| line.strip_prefix("0::/"))?;
    ["/sys/fs/cgroup/unified", "/sys/fs/cgroup"]
        .into_iter()
        .map(Path::new)
        .find(|root| root.join("cgroup.procs").exists())
        .map(|root| root.join(own))
}

/// systemd removes the cgroup of a service or scope that ends, and a restart makes another:
/// a source on it covers nothing from then on. What runs inside is started at each start.
pub(crate) fn check_survives_restart(path: &Path) -> anyhow::Result<()> {
    let path = path.canonicalize().unwrap_or_else(|_| path.to_owned());
    if !ends_with_its_unit(&path) || own().is_some_and(|own| own.starts_with(&path)) {
        return Ok(());
    }
    let parent = path.parent().unwrap_or(Path::new("/"));
    anyhow::bail!(
        "{}
or cover what it is in, which stays: --cgroup {}
or say --until-restart",
        cover_at_each_start(&path),
        parent.display()
    )
}

/// What to do for a unit whose cgroup ends with it.
pub(crate) fn cover_at_each_start(path: &Path) -> String {
    let unit = path.file_name().unwrap_or_default().display();
    format!(
        "{} is removed when {unit} stops, and with it the source: a restart would not be covered. Cover \
         it at each start, with a drop-in (systemctl edit {unit}) of
  [Service]
  ExecStartPre=+/usr/bin/toa load --cgroup self --trust NETWORK",
        path.display()
    )
}

/// Whether systemd removes this cgroup together with its unit.
pub(crate) fn ends_with_its_unit(path: &Path) -> bool {
    let extension = path.extension().and_then(|extension| extension.to_str());
    matches!(extension, Some("service" | "scope"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_that_end_are_told_from_what_stays() {
        for (path, ends) in [
            ("/sys/fs/cgroup/system.slice/nginx.service", true),
            ("/sys/fs/cgroup/system.slice/docker-0a1b.scope", true),
            ("/sys/fs/cgroup/system.slice", false),
            ("/sys/fs/cgroup", false),
            ("/sys/fs/cgroup/made-by-hand", false),
        ] {
            assert_eq!(ends_with_its_unit(Path::new(path)), ends, "{path}");
        }
    }

    #[test]
    fn a_service_is_refused_with_the_drop_in_and_its_slice() {
        let error = check_survives_restart(Path::new("/c/system.slice/nginx.service"));
        let said = error.unwrap_err().to_string();
        for words in [
            "nginx.service stops",
            "systemctl edit nginx.service",
            "ExecStartPre=+/usr/bin/toa load --cgroup self",
            "--cgroup /c/system.slice",
            "--until-restart",
        ] {
            assert!(said.contains(words), "{words}: {said}");
        }
    }
}
