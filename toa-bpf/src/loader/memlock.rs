//! Kernels before 5.11 charge maps and programs to RLIMIT_MEMLOCK.

use super::{host, sys};

/// Puts the limit back when dropped: it is the whole process's.
#[derive(Debug)]
pub(crate) struct Memlock(Option<(u64, u64)>);

impl Memlock {
    /// A limit that cannot be raised stays: it may be enough.
    pub(crate) fn raise() -> Self {
        if !Self::is_charged() {
            return Self(None);
        }
        let unlimited = (libc::RLIM_INFINITY, libc::RLIM_INFINITY);
        Self(
            sys::memlock()
                .ok()
                .filter(|_| sys::set_memlock(unlimited).is_ok()),
        )
    }

    /// Whether this kernel charges, and could refuse for that reason.
    pub(crate) fn is_charged() -> bool {
        host::kernel_version() < Some((5, 11))
            && sys::memlock().is_ok_and(|(now, _)| now != libc::RLIM_INFINITY)
    }
}

impl Drop for Memlock {
    fn drop(&mut self) {
        if let Some(before) = self.0 {
            let _ = sys::set_memlock(before);
        }
    }
}
