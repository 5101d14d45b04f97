//! A source that lives with its process.

use std::io;
use std::os::fd::{AsFd, OwnedFd};

use super::hooks::{HOOKS, Hook};
use super::host::{self, Cgroup};
use super::object::Object;
use super::{holder, obstacle, status, sys};
use crate::{Config, Error, Status};

/// A source that answers until this is dropped or the process ends, however it
/// ends: nothing but its descriptors holds it.
#[derive(Debug)]
#[must_use = "the source is gone when this is dropped"]
pub struct Attached {
    links: Vec<OwnedFd>,
}

/// Attaches a source for as long as the answer lives.
///
/// # Errors
/// When the host lacks something; the error says what, and the cure.
pub fn attach(config: &Config) -> Result<Attached, Error> {
    host::check()?;
    host::check_no_other_source()?;
    let cgroup = match &config.cgroup {
        Some(path) => Cgroup::open(path)?,
        None => Cgroup::root()?,
    };
    let object = Object::load(config, None)?;
    let links = HOOKS
        .iter()
        .map(|&hook| attach_hook(&object, hook, &cgroup))
        .collect::<Result<_, _>>()?;
    Ok(Attached { links })
}

impl Attached {
    /// What it trusts, and what it counted.
    ///
    /// # Errors
    /// When the kernel does not tell: it needs the privileges that loading needs,
    /// and CAP_SYS_ADMIN.
    pub fn status(&self) -> Result<Status, Error> {
        let links: Vec<_> = HOOKS
            .into_iter()
            .zip(self.links.iter().map(AsFd::as_fd))
            .collect();
        status::of_links(&links).map(|status| Status {
            lifetime: holder::this_process(),
            ..status
        })
    }
}

pub(crate) fn attach_hook(object: &Object, hook: Hook, cgroup: &Cgroup) -> Result<OwnedFd, Error> {
    let program = object.program(hook.program)?;
    sys::link_create(program, cgroup.dir.as_fd(), hook.attach_type)
        .map_err(|source| attach_error(hook, cgroup, source))
}

pub(super) fn attach_error(hook: Hook, cgroup: &Cgroup, source: io::Error) -> Error {
    let obstacle = match source.raw_os_error() {
        Some(libc::EPERM) => obstacle::find(cgroup, hook.attach_type),
        _ => None,
    };
    match obstacle {
        Some(obstacle) => Error::AttachedExclusively {
            program: hook.program,
            cgroup: cgroup.path.clone(),
            holder: obstacle.program,
            held: obstacle.cgroup,
            source,
        },
        None => Error::Attach {
            program: hook.program,
            cgroup: cgroup.path.clone(),
            source,
        },
    }
}
