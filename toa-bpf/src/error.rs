//! What can stand in the way, and the cure for each.

use std::io;
use std::path::PathBuf;

/// Why the source could not be loaded, asked or unloaded.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The process lacks capabilities.
    #[error("{what} needs {missing}, which this process lacks: run as root, or grant it")]
    MissingCapabilities {
        /// What needs them.
        what: &'static str,
        /// The capabilities that are missing.
        missing: String,
    },
    /// The kernel refuses although the capabilities are there.
    #[error(
        "the kernel refuses {what} in spite of the capabilities: a container's seccomp filter, its user namespace, an LSM or kernel lockdown forbids bpf(); load the source on the host"
    )]
    BpfForbidden {
        /// What was refused.
        what: String,
        /// The kernel's answer.
        source: io::Error,
    },
    /// A kernel before 5.11 charges BPF to the limit on locked memory.
    #[error(
        "the limit on locked memory is too low for {what} and cannot be raised: run as root, or set `ulimit -l unlimited` (systemd: LimitMEMLOCK=infinity)"
    )]
    MemoryLimit {
        /// What did not fit.
        what: String,
        /// The kernel's answer.
        source: io::Error,
    },
    /// The kernel is older than the programs need.
    #[error(
        "linux {found} is too old for the eBPF source, which needs 5.10: use the kernel module (kmod/)"
    )]
    KernelTooOld {
        /// The release found.
        found: String,
    },
    /// This kernel has no bpf() at all.
    #[error(
        "this kernel has BPF disabled: it needs CONFIG_BPF_SYSCALL and CONFIG_CGROUP_BPF; use another kernel or the kernel module (kmod/)"
    )]
    BpfDisabled {
        /// The kernel's answer.
        source: io::Error,
    },
    /// Another process does not give back the lock that loaders take.
    #[error(
        "another process holds the lock on {}: wait for another loader to end, or look in /proc/locks for who is in the way",
        dir.display()
    )]
    Locked {
        /// The locked directory.
        dir: PathBuf,
    },
    /// The verifier refuses a program.
    #[error(
        "this kernel rejects the program {program}: please report it with `uname -r` and these last lines of its verifier:\n{log}"
    )]
    ProgramRejected {
        /// Which one.
        program: &'static str,
        /// The last lines of the verifier's log.
        log: String,
        /// The kernel's answer.
        source: io::Error,
    },
    /// No place to pin to.
    #[error(
        "no BPF file system on {}: mount it with `mount -t bpf bpf {}`", mount.display(), mount.display()
    )]
    NoBpffs {
        /// Where it was expected.
        mount: PathBuf,
        /// What failed when it was to be mounted.
        source: io::Error,
    },
    /// What makes a source last, or cover the whole host, is out of reach.
    #[error(
        "{why}: load the source on the host, or give the container the host's process and cgroup namespaces and mounts (docker run --privileged --pid=host --cgroupns=host -v /sys/fs/bpf:/sys/fs/bpf -v /sys/fs/cgroup:/sys/fs/cgroup; in Kubernetes privileged, hostPID and hostPath volumes of the two)"
    )]
    HostOutOfReach {
        /// What was found instead.
        why: String,
    },
    /// A kernel module answers.
    #[error(
        "a kernel module is the source on this host, and answers before the eBPF program would, so that its trusted set would count: remove it first (`rmmod toa`), or stay with it"
    )]
    AnotherSource,
    /// Nothing to attach to.
    #[error(
        "no cgroup v2 hierarchy is mounted: mount it with `mount -t cgroup2 none /sys/fs/cgroup/unified`, or name one with --cgroup"
    )]
    NoCgroup2,
    /// The configured cgroup is none.
    #[error(
        "{} is not a cgroup v2 directory: give one below the cgroup2 mount, such as /sys/fs/cgroup/system.slice", path.display()
    )]
    NotACgroup {
        /// What was configured.
        path: PathBuf,
        /// Why it could not be opened, where it could not.
        source: Option<io::Error>,
    },
    /// Another tool's program leaves no place beside it, on the cgroup or above it.
    #[error(
        "cannot attach {program} to {}: the program {holder} is attached exclusively to {} (`bpftool cgroup show {}`): detach it, have its owner attach it with BPF_F_ALLOW_MULTI, or cover a cgroup that is not below", cgroup.display(), held.display(), held.display()
    )]
    AttachedExclusively {
        /// Which one of ours.
        program: &'static str,
        /// To what.
        cgroup: PathBuf,
        /// The other one.
        holder: String,
        /// Where that is attached.
        held: PathBuf,
        /// The kernel's answer.
        source: io::Error,
    },
    /// A program cannot be attached.
    #[error("cannot attach {program} to {}", cgroup.display())]
    Attach {
        /// Which one.
        program: &'static str,
        /// To what.
        cgroup: PathBuf,
        /// The kernel's answer.
        source: io::Error,
    },
    /// The configuration or the counters cannot be written or read.
    #[error("cannot access the map {map}")]
    Map {
        /// Which one.
        map: &'static str,
        /// What failed.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// A source whose settings this version cannot read.
    #[error(
        "another version of toa loaded the source of {}, and this one cannot read its settings: run `toa load` again with this one, after which connections that are open now have no address, or `toa unload`",
        cgroup.as_ref().map_or_else(|| "a cgroup that is not visible from here".into(), |path| path.display().to_string())
    )]
    OtherVersion {
        /// The cgroup that it covers, where it is known.
        cgroup: Option<PathBuf>,
    },
    /// The embedded object does not load for a reason of its own.
    #[error("cannot load the embedded object: please report it with `uname -r`")]
    ObjectLoad {
        /// What failed.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The kernel does not say what is loaded.
    #[error("cannot ask the kernel what is loaded")]
    KernelQuery {
        /// The kernel's answer.
        source: io::Error,
    },
    /// The kernel does not list its sockets.
    #[error("cannot list tcp connections{}", socket_query_hint(source))]
    SocketQuery {
        /// The kernel's answer.
        source: io::Error,
    },
    /// Something in the pin directory cannot be read or changed.
    #[error("cannot {what} {}{}", path.display(), permission_cure(source))]
    Pin {
        /// What was tried.
        what: &'static str,
        /// Where.
        path: PathBuf,
        /// What failed.
        source: io::Error,
    },
    /// There is no eBPF here.
    #[error(
        "the eBPF source runs on little-endian linux only: develop without it, every client is then the tcp peer"
    )]
    Unsupported,
}

fn socket_query_hint(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::NotFound => {
            ": this kernel does not tell of them, it has neither CONFIG_INET_TCP_DIAG nor the module tcp_diag"
        }
        _ => "",
    }
}

fn permission_cure(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::PermissionDenied => ": run as root",
        _ => "",
    }
}
