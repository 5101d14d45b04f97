//! Containers and users of the host against the loaded source.

use std::env;
use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::{self, Command};

use tempfile::TempDir;
use toa_bpf::{Pins, Status};
use toa_lab::netns::Namespace;
use toa_stress::storm::{Ground, Side, option};

use crate::intruder::{self, ATTEMPTS, RAW_SOCKET, Target};

const NOBODY: &str = "--reuid=65534 --regid=65534 --clear-groups --inh-caps=-all";

/// What Docker and podman leave to root in a container if not told otherwise.
const OF_A_CONTAINER: &str = "-all,+chown,+dac_override,+fowner,+fsetid,+kill,+setgid,+setuid,\
    +setpcap,+net_bind_service,+net_raw,+sys_chroot,+mknod,+audit_write,+setfcap";

/// A source as `toa load` leaves it, under another name and for a cgroup alone.
struct Fortress {
    pins: Pins,
    dir: PathBuf,
    ground: Ground,
}

impl Fortress {
    fn build() -> Option<Self> {
        let namespace = Namespace::enter_or_skip()?;
        let ground = Ground::take(namespace).unwrap();
        let dir = PathBuf::from(format!("/sys/fs/bpf/toa-stress-{}", process::id()));
        let pins = Pins::at(&dir);
        pins.load(&ground.config()).unwrap();
        Some(Self { pins, dir, ground })
    }

    fn status(&self) -> Status {
        self.pins.status().unwrap().remove(0)
    }

    /// Lets the intruder try all it can, with `wrapper` in front of its command
    /// line; but for `allowed`, nothing must succeed.
    fn withstands(&self, wrapper: &str, allowed: &[&str]) {
        let files = TempDir::new().unwrap();
        fs::set_permissions(files.path(), fs::Permissions::from_mode(0o755)).unwrap();
        let place = |from: &Path, name: &str| {
            let to = files.path().join(name);
            fs::copy(from, &to).unwrap();
            to
        };
        let program = place(&env::current_exe().unwrap(), "intruder");
        let target = Target {
            pins: self.dir.clone(),
            cgroup: self.ground.cgroup().to_owned(),
            cgroup_id: fs::metadata(self.ground.cgroup()).unwrap().ino(),
            victim: process::id(),
            highest_map: aya::maps::loaded_maps()
                .flatten()
                .map(|map| map.id())
                .max()
                .unwrap(),
            toa: place(&toa_command(), "toa"),
        };
        let before = self.status();
        let mut command = Command::new("sh");
        command.args(["-c", &format!("exec {wrapper} \"$@\"; exit 9"), "sh"]);
        command.arg(program);
        intruder::disguise(&mut command, &target);
        let output = command.output().unwrap();
        let said = String::from_utf8_lossy(&output.stdout);
        println!("{said}{}", String::from_utf8_lossy(&output.stderr));
        if said.contains("DONE load by command") {
            toa_bpf::unload().unwrap();
        }
        for attempt in ATTEMPTS {
            let refused = said.contains(&format!("refused {attempt}: "));
            assert!(
                refused || allowed.contains(&attempt),
                "{attempt}, {wrapper}"
            );
        }
        assert_eq!(self.status(), before, "{wrapper}");
        self.works(before.counters.syn_recv_sock_toa);
    }

    fn works(&self, seen: u64) {
        let listener = Side::V4.listen().unwrap();
        let server = Side::V4.server(listener.local_addr().unwrap().port());
        let from = (Side::V4.trusted(1), 31_000 + seen as u16).into();
        let mut peer = self.ground.device.peer(from, server);
        peer.connect(&[], &option(Side::V4.client(1))).unwrap();
        let (stream, _) = listener.accept().unwrap();
        assert_eq!(stream.peer_addr().unwrap(), Side::V4.client(1));
        assert_eq!(self.status().counters.syn_recv_sock_toa, seen + 1);
    }
}

impl Drop for Fortress {
    fn drop(&mut self) {
        if let Err(error) = self.pins.unload() {
            eprintln!("the source stays behind: {error}");
        }
    }
}

/// `toa`, built like this test.
fn toa_command() -> PathBuf {
    let test = env::current_exe().unwrap();
    let dir = test.parent().and_then(Path::parent).unwrap();
    let mut cargo = Command::new(env!("CARGO"));
    cargo.args(["build", "--quiet", "--locked", "--package", "toa-cli"]);
    if dir.ends_with("release") {
        cargo.arg("--release");
    }
    assert!(cargo.status().unwrap().success());
    dir.join("toa")
}

#[test]
fn a_container_without_privileges_neither_changes_nor_reads_nor_unloads_the_source() {
    let Some(fortress) = Fortress::build() else {
        return;
    };
    let nobody = format!("setpriv {NOBODY} --bounding-set=-all --no-new-privs");
    fortress.withstands(&format!("{nobody} unshare -U -n -m -C"), &[]);
}

#[test]
fn root_in_a_user_namespace_neither_changes_nor_reads_nor_unloads_the_source() {
    let Some(fortress) = Fortress::build() else {
        return;
    };
    // In the network namespace of its own alone.
    fortress.withstands(
        &format!("setpriv {NOBODY} unshare -U -r -n -m -C"),
        &[RAW_SOCKET],
    );
}

#[test]
fn root_in_a_container_neither_changes_nor_reads_nor_unloads_the_source() {
    let Some(fortress) = Fortress::build() else {
        return;
    };
    let inside = format!(
        "umount -R /sys/fs/bpf && mount -t proc proc /proc && \
         exec setpriv --inh-caps=-all --bounding-set={OF_A_CONTAINER} --no-new-privs \"$@\""
    );
    // A raw socket makes it a machine of the private network: see docs/trust.md.
    fortress.withstands(
        &format!("unshare -n -m -C -p -f sh -c '{inside}' sh"),
        &[RAW_SOCKET, "list the descriptors of another's process"],
    );
}

#[test]
fn a_user_without_root_reads_no_address_of_others() {
    let Some(fortress) = Fortress::build() else {
        return;
    };
    fortress.withstands(&format!("setpriv {NOBODY} --no-new-privs"), &[]);
    fortress.withstands(
        &format!("setpriv {NOBODY} --bounding-set=-all --no-new-privs"),
        &[],
    );
}

#[test]
fn the_pins_belong_to_root_alone() {
    let Some(fortress) = Fortress::build() else {
        return;
    };
    // The map of connections beside the source's own directory; in that the path of the
    // cgroup, the counters and a link for each program.
    let source = fortress.status().pins.unwrap();
    for (dir, expected) in [(&fortress.dir, 2), (&source, 6)] {
        let entries: Vec<_> = fs::read_dir(dir).unwrap().flatten().collect();
        assert_eq!(entries.len(), expected, "{entries:?}");
        let itself = (dir.clone(), fs::metadata(dir).unwrap());
        let inside = entries
            .into_iter()
            .map(|entry| (entry.path(), entry.metadata().unwrap()));
        for (path, meta) in inside.chain([itself]) {
            let mode = match meta.file_type() {
                kind if kind.is_dir() => 0o700,
                kind if kind.is_symlink() => continue,
                _ => 0o600,
            };
            assert_eq!((meta.uid(), meta.mode() & 0o7777), (0, mode), "{path:?}");
        }
    }
}
