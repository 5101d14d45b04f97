//! Programs of somebody else, made by hand and loaded by bpf(2).
#![allow(dead_code, reason = "each test file uses its part")]
#![allow(
    clippy::unwrap_used,
    reason = "an unwrap here fails the test that called"
)]

use std::fs::File;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::path::Path;
use std::{io, ptr};

const PROG_LOAD: libc::c_int = 5;
const LINK_CREATE: libc::c_int = 28;
const LINK_UPDATE: libc::c_int = 29;

/// `struct bpf_insn`
#[repr(C)]
pub(crate) struct Insn(pub(crate) u8, pub(crate) u8, pub(crate) i16, pub(crate) i32);

pub(crate) const LOAD_WORD: u8 = 0x61;
pub(crate) const LOAD_LONG: u8 = 0x79;
pub(crate) const STORE_WORD: u8 = 0x63;
pub(crate) const STORE_WORD_NUMBER: u8 = 0x62;
pub(crate) const SET_NUMBER: u8 = 0xb7;
pub(crate) const SET_REGISTER: u8 = 0xbf;
pub(crate) const ADD_NUMBER: u8 = 0x07;
pub(crate) const JUMP_UNLESS_EQUAL: u8 = 0x55;
pub(crate) const JUMP_IF_GREATER: u8 = 0x2d;
pub(crate) const CALL: u8 = 0x85;
pub(crate) const EXIT: u8 = 0x95;

/// A type of programs: its number, and that of its place on a cgroup.
#[derive(Clone, Copy)]
pub(crate) struct Kind(pub(crate) u32, pub(crate) u32);

pub(crate) const SOCKOPS: Kind = Kind(13, 3);
pub(crate) const GETSOCKOPT: Kind = Kind(25, 21);

pub(crate) fn load(kind: Kind, code: &[Insn]) -> OwnedFd {
    #[repr(C)]
    struct Load {
        kind: u32,
        count: u32,
        code: u64,
        license: u64,
        log: [u32; 4],
        version: u32,
        flags: u32,
        name: [u8; 16],
        ifindex: u32,
        attach_type: u32,
    }
    bpf_fd(
        PROG_LOAD,
        &mut Load {
            kind: kind.0,
            count: code.len() as u32,
            code: code.as_ptr() as u64,
            license: c"GPL".as_ptr() as u64,
            log: [0; 4],
            version: 0,
            flags: 0,
            name: *b"foreign\0\0\0\0\0\0\0\0\0",
            ifindex: 0,
            attach_type: kind.1,
        },
    )
}

/// A place on a cgroup, behind what is there already; given up when dropped.
pub(crate) struct Link(OwnedFd);

impl Link {
    pub(crate) fn create(kind: Kind, program: &OwnedFd, cgroup: &Path) -> Self {
        let cgroup = File::open(cgroup).unwrap();
        let mut attr = [raw(program), raw(&cgroup), kind.1, 0];
        Self(bpf_fd(LINK_CREATE, &mut attr))
    }

    /// Puts another program in the same place.
    pub(crate) fn update(&self, program: &OwnedFd) {
        bpf(LINK_UPDATE, &mut [raw(&self.0), raw(program), 0, 0]);
    }
}

fn raw(fd: &impl AsRawFd) -> u32 {
    fd.as_raw_fd().cast_unsigned()
}

fn bpf<A>(command: libc::c_int, attr: &mut A) -> libc::c_int {
    // SAFETY: attr is valid for its size, and so is what it points to.
    let ret = unsafe { libc::syscall(libc::SYS_bpf, command, ptr::from_mut(attr), size_of::<A>()) };
    assert!(ret >= 0, "bpf({command}): {}", io::Error::last_os_error());
    ret as libc::c_int
}

fn bpf_fd<A>(command: libc::c_int, attr: &mut A) -> OwnedFd {
    let fd = bpf(command, attr);
    // SAFETY: the kernel has just opened this descriptor for us alone.
    unsafe { OwnedFd::from_raw_fd(fd) }
}
