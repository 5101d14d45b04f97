//! Every system call of this crate. Tests replace the kernel by a fake.

#[cfg(test)]
pub(crate) mod fake;
#[cfg(all(target_os = "linux", not(test)))]
mod linux;
#[cfg(all(not(target_os = "linux"), not(test)))]
mod unsupported;

use std::ffi::c_int;
use std::io;

#[cfg(test)]
use self::fake as platform;
#[cfg(all(target_os = "linux", not(test)))]
use self::linux as platform;
#[cfg(all(not(target_os = "linux"), not(test)))]
use self::unsupported as platform;

use crate::abi::{MAX_REPLY_LEN, WireReply, decode};

// Linux's numbers, on every platform.
const IPPROTO_IP: c_int = 0;
const IPPROTO_TCP: c_int = 6;
pub(crate) const TCP_SAVED_SYN: c_int = 28;

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
    let written = platform::getsockopt(socket, IPPROTO_IP, T::NAME, &mut bytes[..T::LEN])?;
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

/// Makes the kernel keep the SYN of each connection of a listening socket.
///
/// # Errors
/// Says what refuses it; `Unsupported` where no socket can.
pub(crate) fn save_syn(listener: BorrowedSocket<'_>) -> io::Result<()> {
    platform::save_syn(listener).map_err(|error| {
        let unknown = error.raw_os_error() == no_such_option().raw_os_error();
        let kind = match unknown {
            true => io::ErrorKind::Unsupported,
            false => error.kind(),
        };
        io::Error::new(kind, SaveSynError(error))
    })
}

#[derive(Debug, thiserror::Error)]
#[error(
    "the kernel does not keep SYNs for this socket (TCP_SAVE_SYN): that takes Linux 4.2 or later and \
     a TCP socket that is not a Multipath TCP one; leave `SavedSyn` out here"
)]
struct SaveSynError(#[source] io::Error);

/// The SYN of a connection, once: the kernel forgets it then. Returns its length, 0 when
/// the kernel has none.
///
/// # Errors
/// The kernel's own: EINVAL when the SYN is longer than `packet`.
pub(crate) fn saved_syn(connection: BorrowedSocket<'_>, packet: &mut [u8]) -> io::Result<usize> {
    platform::getsockopt(connection, IPPROTO_TCP, TCP_SAVED_SYN, packet)
}
