//! A kernel for tests: it answers from a script of this thread and keeps count.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::ffi::c_int;
use std::io;

use super::BorrowedSocket;

/// The bytes written, or the errno.
pub(crate) type Reply = Result<Vec<u8>, i32>;

#[derive(Default)]
struct Script {
    replies: VecDeque<(c_int, Reply)>,
    asked: Vec<c_int>,
    save_syn: Option<i32>,
}

thread_local! {
    static SCRIPT: RefCell<Script> = RefCell::default();
}

/// The next calls, in order: the name that must be asked for, and the reply.
pub(crate) fn script(replies: impl IntoIterator<Item = (c_int, Reply)>) {
    SCRIPT.with_borrow_mut(|script| {
        *script = Script {
            replies: replies.into_iter().collect(),
            ..Script::default()
        };
    });
}

/// The names asked for since the last [`script`].
pub(crate) fn asked() -> Vec<c_int> {
    SCRIPT.with_borrow(|script| script.asked.clone())
}

pub(crate) fn getsockopt(
    _: BorrowedSocket<'_>,
    level: c_int,
    name: c_int,
    answer: &mut [u8],
) -> io::Result<usize> {
    SCRIPT.with_borrow_mut(|script| {
        assert_eq!(level == super::IPPROTO_TCP, name == super::TCP_SAVED_SYN);
        script.asked.push(name);
        let (expected, reply) = script
            .replies
            .pop_front()
            .unwrap_or((name, Err(libc::ENOPROTOOPT)));
        assert_eq!(
            name, expected,
            "asked for another option than the script foresees"
        );
        let bytes = reply.map_err(io::Error::from_raw_os_error)?;
        let len = bytes.len().min(answer.len());
        answer[..len].copy_from_slice(&bytes[..len]);
        Ok(bytes.len())
    })
}

/// Whatever the socket, unless the script says otherwise.
pub(crate) fn save_syn(_: BorrowedSocket<'_>) -> io::Result<()> {
    SCRIPT.with_borrow(|script| match script.save_syn {
        None => Ok(()),
        Some(errno) => Err(io::Error::from_raw_os_error(errno)),
    })
}

/// The errno with which a listener refuses to keep SYNs from now on.
pub(crate) fn refuse_save_syn(errno: i32) {
    SCRIPT.with_borrow_mut(|script| script.save_syn = Some(errno));
}
