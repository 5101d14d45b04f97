//! Every system call of this crate. Tests replace the kernel by a fake.

#[cfg(test)]
pub(crate) mod fake;
#[cfg(all(target_os = "linux", not(test)))]
mod linux;
#[cfg(all(not(target_os = "linux"), not(test)))]
mod unsupported;

use std::io;

#[cfg(test)]
use self::fake as platform;
#[cfg(all(target_os = "linux", not(test)))]
use self::linux as platform;
#[cfg(all(not(target_os = "linux"), not(test)))]
use self::unsupported as platform;

use crate::abi::{MAX_REPLY_LEN, WireReply, decode};

/// What has a socket of the platform: `AsFd` on Unix, `AsSocket` on Windows.
#[cfg(unix)]
pub use std::os::fd::AsFd as AsSocket;
/// What has a socket of the platform: `AsFd` on Unix, `AsSocket` on Windows.
#[cfg(windows)]
pub use std::os::windows::io::AsSocket;

#[cfg(unix)]
pub(crate) use std::os::fd::BorrowedFd as BorrowedSocket;
#[cfg(windows)]
pub(crate) use std::os::windows::io::BorrowedSocket;

/// The platform's name for the socket of `owner`.
pub(crate) fn borrow(owner: &impl AsSocket) -> BorrowedSocket<'_> {
    #[cfg(unix)]
    return owner.as_fd();
    #[cfg(windows)]
    return owner.as_socket();
}

/// "No such option", the answer of a kernel without a source.
pub(crate) fn no_such_option() -> io::Error {
    #[cfg(unix)]
    const CODE: i32 = libc::ENOPROTOOPT;
    #[cfg(windows)]
    const CODE: i32 = 10042; // WSAENOPROTOOPT
    io::Error::from_raw_os_error(CODE)
}

/// One system call, `getsockopt(socket, IPPROTO_IP, T::NAME)`; none at all on a
/// platform without TOA, which answers like a kernel without a source.
///
/// # Errors
/// The kernel's own, and `InvalidData` when its answer has another length than asked
/// for or cannot be a source's.
pub(crate) fn ask<T: WireReply>(socket: BorrowedSocket<'_>) -> io::Result<T> {
    let mut bytes = [0; MAX_REPLY_LEN];
    let written = platform::getsockopt(socket, T::NAME, &mut bytes[..T::LEN])?;
    let reply = bytes.get(..written).and_then(decode);
    reply.ok_or_else(|| {
        io::Error::new(
            io::ErrorKind::InvalidData,
            format!(
                "no source answers socket option {} with these {written} bytes",
                T::NAME
            ),
        )
    })
}
