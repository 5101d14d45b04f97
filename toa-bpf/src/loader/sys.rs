//! The system calls that aya lacks: links that are pinned, replaced and looked at, what
//! is attached to a cgroup, and a socket to ask.
#![expect(
    unsafe_code,
    reason = "bpf(2), mount(2), statfs(2), socket(2) and rlimits have no safe wrapper"
)]

use std::ffi::CString;
use std::fs::File;
use std::io;
use std::mem::{self, MaybeUninit};
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::time::Duration;

const OBJ_PIN: libc::c_int = 6;
const OBJ_GET: libc::c_int = 7;
const PROG_GET_FD_BY_ID: libc::c_int = 13;
const OBJ_GET_INFO_BY_FD: libc::c_int = 15;
const PROG_QUERY: libc::c_int = 16;
const LINK_CREATE: libc::c_int = 28;
const LINK_UPDATE: libc::c_int = 29;
const LINK_GET_FD_BY_ID: libc::c_int = 30;
const LINK_GET_NEXT_ID: libc::c_int = 31;
const LINK_DETACH: libc::c_int = 34;

/// Ask for what runs, the programs of the cgroups above included.
const QUERY_EFFECTIVE: u32 = 1 << 0;
/// The programs of this kind yield to one on a cgroup below.
pub(crate) const ALLOW_OVERRIDE: u32 = 1 << 0;
/// The programs of this kind share their place with others.
pub(crate) const ALLOW_MULTI: u32 = 1 << 1;
/// More than the kernel admits on one cgroup (64), those above it included.
const MAX_ATTACHED: usize = 1024;
const LINK_TYPE_CGROUP: u32 = 3;

/// A command's own part of `union bpf_attr`, without padding.
trait Attr {}

#[repr(C)]
struct ObjAttr {
    path: u64,
    fd: u32,
    flags: u32,
}
impl Attr for ObjAttr {}

#[repr(C)]
struct IdAttr {
    id: u32,
    next_id: u32,
    open_flags: u32,
}
impl Attr for IdAttr {}

#[repr(C)]
struct InfoAttr {
    fd: u32,
    len: u32,
    info: u64,
}
impl Attr for InfoAttr {}

#[repr(C)]
struct LinkCreateAttr {
    prog_fd: u32,
    target_fd: u32,
    attach_type: u32,
    flags: u32,
}
impl Attr for LinkCreateAttr {}

#[repr(C)]
struct LinkUpdateAttr {
    link_fd: u32,
    new_prog_fd: u32,
    flags: u32,
    old_prog_fd: u32,
}
impl Attr for LinkUpdateAttr {}

#[repr(C)]
struct QueryAttr {
    target_fd: u32,
    attach_type: u32,
    query_flags: u32,
    attach_flags: u32,
    prog_ids: u64,
    prog_cnt: u32,
    pad: u32,
}
impl Attr for QueryAttr {}

#[repr(C)]
struct LinkDetachAttr {
    link_fd: u32,
}
impl Attr for LinkDetachAttr {}

/// The head of `struct bpf_link_info`, as a cgroup link fills it.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct LinkInfo {
    kind: u32,
    pub(crate) id: u32,
    pub(crate) prog_id: u32,
    pad: u32,
    /// 0 once the cgroup is gone or the link was detached.
    pub(crate) cgroup_id: u64,
    pub(crate) attach_type: u32,
    pad2: u32,
}
const _: () = assert!(size_of::<LinkInfo>() == 32);

impl LinkInfo {
    pub(crate) const fn is_of_cgroup(&self) -> bool {
        self.kind == LINK_TYPE_CGROUP
    }
}

/// The head of `struct bpf_prog_info`.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
struct RawProgInfo {
    kind: u32,
    id: u32,
    tag: [u8; 8],
    jited_len: u32,
    xlated_len: u32,
    jited: u64,
    xlated: u64,
    load_time: u64,
    uid: u32,
    nr_map_ids: u32,
    map_ids: u64,
    name: [u8; 16],
}
const _: () = assert!(size_of::<RawProgInfo>() == 80);

/// What is asked about a program.
#[derive(Clone, Debug)]
pub(crate) struct ProgInfo {
    pub(crate) id: u32,
    /// At most 15 characters.
    pub(crate) name: String,
    /// Nanoseconds since boot.
    pub(crate) load_time: u64,
    pub(crate) map_ids: Vec<u32>,
}

fn bpf<A: Attr>(cmd: libc::c_int, attr: &mut A) -> io::Result<libc::c_int> {
    // SAFETY: attr is a live, exclusively borrowed repr(C) value of the size given,
    // and what it points to is kept alive by the caller.
    let ret =
        unsafe { libc::syscall(libc::SYS_bpf, cmd, std::ptr::from_mut(attr), size_of::<A>()) };
    if ret < 0 {
        Err(io::Error::last_os_error())
    } else {
        Ok(ret as libc::c_int)
    }
}

fn bpf_fd<A: Attr>(cmd: libc::c_int, attr: &mut A) -> io::Result<OwnedFd> {
    let fd = bpf(cmd, attr)?;
    // SAFETY: the kernel has just opened this descriptor for us alone.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

fn raw(fd: BorrowedFd<'_>) -> u32 {
    fd.as_raw_fd().cast_unsigned()
}

fn c_path(path: &Path) -> io::Result<CString> {
    Ok(CString::new(path.as_os_str().as_bytes())?)
}

/// Attaches `prog` to `cgroup` until the last descriptor or pin is gone. Links are
/// always beside each other, never instead of another.
pub(crate) fn link_create(
    prog: BorrowedFd<'_>,
    cgroup: BorrowedFd<'_>,
    attach_type: u32,
) -> io::Result<OwnedFd> {
    let mut attr = LinkCreateAttr {
        prog_fd: raw(prog),
        target_fd: raw(cgroup),
        attach_type,
        flags: 0,
    };
    bpf_fd(LINK_CREATE, &mut attr)
}

/// Puts `prog` in the place of the link's program, with no moment without one.
pub(crate) fn link_update(link: BorrowedFd<'_>, prog: BorrowedFd<'_>) -> io::Result<()> {
    let mut attr = LinkUpdateAttr {
        link_fd: raw(link),
        new_prog_fd: raw(prog),
        flags: 0,
        old_prog_fd: 0,
    };
    bpf(LINK_UPDATE, &mut attr).map(drop)
}

/// Detaches at once, whoever else still holds the link.
pub(crate) fn link_detach(link: BorrowedFd<'_>) -> io::Result<()> {
    bpf(LINK_DETACH, &mut LinkDetachAttr { link_fd: raw(link) }).map(drop)
}

pub(crate) fn pin(fd: BorrowedFd<'_>, path: &Path) -> io::Result<()> {
    let path = c_path(path)?;
    let mut attr = ObjAttr {
        path: path.as_ptr() as u64,
        fd: raw(fd),
        flags: 0,
    };
    bpf(OBJ_PIN, &mut attr).map(drop)
}

pub(crate) fn pinned(path: &Path) -> io::Result<OwnedFd> {
    let path = c_path(path)?;
    bpf_fd(
        OBJ_GET,
        &mut ObjAttr {
            path: path.as_ptr() as u64,
            fd: 0,
            flags: 0,
        },
    )
}

/// The number of the link behind `id`; `None` behind the last one.
pub(crate) fn next_link(id: u32) -> io::Result<Option<u32>> {
    let mut attr = IdAttr {
        id,
        next_id: 0,
        open_flags: 0,
    };
    match bpf(LINK_GET_NEXT_ID, &mut attr) {
        Ok(_) => Ok(Some(attr.next_id)),
        Err(error) if error.raw_os_error() == Some(libc::ENOENT) => Ok(None),
        Err(error) => Err(error),
    }
}

pub(crate) fn link(id: u32) -> io::Result<OwnedFd> {
    let mut attr = IdAttr {
        id,
        next_id: 0,
        open_flags: 0,
    };
    bpf_fd(LINK_GET_FD_BY_ID, &mut attr)
}

/// The programs of this kind on a cgroup: its own with the flags they are attached with,
/// or, `effective`, all that run there in their order.
pub(crate) fn query(
    cgroup: BorrowedFd<'_>,
    attach_type: u32,
    effective: bool,
) -> io::Result<(u32, Vec<u32>)> {
    let mut ids = vec![0u32; MAX_ATTACHED];
    let mut attr = QueryAttr {
        target_fd: raw(cgroup),
        attach_type,
        query_flags: if effective { QUERY_EFFECTIVE } else { 0 },
        attach_flags: 0,
        prog_ids: ids.as_mut_ptr() as u64,
        prog_cnt: MAX_ATTACHED as u32,
        pad: 0,
    };
    bpf(PROG_QUERY, &mut attr)?;
    ids.truncate(attr.prog_cnt as usize);
    Ok((attr.attach_flags, ids))
}

fn info<T>(fd: BorrowedFd<'_>, info: &mut T) -> io::Result<()> {
    let len = size_of::<T>() as u32;
    let mut attr = InfoAttr {
        fd: raw(fd),
        len,
        info: std::ptr::from_mut(info) as u64,
    };
    bpf(OBJ_GET_INFO_BY_FD, &mut attr).map(drop)
}

pub(crate) fn link_info(link: BorrowedFd<'_>) -> io::Result<LinkInfo> {
    let mut out = LinkInfo::default();
    info(link, &mut out)?;
    Ok(out)
}

pub(crate) fn prog_info(id: u32) -> io::Result<ProgInfo> {
    let prog = bpf_fd(
        PROG_GET_FD_BY_ID,
        &mut IdAttr {
            id,
            next_id: 0,
            open_flags: 0,
        },
    )?;
    let prog = std::os::fd::AsFd::as_fd(&prog);
    let mut map_ids = [0u32; 16];
    let mut out = RawProgInfo {
        nr_map_ids: map_ids.len() as u32,
        map_ids: map_ids.as_mut_ptr() as u64,
        ..Default::default()
    };
    info(prog, &mut out)?;
    let used = (out.nr_map_ids as usize).min(map_ids.len());
    let name = out.name.split(|&b| b == 0).next().unwrap_or_default();
    Ok(ProgInfo {
        id: out.id,
        name: String::from_utf8_lossy(name).into_owned(),
        load_time: out.load_time,
        map_ids: map_ids[..used].to_vec(),
    })
}

/// Which file system `file` lies on, as statfs(2) tells; the numbers have 32 bits,
/// the field's type depends on the architecture.
pub(crate) fn fs_magic(file: &File) -> io::Result<u32> {
    let mut out = MaybeUninit::<libc::statfs>::zeroed();
    // SAFETY: out is valid for writing one statfs.
    let ret = unsafe { libc::fstatfs(file.as_raw_fd(), out.as_mut_ptr()) };
    if ret != 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: all-zero bytes are a valid statfs, and the call succeeded.
    Ok(unsafe { out.assume_init() }.f_type as u32)
}

/// Mounts the BPF file system on `path`.
pub(crate) fn mount_bpffs(path: &Path) -> io::Result<()> {
    let path = c_path(path)?;
    let (name, flags) = (c"bpf", libc::MS_NOSUID | libc::MS_NODEV | libc::MS_NOEXEC);
    let data = c"mode=0700";
    // SAFETY: all pointers are NUL-terminated strings that outlive the call.
    let ret = unsafe {
        libc::mount(
            name.as_ptr(),
            path.as_ptr(),
            name.as_ptr(),
            flags,
            data.as_ptr().cast(),
        )
    };
    if ret == 0 {
        Ok(())
    } else {
        Err(io::Error::last_os_error())
    }
}

/// Takes away the file system that [`mount_bpffs`] has put on `path`.
pub(crate) fn unmount(path: &Path) -> io::Result<()> {
    let path = c_path(path)?;
    // SAFETY: the pointer is a NUL-terminated string that outlives the call.
    let ret = unsafe { libc::umount2(path.as_ptr(), libc::MNT_DETACH) };
    if ret == 0 {
        Ok(())
    } else {
        Err(io::Error::last_os_error())
    }
}

/// A TCP socket, to ask a source with.
pub(crate) fn tcp_socket() -> io::Result<OwnedFd> {
    let kind = libc::SOCK_STREAM | libc::SOCK_CLOEXEC;
    // SAFETY: the call takes no pointer.
    let fd = unsafe { libc::socket(libc::AF_INET, kind, libc::IPPROTO_TCP) };
    if fd < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: the kernel has just opened this descriptor for us alone.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

/// Major and minor number of the file system that `file` lies on, as mountinfo writes them.
pub(crate) fn device_of(file: &File) -> io::Result<String> {
    let device = file.metadata()?.dev();
    Ok(format!("{}:{}", libc::major(device), libc::minor(device)))
}

/// This kernel's release, as in `uname -r`.
pub(crate) fn kernel_release() -> String {
    // SAFETY: all-zero bytes are a valid utsname.
    let mut out: libc::utsname = unsafe { mem::zeroed() };
    // SAFETY: out is valid for writing one utsname.
    unsafe { libc::uname(&raw mut out) };
    out.release
        .iter()
        .take_while(|&&c| c != 0)
        // A c_char is signed on x86-64 and unsigned on arm64.
        .map(|&c| char::from(c as u8))
        .collect()
}

/// Waits until `fd` can be read, or this time has passed, or a signal came.
pub(crate) fn wait_readable(fd: BorrowedFd<'_>, patience: Duration) -> io::Result<()> {
    let mut poll = libc::pollfd {
        fd: fd.as_raw_fd(),
        events: libc::POLLIN,
        revents: 0,
    };
    let patience = i32::try_from(patience.as_millis()).unwrap_or(i32::MAX);
    // SAFETY: poll is one live pollfd.
    if unsafe { libc::poll(&raw mut poll, 1, patience) } >= 0 {
        return Ok(());
    }
    match io::Error::last_os_error() {
        error if error.kind() == io::ErrorKind::Interrupted => Ok(()),
        error => Err(error),
    }
}

/// As whom this process makes files.
pub(crate) fn effective_user() -> u32 {
    // SAFETY: the call takes nothing and cannot fail.
    unsafe { libc::geteuid() }
}

/// Nanoseconds since boot, the clock of a program's load time.
pub(crate) fn since_boot() -> u64 {
    clock(libc::CLOCK_BOOTTIME)
}

/// The same without the time that the machine slept.
pub(crate) fn monotonic() -> u64 {
    clock(libc::CLOCK_MONOTONIC)
}

fn clock(id: libc::clockid_t) -> u64 {
    nanoseconds(|now| {
        // SAFETY: now is valid for writing one timespec.
        unsafe { libc::clock_gettime(id, now) };
    })
}

/// How far the kernel's clock ticks, in nanoseconds: what it knows without asking the hardware.
pub(crate) fn tick() -> u64 {
    nanoseconds(|tick| {
        // SAFETY: tick is valid for writing one timespec.
        unsafe { libc::clock_getres(libc::CLOCK_MONOTONIC_COARSE, tick) };
    })
}

fn nanoseconds(fill: impl FnOnce(&mut libc::timespec)) -> u64 {
    let mut time = libc::timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    fill(&mut time);
    time.tv_sec.cast_unsigned() * 1_000_000_000 + time.tv_nsec.cast_unsigned()
}

/// The limit on locked memory, to be put back with [`set_memlock`].
pub(crate) fn memlock() -> io::Result<(u64, u64)> {
    let mut limit = libc::rlimit {
        rlim_cur: 0,
        rlim_max: 0,
    };
    // SAFETY: limit is valid for writing one rlimit.
    let ret = unsafe { libc::getrlimit(libc::RLIMIT_MEMLOCK, &raw mut limit) };
    if ret == 0 {
        Ok((limit.rlim_cur, limit.rlim_max))
    } else {
        Err(io::Error::last_os_error())
    }
}

pub(crate) fn set_memlock((cur, max): (u64, u64)) -> io::Result<()> {
    let limit = libc::rlimit {
        rlim_cur: cur,
        rlim_max: max,
    };
    // SAFETY: limit is a valid rlimit.
    let ret = unsafe { libc::setrlimit(libc::RLIMIT_MEMLOCK, &raw const limit) };
    if ret == 0 {
        Ok(())
    } else {
        Err(io::Error::last_os_error())
    }
}
