//! Containers and users of the host against the loaded source.

use std::env;
use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::{self, Command};

use tempfile::TempDir;
use toa_bpf::{Config, Pins, Status};
use toa_core::TrustedPeers;
use toa_lab::peer::PeerDevice;
use toa_lab::sandbox::Sandbox;
use toa_stress::storm::{AddressPath, option};

use crate::intruder::{self, ATTEMPTS, RAW_SOCKET, Target};

const NOBODY: &str = "--reuid=65534 --regid=65534 --clear-groups --inh-caps=-all";

/// The capabilities that Docker and podman leave to root in a container by default.
const OF_A_CONTAINER: &str = "-all,+chown,+dac_override,+fowner,+fsetid,+kill,+setgid,+setuid,\
    +setpcap,+net_bind_service,+net_raw,+sys_chroot,+mknod,+audit_write,+setfcap";

/// A source as `toa load` leaves it, with its own pin directory and for one cgroup.
struct LoadedSource {
    pins: Pins,
    dir: PathBuf,
    device: PeerDevice,
    sandbox: Sandbox,
}

impl LoadedSource {
    fn load_or_skip() -> Option<Self> {
        let sandbox = Sandbox::enter_or_skip()?;
        sandbox.cgroup().join().unwrap();
        let device = PeerDevice::open().unwrap();
        let dir = PathBuf::from(format!("/sys/fs/bpf/toa-stress-{}", process::id()));
        let pins = Pins::at(&dir);
        let config = Config::new(TrustedPeers::private()).with_cgroup(sandbox.cgroup().path());
        pins.load(&config).unwrap();
        Some(Self {
            pins,
            dir,
            device,
            sandbox,
        })
    }

    fn status(&self) -> Status {
        self.pins.status().unwrap().remove(0)
    }

    /// Runs the intruder with `wrapper` in front of its command line; no attempt must
    /// succeed but those in `allowed`.
    fn expect_refusals(&self, wrapper: &str, allowed: &[&str]) {
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
            cgroup: self.sandbox.cgroup().path().to_owned(),
            cgroup_id: fs::metadata(self.sandbox.cgroup().path()).unwrap().ino(),
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
        intruder::as_intruder(&mut command, &target);
        let output = command.output().unwrap();
        let output_text = String::from_utf8_lossy(&output.stdout);
        println!("{output_text}{}", String::from_utf8_lossy(&output.stderr));
        if output_text.contains("DONE load by command") {
            toa_bpf::unload().unwrap();
        }
        for attempt in ATTEMPTS {
            let refused = output_text.contains(&format!("refused {attempt}: "));
            assert!(
                refused || allowed.contains(&attempt),
                "{attempt}, {wrapper}"
            );
        }
        assert_eq!(self.status(), before, "{wrapper}");
        self.expect_client(before.counters.syn_recv_sock_toa);
    }

    fn expect_client(&self, seen: u64) {
        let listener = AddressPath::V4.listen().unwrap();
        let server = AddressPath::V4.server(listener.local_addr().unwrap().port());
        let from = (AddressPath::V4.trusted(1), 31_000 + seen as u16).into();
        let mut peer = self.device.peer(from, server);
        peer.connect(&[], &option(AddressPath::V4.client(1)))
            .unwrap();
        let (stream, _) = listener.accept().unwrap();
        assert_eq!(stream.peer_addr().unwrap(), AddressPath::V4.client(1));
        assert_eq!(self.status().counters.syn_recv_sock_toa, seen + 1);
    }
}

impl Drop for LoadedSource {
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
    let Some(source) = LoadedSource::load_or_skip() else {
        return;
    };
    let unprivileged = format!("setpriv {NOBODY} --bounding-set=-all --no-new-privs");
    source.expect_refusals(&format!("{unprivileged} unshare -U -n -m -C"), &[]);
}

#[test]
fn root_in_a_user_namespace_neither_changes_nor_reads_nor_unloads_the_source() {
    let Some(source) = LoadedSource::load_or_skip() else {
        return;
    };
    // A raw socket in its own network namespace reaches nobody else.
    source.expect_refusals(
        &format!("setpriv {NOBODY} unshare -U -r -n -m -C"),
        &[RAW_SOCKET],
    );
}

#[test]
fn root_in_a_container_neither_changes_nor_reads_nor_unloads_the_source() {
    let Some(source) = LoadedSource::load_or_skip() else {
        return;
    };
    let inside = format!(
        "umount -R /sys/fs/bpf && mount -t proc proc /proc && \
         exec setpriv --inh-caps=-all --bounding-set={OF_A_CONTAINER} --no-new-privs \"$@\""
    );
    // With a raw socket it is one more host of the private network: see docs/trust.md.
    source.expect_refusals(
        &format!("unshare -n -m -C -p -f sh -c '{inside}' sh"),
        &[RAW_SOCKET, "list the descriptors of another's process"],
    );
}

#[test]
fn a_user_without_root_reads_no_address_of_others() {
    let Some(source) = LoadedSource::load_or_skip() else {
        return;
    };
    source.expect_refusals(&format!("setpriv {NOBODY} --no-new-privs"), &[]);
    source.expect_refusals(
        &format!("setpriv {NOBODY} --bounding-set=-all --no-new-privs"),
        &[],
    );
}

#[test]
fn the_pins_belong_to_root_alone() {
    let Some(loaded) = LoadedSource::load_or_skip() else {
        return;
    };
    // The maps of connections beside the source's own directory; in that the path of the
    // cgroup, the counters and a link for each program.
    let source = loaded.status().pins.unwrap();
    for (dir, expected) in [(&loaded.dir, 3), (&source, 6)] {
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
