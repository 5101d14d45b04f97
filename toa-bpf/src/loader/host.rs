//! What this host offers: kernel, capabilities, cgroup v2.

use std::ffi::OsString;
use std::fs::{self, File};
use std::os::unix::ffi::OsStringExt;
use std::path::{Path, PathBuf};

use super::sys;
use crate::Error;

const CAP_NET_ADMIN: u32 = 12;
const CAP_SYS_ADMIN: u32 = 21;
const CAP_PERFMON: u32 = 38;
const CAP_BPF: u32 = 39;
const CGROUP2_MAGIC: u32 = 0x6367_7270;
const OLDEST: (u32, u32) = (5, 10);

/// Says early, and in words, what the kernel would answer with a bare number.
pub(crate) fn check() -> Result<(), Error> {
    if kernel_version().is_some_and(|version| version < OLDEST) {
        return Err(Error::KernelTooOld {
            found: sys::kernel_release(),
        });
    }
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    match missing_capabilities(&status) {
        Some(missing) => Err(Error::MissingCapabilities {
            what: "loading the eBPF source",
            missing,
        }),
        None => Ok(()),
    }
}

/// The capabilities that a process with this /proc status lacks. A status that
/// cannot be read lacks none: the kernel will tell.
fn missing_capabilities(status: &str) -> Option<String> {
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("CapEff:"))?;
    let effective = u64::from_str_radix(line.trim(), 16).ok()?;
    let has = |cap: u32| effective & 1 << cap != 0;
    let missing: Vec<&str> = [
        // The option's place varies, and such pointer arithmetic takes PERFMON.
        (has(CAP_BPF) || has(CAP_SYS_ADMIN), "CAP_BPF"),
        (has(CAP_PERFMON) || has(CAP_SYS_ADMIN), "CAP_PERFMON"),
        (has(CAP_NET_ADMIN), "CAP_NET_ADMIN"),
    ]
    .into_iter()
    .filter_map(|(there, name)| (!there).then_some(name))
    .collect();
    (!missing.is_empty()).then(|| missing.join(", "))
}

pub(crate) fn kernel_version() -> Option<(u32, u32)> {
    parse_version(&sys::kernel_release())
}

fn parse_version(release: &str) -> Option<(u32, u32)> {
    let mut numbers = release.split(|c: char| !c.is_ascii_digit()).map(str::parse);
    Some((numbers.next()?.ok()?, numbers.next()?.ok()?))
}

/// A cgroup of the version 2 hierarchy, opened.
#[derive(Debug)]
pub(crate) struct Cgroup {
    pub(crate) path: PathBuf,
    pub(crate) dir: File,
}

impl Cgroup {
    /// The one at `path`, or the root.
    pub(crate) fn open(path: Option<&Path>) -> Result<Self, Error> {
        let path = match path {
            Some(path) => path.to_owned(),
            None => cgroup2_root().ok_or(Error::NoCgroup2)?,
        };
        let dir = File::open(&path).map_err(|source| Error::NotACgroup {
            path: path.clone(),
            source: Some(source),
        })?;
        match sys::fs_magic(&dir) {
            Ok(CGROUP2_MAGIC) if dir.metadata().is_ok_and(|meta| meta.is_dir()) => {
                Ok(Self { path, dir })
            }
            _ => Err(Error::NotACgroup { path, source: None }),
        }
    }

    /// The number by which a link names it: the inode's, on 64-bit kernels.
    pub(crate) fn id(&self) -> Option<u64> {
        use std::os::unix::fs::MetadataExt;
        self.dir.metadata().ok().map(|meta| meta.ino())
    }
}

/// Where the version 2 hierarchy is mounted, alone or beside version 1.
pub(crate) fn cgroup2_root() -> Option<PathBuf> {
    find_cgroup2(&fs::read("/proc/self/mountinfo").ok()?)
}

fn find_cgroup2(mountinfo: &[u8]) -> Option<PathBuf> {
    mountinfo.split(|&b| b == b'\n').find_map(|line| {
        let fields: Vec<&[u8]> = line.split(|&b| b == b' ').collect();
        let dash = fields.iter().position(|&field| field == b"-")?;
        let is_root = fields.get(3) == Some(&b"/".as_slice());
        (is_root && fields.get(dash + 1) == Some(&b"cgroup2".as_slice()))
            .then(|| unescaped(fields.get(4)?))?
    })
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
    fn the_unified_hierarchy_is_found_pure_and_hybrid() {
        let pure =
            "30 23 0:26 / /sys/fs/cgroup rw,nosuid shared:9 - cgroup2 cgroup2 rw,nsdelegate\n";
        assert_eq!(find_cgroup2(pure.as_bytes()), Some("/sys/fs/cgroup".into()));
        let hybrid = "11 32 0:29 / /sys/fs/cgroup/cpu rw - cgroup cgroup rw,cpu\n\
            20 41 0:38 / /sys/fs/cgroup/uni\\040fied rw - cgroup2 cgroup2 rw\n";
        assert_eq!(
            find_cgroup2(hybrid.as_bytes()),
            Some("/sys/fs/cgroup/uni fied".into())
        );
        let bound = "20 41 0:38 /a.slice /mnt rw - cgroup2 cgroup2 rw\n";
        assert_eq!(find_cgroup2(bound.as_bytes()), None);
        assert_eq!(find_cgroup2(b"malformed\n\n- cgroup2"), None);
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
            assert_eq!(missing_capabilities(&status).as_deref(), missing, "{caps}");
        }
        assert_eq!(missing_capabilities(""), None);
    }
}
