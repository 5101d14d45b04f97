//! Kernels before 5.11 charge maps and programs to RLIMIT_MEMLOCK.

use super::{host, sys};

/// Puts the limit back when dropped: it is the whole process's.
#[derive(Debug)]
pub(crate) struct Memlock(Option<(u64, u64)>);

impl Memlock {
    /// A limit that cannot be raised stays: it may be enough.
    pub(crate) fn raise() -> Self {
        if host::kernel_version() >= Some((5, 11)) {
            return Self(None);
        }
        let unlimited = (libc::RLIM_INFINITY, libc::RLIM_INFINITY);
        let before = sys::memlock().ok().filter(|&before| before != unlimited);
        Self(before.filter(|_| sys::set_memlock(unlimited).is_ok()))
    }
}

impl Drop for Memlock {
    fn drop(&mut self) {
        if let Some(before) = self.0 {
            let _ = sys::set_memlock(before);
        }
    }
}
