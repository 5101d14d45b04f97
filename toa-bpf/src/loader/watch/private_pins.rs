//! A BPF file system that nobody else sees and that goes with its descriptor: maps are
//! handed over by path, and a killed watcher must leave nothing behind.
#![expect(
    unsafe_code,
    reason = "fsopen(2), fsconfig(2) and fsmount(2) have no safe wrapper"
)]

use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::path::PathBuf;

const FSOPEN_CLOEXEC: libc::c_uint = 1;
const FSCONFIG_CMD_CREATE: libc::c_uint = 6;
const FSMOUNT_CLOEXEC: libc::c_uint = 1;
const NO_ATTRIBUTES: libc::c_uint = 0;

#[derive(Debug)]
pub(crate) struct PrivatePins(OwnedFd);

impl PrivatePins {
    /// Mounts it nowhere.
    pub(crate) fn mount() -> io::Result<Self> {
        // SAFETY: the name is NUL-terminated and outlives the call.
        let context = unsafe { libc::syscall(libc::SYS_fsopen, c"bpf".as_ptr(), FSOPEN_CLOEXEC) };
        let context = owned(context)?;
        let null = std::ptr::null::<libc::c_char>();
        // SAFETY: the command takes neither key nor value.
        let created = unsafe {
            libc::syscall(
                libc::SYS_fsconfig,
                context.as_raw_fd(),
                FSCONFIG_CMD_CREATE,
                null,
                null,
                0,
            )
        };
        if created < 0 {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: the call takes no pointer.
        let mount = unsafe {
            libc::syscall(
                libc::SYS_fsmount,
                context.as_raw_fd(),
                FSMOUNT_CLOEXEC,
                NO_ATTRIBUTES,
            )
        };
        owned(mount).map(Self)
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        format!("/proc/self/fd/{}/{name}", self.0.as_raw_fd()).into()
    }
}

fn owned(fd: libc::c_long) -> io::Result<OwnedFd> {
    if fd < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: the kernel has just opened this descriptor for us alone.
    Ok(unsafe { OwnedFd::from_raw_fd(fd as libc::c_int) })
}
