//! Which errors of `accept()` concern one peer, and which the whole process.

use std::io;

/// What to do after `accept()` failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Remedy {
    /// One peer's connection is lost; the next may be fine.
    Retry,
    /// The process or the machine has run out of something: wait for it.
    BackOff,
    /// The listener is unusable.
    Fail,
}

/// accept(2) passes pending errors of the new connection on as its own, so an
/// error is the listener's only where it cannot be a peer's.
pub(crate) fn remedy(error: &io::Error) -> Remedy {
    use io::ErrorKind as Kind;
    match error.raw_os_error() {
        Some(libc::EMFILE | libc::ENFILE | libc::ENOBUFS | libc::ENOMEM) => Remedy::BackOff,
        Some(libc::EBADF | libc::EFAULT | libc::EINVAL | libc::ENOTSOCK) => Remedy::Fail,
        // EOPNOTSUPP means "not a listening stream socket" and also comes from
        // the network; a peer's passes, the listener's comes again: back off.
        #[cfg(unix)]
        Some(libc::EOPNOTSUPP) => Remedy::BackOff,
        Some(_) => Remedy::Retry,
        None => match error.kind() {
            Kind::ConnectionAborted | Kind::ConnectionReset | Kind::Interrupted => Remedy::Retry,
            _ => Remedy::Fail,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_errno_has_its_remedy() {
        for errno in 1..134 {
            let expected = match errno {
                libc::EMFILE | libc::ENFILE | libc::ENOBUFS | libc::ENOMEM => Remedy::BackOff,
                libc::EOPNOTSUPP => Remedy::BackOff,
                libc::EBADF | libc::EFAULT | libc::EINVAL | libc::ENOTSOCK => Remedy::Fail,
                _ => Remedy::Retry,
            };
            assert_eq!(
                remedy(&io::Error::from_raw_os_error(errno)),
                expected,
                "errno {errno}"
            );
        }
    }
}
