//! What another program on the cgroup answers to getsockopt() reaches the caller as it
//! would without us, whether it runs before our program or after it.
#![cfg(target_os = "linux")]
#![expect(
    unsafe_code,
    reason = "programs of others are loaded by bpf(2), and callers are played by getsockopt(2)"
)]
#![allow(
    clippy::unwrap_used,
    reason = "an unwrap in a helper fails the test that called"
)]

mod host;
mod raw_bpf;

use std::fmt;
use std::io;
use std::net::TcpListener;
use std::os::fd::{AsRawFd, OwnedFd};
use std::path::Path;

use host::{Host, join};
use raw_bpf::{
    ADD_NUMBER, EXIT, GETSOCKOPT, Insn, JUMP_IF_GREATER, JUMP_UNLESS_EQUAL, LOAD_LONG, LOAD_WORD,
    Link, SET_NUMBER, SET_REGISTER, STORE_WORD, STORE_WORD_NUMBER,
};
use toa_bpf::attach;
use toa_core::abi;

/// The kernel knows no such option: SO_ORIGINAL_DST without connection tracking.
const UNKNOWN: (i32, i32) = (libc::SOL_IP, 80);
/// The kernel answers four bytes.
const KNOWN: (i32, i32) = (libc::SOL_SOCKET, libc::SO_TYPE);

/// A program of somebody else: what it does when a call for `option` comes by.
#[derive(Clone, Copy, Debug)]
struct Foreign {
    option: (i32, i32),
    bytes: Option<i32>,
    optlen: Option<i32>,
    retval: Option<i32>,
    /// 0 forbids the call.
    returns: i32,
}

const PASS: Foreign = Foreign {
    option: UNKNOWN,
    bytes: None,
    optlen: None,
    retval: None,
    returns: 1,
};

/// All that such a program can set.
fn programs() -> Vec<Foreign> {
    let mut all = Vec::new();
    for option in [UNKNOWN, KNOWN] {
        for bytes in [None, Some(0x0902_a8c0)] {
            for optlen in [None, Some(0), Some(2), Some(4), Some(16), Some(64)] {
                for retval in [None, Some(0), Some(-libc::EACCES)] {
                    all.push(Foreign {
                        option,
                        bytes,
                        optlen,
                        retval,
                        returns: 1,
                    });
                }
            }
        }
        all.push(Foreign {
            option,
            returns: 0,
            ..PASS
        });
    }
    all
}

impl Foreign {
    /// With offsets of `struct bpf_sockopt`.
    fn code(&self) -> Vec<Insn> {
        let store = |offset, value| {
            [
                Insn(SET_NUMBER, 5, 0, value),
                Insn(STORE_WORD, 1 | 5 << 4, offset, 0),
            ]
        };
        let mut body = Vec::new();
        if let Some(bytes) = self.bytes {
            body.push(Insn(LOAD_LONG, 2 | 1 << 4, 8, 0)); // optval
            body.push(Insn(LOAD_LONG, 3 | 1 << 4, 16, 0)); // optval_end
            body.push(Insn(SET_REGISTER, 4 | 2 << 4, 0, 0));
            body.push(Insn(ADD_NUMBER, 4, 0, 4));
            body.push(Insn(JUMP_IF_GREATER, 4 | 3 << 4, 1, 0));
            body.push(Insn(STORE_WORD_NUMBER, 2, 0, bytes));
        }
        body.extend(self.optlen.into_iter().flat_map(|len| store(32, len)));
        body.extend(self.retval.into_iter().flat_map(|value| store(36, value)));
        body.push(Insn(SET_NUMBER, 0, 0, self.returns));
        body.push(Insn(EXIT, 0, 0, 0));
        let skip = body.len() as i16;
        let mut code = vec![
            Insn(LOAD_WORD, 2 | 1 << 4, 24, 0),
            Insn(JUMP_UNLESS_EQUAL, 2, skip + 2, self.option.0),
            Insn(LOAD_WORD, 2 | 1 << 4, 28, 0),
            Insn(JUMP_UNLESS_EQUAL, 2, skip, self.option.1),
        ];
        code.extend(body);
        code.extend([Insn(SET_NUMBER, 0, 0, 1), Insn(EXIT, 0, 0, 0)]);
        code
    }

    fn load(&self) -> OwnedFd {
        raw_bpf::load(GETSOCKOPT, &self.code())
    }
}

/// What a caller sees: the result, the length, and its buffer.
#[derive(Clone, PartialEq, Eq)]
struct Seen(Option<i32>, libc::socklen_t, Vec<u8>);

impl fmt::Debug for Seen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = &self.2[..self.2.len().min(20)];
        write!(f, "error {:?}, length {}, {shown:02x?}", self.0, self.1)
    }
}

const FILL: u8 = 0xaa;

fn call(socket: &TcpListener, (level, name): (i32, i32), len: usize) -> Seen {
    let mut buffer = vec![FILL; len];
    let mut optlen = len as libc::socklen_t;
    // SAFETY: buffer is valid for optlen bytes, and the kernel writes no more.
    let ret = unsafe {
        libc::getsockopt(
            socket.as_raw_fd(),
            level,
            name,
            buffer.as_mut_ptr().cast(),
            &raw mut optlen,
        )
    };
    let error = (ret != 0).then(|| io::Error::last_os_error().raw_os_error().unwrap());
    Seen(error, optlen, buffer)
}

/// Lengths around the answers', and beyond a page.
const LENGTHS: [usize; 6] = [0, 2, 4, 16, 4096, 8192];

/// Every call of this socket, in a cgroup that has whatever it has.
fn calls(socket: &TcpListener) -> Vec<((i32, i32), usize, Seen)> {
    [UNKNOWN, KNOWN, (libc::IPPROTO_TCP, libc::TCP_INFO)]
        .into_iter()
        .flat_map(|option| LENGTHS.map(|len| (option, len, call(socket, option, len))))
        .collect()
}

#[test]
fn without_others_every_call_is_answered_as_without_us() {
    let Some(host) = Host::enter_or_skip() else {
        return;
    };
    let socket = host.listener();
    let without = calls(&socket);
    let _source = attach(&host.config()).unwrap();
    assert_eq!(calls(&socket), without);
}

/// Before Linux 5.11 programs are charged to this, and freed only some time after. Where
/// it may not be lifted and is needed, loading says so.
fn lift_memory_limit() {
    let limit = libc::rlimit {
        rlim_cur: libc::RLIM_INFINITY,
        rlim_max: libc::RLIM_INFINITY,
    };
    // SAFETY: limit is a valid rlimit.
    unsafe { libc::setrlimit(libc::RLIMIT_MEMLOCK, &raw const limit) };
}

/// Compares with the program alone on the cgroup, on the very same kernel.
fn compare(host: &Host, ours: &Path, theirs: &Path, theirs_first: bool) {
    lift_memory_limit();
    join(&host.cgroup.join("inner"));
    let socket = host.listener();
    let config = host.config().with_cgroup(ours);
    let each = |link: &Link| -> Vec<_> {
        let calls_with = |program: &Foreign| {
            link.update(&program.load());
            calls(&socket)
        };
        programs().iter().map(calls_with).collect()
    };
    let alone = each(&Link::create(GETSOCKOPT, &PASS.load(), theirs));
    // The link keeps its place, whichever program it holds.
    let before = theirs_first.then(|| Link::create(GETSOCKOPT, &PASS.load(), theirs));
    let _ours = attach(&config).unwrap();
    let link = before.unwrap_or_else(|| Link::create(GETSOCKOPT, &PASS.load(), theirs));
    let with = each(&link);
    let mut compared = 0;
    for ((program, alone), with) in programs().iter().zip(alone).zip(with) {
        for ((option, len, without), (.., with)) in alone.into_iter().zip(with) {
            compared += 1;
            assert_eq!(
                with, without,
                "{option:?} with {len} bytes, theirs first: {theirs_first}, {program:?}"
            );
        }
    }
    assert_eq!(compared, programs().len() * 3 * LENGTHS.len());
}

#[test]
fn a_foreign_program_behind_ours_on_the_same_cgroup_answers_as_alone() {
    let Some(host) = Host::enter_or_skip() else {
        return;
    };
    let inner = host.cgroup.join("inner");
    compare(&host, &inner, &inner, false);
}

#[test]
fn a_foreign_program_before_ours_on_the_same_cgroup_answers_as_alone() {
    let Some(host) = Host::enter_or_skip() else {
        return;
    };
    let inner = host.cgroup.join("inner");
    compare(&host, &inner, &inner, true);
}

#[test]
fn a_foreign_program_on_the_cgroup_above_answers_as_alone() {
    let Some(host) = Host::enter_or_skip() else {
        return;
    };
    compare(&host, &host.cgroup.join("inner"), &host.cgroup, false);
}

#[test]
fn a_foreign_program_on_a_cgroup_below_answers_as_alone() {
    let Some(host) = Host::enter_or_skip() else {
        return;
    };
    compare(&host, &host.cgroup, &host.cgroup.join("inner"), false);
}

#[test]
fn a_verdict_of_a_program_before_ours_on_our_own_calls_stands() {
    let Some(host) = Host::enter_or_skip() else {
        return;
    };
    lift_memory_limit();
    let socket = host.listener();
    for name in [abi::TOA_SO_GET_LOOKUP, abi::TOA_SO_GET_INFO] {
        let option = (libc::SOL_IP, name);
        let refused = Foreign {
            option,
            retval: Some(-libc::EACCES),
            ..PASS
        };
        let answered = Foreign {
            bytes: Some(7),
            optlen: Some(4),
            retval: Some(0),
            ..refused
        };
        for program in [refused, answered] {
            let _theirs = Link::create(GETSOCKOPT, &program.load(), &host.cgroup);
            let alone = call(&socket, option, 64);
            let _ours = attach(&host.config()).unwrap();
            assert_eq!(call(&socket, option, 64), alone, "{program:?}");
        }
    }
}
