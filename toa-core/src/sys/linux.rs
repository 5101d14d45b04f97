//! The call itself.
#![expect(unsafe_code, reason = "getsockopt is a C function")]

use std::ffi::c_int;
use std::io;
use std::os::fd::AsRawFd;

use super::BorrowedSocket;

/// Returns the number of bytes the kernel wrote into `answer`.
pub(crate) fn getsockopt(
    socket: BorrowedSocket<'_>,
    name: c_int,
    answer: &mut [u8],
) -> io::Result<usize> {
    let mut len = libc::socklen_t::try_from(answer.len()).unwrap_or(libc::socklen_t::MAX);
    // SAFETY: `answer` is valid for writes of `len` bytes, and the descriptor is
    // borrowed, so it stays open for the call.
    let result = unsafe {
        libc::getsockopt(
            socket.as_raw_fd(),
            libc::IPPROTO_IP,
            name,
            answer.as_mut_ptr().cast(),
            &raw mut len,
        )
    };
    if result == 0 {
        Ok(usize::try_from(len).unwrap_or(0))
    } else {
        Err(io::Error::last_os_error())
    }
}
