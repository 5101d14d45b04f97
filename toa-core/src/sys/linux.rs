//! The calls themselves.
#![expect(unsafe_code, reason = "getsockopt is a C function")]

use std::ffi::c_int;
use std::io;
use std::os::fd::AsRawFd;

use super::BorrowedSocket;

/// Returns the number of bytes the kernel wrote into `answer`.
pub(crate) fn getsockopt(
    socket: BorrowedSocket<'_>,
    level: c_int,
    name: c_int,
    answer: &mut [u8],
) -> io::Result<usize> {
    let mut len = libc::socklen_t::try_from(answer.len()).unwrap_or(libc::socklen_t::MAX);
    // SAFETY: `answer` is valid for writes of `len` bytes, and the descriptor is
    // borrowed, so it stays open for the call.
    let result = unsafe {
        libc::getsockopt(
            socket.as_raw_fd(),
            level,
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

/// Makes the kernel keep the SYN of each connection of a listener.
pub(crate) fn save_syn(socket: BorrowedSocket<'_>) -> io::Result<()> {
    let from_ip_header: c_int = 1;
    // SAFETY: the pointer is to a c_int of the length that is passed with it, and the
    // descriptor is borrowed, so it stays open for the call.
    let result = unsafe {
        libc::setsockopt(
            socket.as_raw_fd(),
            libc::IPPROTO_TCP,
            libc::TCP_SAVE_SYN,
            (&raw const from_ip_header).cast(),
            size_of::<c_int>() as libc::socklen_t,
        )
    };
    if result == 0 {
        Ok(())
    } else {
        Err(io::Error::last_os_error())
    }
}

const _: () = {
    assert!(libc::IPPROTO_IP == super::IPPROTO_IP);
    assert!(libc::IPPROTO_TCP == super::IPPROTO_TCP);
    assert!(libc::TCP_SAVED_SYN == super::TCP_SAVED_SYN);
};
