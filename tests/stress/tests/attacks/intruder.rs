//! What a process without privileges tries against a loaded source.

use std::env;
use std::fmt::Debug;
use std::fs::{self, File};
use std::os::fd::OwnedFd;
use std::path::PathBuf;
use std::process::Command;

use aya::maps::{MapData, MapInfo, loaded_maps};
use aya::programs::links::PinnedLink;
use aya::programs::{ProgramInfo, loaded_links, loaded_programs};
use rustix::process::{Pid, PidfdFlags, PidfdGetfdFlags, pidfd_getfd, pidfd_open};
use socket2::{Domain, Protocol, Socket, Type};
use toa_bpf::{Config, Pins, attach};
use toa_core::TrustedPeers;

const ROLE: &str = "TOA_INTRUDER";

/// What the intruder attacks.
#[derive(Clone, Debug)]
pub(crate) struct Target {
    pub(crate) pins: PathBuf,
    pub(crate) cgroup: PathBuf,
    /// The name of the source's own directory below the pins.
    pub(crate) cgroup_id: u64,
    /// Of a process that holds the connections of others.
    pub(crate) victim: u32,
    /// No map has a higher number.
    pub(crate) highest_map: u32,
    /// The command `toa`, which is tried as well.
    pub(crate) toa: PathBuf,
}

/// All that is tried; every one must be refused.
pub(crate) const ATTEMPTS: [&str; 24] = [
    "look into the pins' directory",
    "open the pinned addresses",
    "open the pinned counters",
    "open the pinned link",
    "open the pinned program",
    "remove a pin",
    "remove all pins",
    "rename the pins' directory",
    "put a pin of one's own beside them",
    "make the pins' directory accessible",
    "ask for maps by number",
    "open maps by number",
    "ask for programs by number",
    "ask for links by number",
    "unload by library",
    "replace by library",
    "attach to the same cgroup",
    "unload by command",
    "load by command",
    "read the counters by command",
    "list the descriptors of another's process",
    "take a connection out of another's process",
    RAW_SOCKET,
    "see the source in a BPF file system of one's own",
];

/// What takes CAP_NET_RAW, which many containers have.
pub(crate) const RAW_SOCKET: &str = "write TCP headers with a raw socket";

/// Makes `command` run this test program as the intruder.
pub(crate) fn as_intruder(command: &mut Command, target: &Target) {
    command
        .args(["--exact", "intruder::the_intruder", "--nocapture"])
        .env(ROLE, "1")
        .env("TOA_PINS", &target.pins)
        .env("TOA_CGROUP", &target.cgroup)
        .env("TOA_CGROUP_ID", target.cgroup_id.to_string())
        .env("TOA_VICTIM", target.victim.to_string())
        .env("TOA_HIGHEST", target.highest_map.to_string())
        .env("TOA_COMMAND", &target.toa);
}

#[test]
fn the_intruder() {
    if env::var_os(ROLE).is_none() {
        return;
    }
    let path = |name| PathBuf::from(env::var_os(name).unwrap());
    let number = |name| env::var(name).unwrap().parse().unwrap();
    let target = Target {
        pins: path("TOA_PINS"),
        cgroup: path("TOA_CGROUP"),
        cgroup_id: env::var("TOA_CGROUP_ID").unwrap().parse().unwrap(),
        victim: number("TOA_VICTIM"),
        highest_map: number("TOA_HIGHEST"),
        toa: path("TOA_COMMAND"),
    };
    println!();
    for attempt in ATTEMPTS {
        match try_it(attempt, &target) {
            Ok(done) => println!("DONE {attempt}: {done}"),
            Err(refusal) => println!("refused {attempt}: {}", refusal.replace('\n', " ")),
        }
    }
}

/// `Ok` means that the intruder succeeded.
fn try_it(attempt: &str, target: &Target) -> Result<String, String> {
    let pins = &target.pins;
    let source = pins.join(target.cgroup_id.to_string());
    let library = Pins::at(pins);
    let config = Config::new(TrustedPeers::private()).with_cgroup(&target.cgroup);
    match attempt {
        "look into the pins' directory" => describe(fs::read_dir(pins)),
        "open the pinned addresses" => describe(MapData::from_pin(pins.join("toa_conns_2"))),
        "open the pinned counters" => describe(MapData::from_pin(source.join("toa_counters"))),
        "open the pinned link" => describe(PinnedLink::from_pin(source.join("toa_sockops"))),
        "open the pinned program" => describe(ProgramInfo::from_pin(source.join("toa_sockops"))),
        "remove a pin" => describe(fs::remove_file(source.join("toa_sockops"))),
        "remove all pins" => describe(fs::remove_dir_all(pins)),
        "rename the pins' directory" => describe(fs::rename(pins, pins.with_extension("gone"))),
        "put a pin of one's own beside them" => describe(fs::create_dir(pins.join("mine"))),
        "make the pins' directory accessible" => {
            use std::os::unix::fs::PermissionsExt;
            describe(fs::set_permissions(pins, fs::Permissions::from_mode(0o777)))
        }
        "ask for maps by number" => first(loaded_maps()),
        "open maps by number" => describe(
            (1..=target.highest_map)
                .find_map(|id| MapInfo::from_id(id).ok())
                .ok_or("none opens"),
        ),
        "ask for programs by number" => first(loaded_programs()),
        "ask for links by number" => first(loaded_links()),
        "unload by library" => match library.unload() {
            Ok(false) => Err("there is nothing to be seen".to_owned()),
            done => describe(done),
        },
        "replace by library" => describe(library.load(&config)),
        "attach to the same cgroup" => describe(attach(&config)),
        "unload by command" => match run(target, &["unload", "--pins", pins.to_str().unwrap()]) {
            Ok(said) if said == "nothing was loaded\n" => Err(said),
            done => done,
        },
        "load by command" => {
            let cgroup = target.cgroup.to_str().unwrap();
            run(target, &["load", "--trust", "private", "--cgroup", cgroup])
        }
        "read the counters by command" => match run(target, &["status", "--json"]) {
            Ok(text) if !text.contains("counters") => Err("not among the answers".to_owned()),
            done => done,
        },
        "list the descriptors of another's process" => {
            describe(fs::read_dir(format!("/proc/{}/fd", target.victim)))
        }
        "take a connection out of another's process" => describe(take_socket(target.victim)),
        RAW_SOCKET => describe(Socket::new(Domain::IPV4, Type::RAW, Some(Protocol::TCP))),
        "see the source in a BPF file system of one's own" => own_bpffs(),
        _ => unreachable!("one of ATTEMPTS"),
    }
}

fn describe<T: Debug, E: Debug>(outcome: Result<T, E>) -> Result<String, String> {
    let short = |text: String| text.chars().take(160).collect();
    outcome
        .map(|done| short(format!("{done:?}")))
        .map_err(|refusal| short(format!("{refusal:?}")))
}

fn first<T, E>(mut all: impl Iterator<Item = Result<T, E>>) -> Result<String, String> {
    let shown = all.find_map(Result::ok).map(|_| "one is shown".to_owned());
    shown.ok_or_else(|| "none is shown".to_owned())
}

fn take_socket(process: u32) -> Result<OwnedFd, String> {
    let pid = i32::try_from(process).ok().and_then(Pid::from_raw);
    let pid = pid.ok_or("no such process")?;
    let process = pidfd_open(pid, PidfdFlags::empty()).map_err(|error| error.to_string())?;
    let take = |fd| pidfd_getfd(&process, fd, PidfdGetfdFlags::empty()).ok();
    (0..64)
        .find_map(take)
        .ok_or_else(|| "none is given".to_owned())
}

/// Root in a user namespace may mount one; it is a new one, and empty.
fn own_bpffs() -> Result<String, String> {
    let at = "/mnt";
    let mut mount = Command::new("mount");
    let mounted = mount.args(["-t", "bpf", "bpf", at]).status();
    if !mounted.is_ok_and(|status| status.success()) {
        return Err("not mounted".to_owned());
    }
    // Every new one has two files with debugging views.
    let entries = fs::read_dir(at).map_err(|error| error.to_string())?;
    let found = entries.flatten().find(|entry| {
        let path = entry.path();
        path.extension().is_none() || File::open(&path).is_ok()
    });
    describe(found.ok_or("mounted, and empty"))
}

fn run(target: &Target, arguments: &[&str]) -> Result<String, String> {
    let output = Command::new(&target.toa).args(arguments).output();
    let output = output.map_err(|error| error.to_string())?;
    let text = [output.stdout, output.stderr].concat();
    let text = String::from_utf8_lossy(&text).into_owned();
    if output.status.success() {
        Ok(text)
    } else {
        Err(text)
    }
}
