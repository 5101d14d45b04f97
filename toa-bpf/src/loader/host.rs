//! What this host offers: kernel, capabilities, cgroup v2.

use std::ffi::OsString;
use std::fs::{self, File};
use std::os::unix::ffi::OsStringExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use toa_core::abi::SOURCE_MODULE;
use toa_core::{SourceKind, detect_source, source_info};

use super::sys;
use crate::Error;

const CAP_NET_ADMIN: u32 = 12;
const CAP_SYS_ADMIN: u32 = 21;
const CAP_PERFMON: u32 = 38;
const CAP_BPF: u32 = 39;
/// One of several capabilities, and the least of them by name.
type Needed = (&'static [u32], &'static str);
/// The option's place varies, and such pointer arithmetic takes PERFMON.
const TO_LOAD: [Needed; 3] = [
    (&[CAP_BPF, CAP_SYS_ADMIN], "CAP_BPF"),
    (&[CAP_PERFMON, CAP_SYS_ADMIN], "CAP_PERFMON"),
    (&[CAP_NET_ADMIN], "CAP_NET_ADMIN"),
];
const TO_WATCH: [Needed; 2] = [
    (&[CAP_SYS_ADMIN], "CAP_SYS_ADMIN"),
    (&[CAP_NET_ADMIN], "CAP_NET_ADMIN"),
];
const CGROUP2_MAGIC: u32 = 0x6367_7270;
const OLDEST: (u32, u32) = (5, 10);
/// The number of the hierarchy's root, whatever a cgroup namespace shows as its root.
pub(crate) const ROOT_ID: u64 = 1;
/// PROC_PID_INIT_INO of the kernel.
const HOST_PID_NS: &str = "pid:[4026531836]";

/// Says early, and in words, what the kernel would answer with a bare number.
pub(crate) fn check() -> Result<(), Error> {
    if !may_have_source() {
        return Err(Error::KernelTooOld {
            found: sys::kernel_release(),
        });
    }
    check_capabilities("loading the eBPF source", &TO_LOAD)
}

/// The same for observers, which must find the sources first.
pub(crate) fn check_for_watch() -> Result<(), Error> {
    check_capabilities("watching the eBPF sources", &TO_WATCH)
}

fn check_capabilities(what: &'static str, needed: &[Needed]) -> Result<(), Error> {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    match missing_capabilities(&status, needed) {
        Some(missing) => Err(Error::MissingCapabilities { what, missing }),
        None => Ok(()),
    }
}

/// The capabilities that a process with this /proc status lacks. A status that
/// cannot be read lacks none: the kernel will tell.
fn missing_capabilities(status: &str, needed: &[Needed]) -> Option<String> {
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("CapEff:"))?;
    let effective = u64::from_str_radix(line.trim(), 16).ok()?;
    let missing: Vec<&str> = needed
        .iter()
        .filter(|(any, _)| any.iter().all(|cap| effective & 1 << cap == 0))
        .map(|(_, name)| *name)
        .collect();
    (!missing.is_empty()).then(|| missing.join(", "))
}

/// Whether this kernel is not too old.
pub(crate) fn may_have_source() -> bool {
    kernel_version().is_none_or(|version| version >= OLDEST)
}

pub(crate) fn kernel_version() -> Option<(u32, u32)> {
    parse_version(&sys::kernel_release())
}

fn parse_version(release: &str) -> Option<(u32, u32)> {
    let mut numbers = release.split(|c: char| !c.is_ascii_digit()).map(str::parse);
    Some((numbers.next()?.ok()?, numbers.next()?.ok()?))
}

/// Refuses to load where another kind of source answers: it would answer before ours, and
/// its trusted set would count, not the one that is being configured.
pub(crate) fn check_no_other_source() -> Result<(), Error> {
    // Where no socket can be had there is nothing to mix up either.
    let Ok(socket) = sys::tcp_socket() else {
        return Ok(());
    };
    let is_module = source_info(&socket).is_ok_and(|info| info.source() == SOURCE_MODULE);
    if is_module || matches!(detect_source(&socket), SourceKind::ThirdParty) {
        return Err(Error::AnotherSource);
    }
    Ok(())
}

/// A cgroup of the version 2 hierarchy, opened.
#[derive(Debug)]
pub(crate) struct Cgroup {
    pub(crate) path: PathBuf,
    pub(crate) dir: File,
    /// The number by which a link names it: the inode's, on 64-bit kernels.
    pub(crate) id: u64,
}

impl Cgroup {
    pub(crate) fn open(path: &Path) -> Result<Self, Error> {
        let failed = |source| Error::NotACgroup {
            path: path.to_owned(),
            source,
        };
        let dir = File::open(path).map_err(|e| failed(Some(e)))?;
        let meta = dir.metadata().map_err(|e| failed(Some(e)))?;
        match sys::fs_magic(&dir) {
            Ok(CGROUP2_MAGIC) if meta.is_dir() => Ok(Self {
                path: path.to_owned(),
                dir,
                id: meta.ino(),
            }),
            _ => Err(failed(None)),
        }
    }

    /// The topmost one that is visible from here.
    pub(crate) fn root() -> Result<Self, Error> {
        Self::open(&cgroup2_root().ok_or(Error::NoCgroup2)?)
    }

    /// The root of the hierarchy, which covers every process of the host.
    pub(crate) fn of_host() -> Result<Self, Error> {
        let root = Self::root()?;
        if root.id == ROOT_ID {
            return Ok(root);
        }
        Err(Error::HostOutOfReach {
            why: format!(
                "{} shows this container's own cgroup as the root, so the whole host cannot be covered",
                root.path.display()
            ),
        })
    }

    /// That of this process.
    pub(crate) fn own() -> Result<Self, Error> {
        let cgroups = fs::read_to_string("/proc/self/cgroup").unwrap_or_default();
        let own = cgroups.lines().find_map(|line| line.strip_prefix("0::/"));
        // /proc and the mount of this very namespace name it from the same root.
        let root = cgroup2_mounts()
            .into_iter()
            .find(|mount| mount.root == Path::new("/"))
            .ok_or(Error::NoCgroup2)?;
        Self::open(&root.path.join(own.unwrap_or_default()))
    }
}

/// Where the version 2 hierarchy is mounted, alone or beside version 1. A container may
/// have the host's beside its own.
pub(crate) fn cgroup2_root() -> Option<PathBuf> {
    let mounts = cgroup2_mounts();
    let is_host =
        |mount: &&Mount| fs::metadata(&mount.path).is_ok_and(|meta| meta.ino() == ROOT_ID);
    let is_root = |mount: &&Mount| mount.root == Path::new("/");
    let mount = mounts
        .iter()
        .find(is_host)
        .or_else(|| mounts.iter().find(is_root))?;
    Some(mount.path.clone())
}

fn cgroup2_mounts() -> Vec<Mount> {
    let mounts = fs::read("/proc/self/mountinfo").unwrap_or_default();
    let mounts = parse_mounts(&mounts).into_iter();
    mounts.filter(|mount| mount.kind == b"cgroup2").collect()
}

/// Whether the host's first process has this file system mounted too, so that it lasts until
/// a reboot. In a process namespace of one's own that cannot be known.
pub(crate) fn is_mounted_by_host(dir: &File) -> bool {
    let of_host = fs::read_link("/proc/self/ns/pid").is_ok_and(|ns| ns == Path::new(HOST_PID_NS));
    let (Ok(device), Ok(mounts)) = (sys::device_of(dir), fs::read("/proc/1/mountinfo")) else {
        return false;
    };
    of_host
        && parse_mounts(&mounts)
            .iter()
            .any(|mount| mount.device == device)
}

/// A line of mountinfo.
#[derive(Debug, PartialEq, Eq)]
struct Mount {
    device: String,
    /// Which part of the file system is mounted.
    root: PathBuf,
    path: PathBuf,
    kind: Vec<u8>,
}

fn parse_mounts(mountinfo: &[u8]) -> Vec<Mount> {
    let lines = mountinfo.split(|&b| b == b'\n');
    lines
        .filter_map(|line| {
            let fields: Vec<&[u8]> = line.split(|&b| b == b' ').collect();
            let dash = fields.iter().position(|&field| field == b"-")?;
            Some(Mount {
                device: String::from_utf8(fields.get(2)?.to_vec()).ok()?,
                root: unescaped(fields.get(3)?)?,
                path: unescaped(fields.get(4)?)?,
                kind: fields.get(dash + 1)?.to_vec(),
            })
        })
        .collect()
}

/// mountinfo writes blanks and backslashes as three octal digits.
fn unescaped(field: &[u8]) -> Option<PathBuf> {
    let (mut out, mut rest) = (Vec::new(), field);
    while let Some((&first, tail)) = rest.split_first() {
        if first == b'\\' && tail.len() >= 3 {
            let digits = std::str::from_utf8(&tail[..3]).ok()?;
            out.push(u8::from_str_radix(digits, 8).ok()?);
            rest = &tail[3..];
        } else {
            out.push(first);
            rest = tail;
        }
    }
    Some(OsString::from_vec(out).into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mounts_are_read_with_blanks_in_their_names_and_garbage_is_skipped() {
        let text = "30 23 0:26 / /sys/fs/cgroup rw,nosuid shared:9 - cgroup2 cgroup2 rw,nsdelegate\n\
            11 32 0:29 / /sys/fs/cgroup/cpu rw - cgroup cgroup rw,cpu\n\
            20 41 0:38 /../.. /sys/fs/cgroup/uni\\040fied rw - cgroup2 cgroup2 rw\n\
            malformed\n\n- cgroup2";
        let mount = |device: &str, root: &str, path: &str, kind: &str| Mount {
            device: device.to_owned(),
            root: root.into(),
            path: path.into(),
            kind: kind.into(),
        };
        assert_eq!(
            parse_mounts(text.as_bytes()),
            [
                mount("0:26", "/", "/sys/fs/cgroup", "cgroup2"),
                mount("0:29", "/", "/sys/fs/cgroup/cpu", "cgroup"),
                mount("0:38", "/../..", "/sys/fs/cgroup/uni fied", "cgroup2"),
            ]
        );
    }

    #[test]
    fn releases_of_all_distributions_are_understood() {
        for (release, version) in [
            ("5.10.0-32-amd64", Some((5, 10))),
            ("6.18.44-fc-v595", Some((6, 18))),
            ("4.18.0-553.el8_10.x86_64", Some((4, 18))),
            ("7.2-rc1", Some((7, 2))),
            ("unknown", None),
        ] {
            assert_eq!(parse_version(release), version, "{release}");
        }
    }

    #[test]
    fn missing_capabilities_are_named() {
        for (caps, missing) in [
            ("000001ffffffffff", None),
            ("000000c000001000", None),
            ("0000000000201000", None),
            ("0000008000001000", Some("CAP_PERFMON")),
            ("000000c000000000", Some("CAP_NET_ADMIN")),
            (
                "0000000000000000",
                Some("CAP_BPF, CAP_PERFMON, CAP_NET_ADMIN"),
            ),
        ] {
            let status = format!("Name:\tx\nCapEff:\t{caps}\n");
            let found = missing_capabilities(&status, &TO_LOAD);
            assert_eq!(found.as_deref(), missing, "{caps}");
        }
        assert_eq!(missing_capabilities("", &TO_LOAD), None);
    }
}
