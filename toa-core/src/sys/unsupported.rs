//! Platforms without TOA answer like a kernel without a source.

use std::ffi::c_int;
use std::io;

use super::BorrowedSocket;

pub(crate) fn getsockopt(
    _: BorrowedSocket<'_>,
    _: c_int,
    _: c_int,
    _: &mut [u8],
) -> io::Result<usize> {
    Err(super::no_such_option())
}

pub(crate) fn save_syn(_: BorrowedSocket<'_>) -> io::Result<()> {
    Err(super::no_such_option())
}
