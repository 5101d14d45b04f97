//! What stands in a report. Whatever cannot be read says why.

use std::fmt::Write as _;
use std::fs;
use std::process::Command;

use crate::status::Subject;

type Section = (&'static str, String);

pub(super) fn sections(subject: &Subject) -> Vec<Section> {
    let report = subject.ask();
    vec![
        ("system", system()),
        ("this process", this_process()),
        (
            "toa status",
            shown(report.as_ref().map(ToString::to_string)),
        ),
        (
            "toa status --json",
            shown(report.as_ref().map(|report| {
                serde_json::to_string_pretty(report).unwrap_or_else(|error| error.to_string())
            })),
        ),
        ("programs on cgroups, on the hooks of a source", programs()),
        ("/etc/toa/toa.toml", file("/etc/toa/toa.toml")),
        ("mounts of cgroups and BPF file systems", mounts()),
        ("settings of the kernel", settings()),
        ("configuration of the kernel", configuration()),
        ("what the kernel module said", messages()),
    ]
}

fn shown(result: Result<String, &anyhow::Error>) -> String {
    result.unwrap_or_else(|error| format!("not known: {error:#}"))
}

fn file(path: &str) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| format!("cannot be read: {error}"))
}

fn lines(text: &str, wanted: impl Fn(&str) -> bool) -> String {
    let mut found = String::new();
    for line in text.lines().filter(|line| wanted(line)) {
        found.push_str(line);
        found.push('\n');
    }
    match found.is_empty() {
        true => "none".to_owned(),
        false => found,
    }
}

fn system() -> String {
    let release = ["/etc/os-release", "/usr/lib/os-release"]
        .iter()
        .find_map(|path| fs::read_to_string(path).ok())
        .unwrap_or_default();
    let distribution = lines(&release, |line| {
        ["PRETTY_NAME=", "ID=", "VERSION_ID="]
            .iter()
            .any(|name| line.starts_with(name))
    });
    let processors = std::thread::available_parallelism().map_or(0, usize::from);
    let (version, uptime) = (file("/proc/version"), file("/proc/uptime"));
    format!(
        "{}\n{distribution}{} on {processors} processors\nup for {} seconds\n",
        version.trim_end(),
        std::env::consts::ARCH,
        uptime.split_whitespace().next().unwrap_or_default()
    )
}

fn this_process() -> String {
    let status = lines(&file("/proc/self/status"), |line| {
        ["Uid:", "Cap", "NoNewPrivs:", "Seccomp:"]
            .iter()
            .any(|name| line.starts_with(name))
    });
    let namespaces = ["cgroup", "net", "pid", "user"].map(|name| {
        let of = |process| fs::read_link(format!("/proc/{process}/ns/{name}"));
        match (of("self"), of("1")) {
            (Ok(own), Ok(first)) if own == first => {
                format!("{name} namespace: the first process's\n")
            }
            (Ok(_), Ok(_)) => format!("{name} namespace: not the first process's\n"),
            _ => format!("{name} namespace: not known\n"),
        }
    });
    format!(
        "{status}{}{}",
        namespaces.concat(),
        file("/proc/self/cgroup")
    )
}

fn programs() -> String {
    let programs = match toa_bpf::cgroup_programs() {
        Ok(programs) => programs,
        Err(error) => return format!("not known: {error}"),
    };
    let mut text = String::new();
    for program in &programs {
        // Writing to a String cannot fail.
        let _ = writeln!(
            text,
            "{} {} {} (id {})",
            program.cgroup.display(),
            program.hook,
            program.name,
            program.id
        );
    }
    match text.is_empty() {
        true => "none".to_owned(),
        false => text,
    }
}

fn mounts() -> String {
    lines(&file("/proc/self/mountinfo"), |line| {
        [" - cgroup", " - bpf "]
            .iter()
            .any(|kind| line.contains(kind))
    })
}

fn settings() -> String {
    let names = [
        "kernel/unprivileged_bpf_disabled",
        "net/core/bpf_jit_enable",
        "net/core/somaxconn",
        "net/ipv4/tcp_fastopen",
        "net/ipv4/tcp_syncookies",
        "net/ipv4/tcp_timestamps",
        "net/mptcp/enabled",
    ];
    let mut text: String = names
        .iter()
        .map(|name| format!("{name}: {}\n", file(&format!("/proc/sys/{name}")).trim()))
        .collect();
    for path in ["/sys/kernel/security/lsm", "/sys/kernel/security/lockdown"] {
        let _ = writeln!(text, "{path}: {}", file(path).trim());
    }
    text
}

fn configuration() -> String {
    let release = file("/proc/sys/kernel/osrelease");
    let path = format!("/boot/config-{}", release.trim());
    match fs::read_to_string(&path) {
        Ok(text) => lines(&text, |line| {
            [
                "CONFIG_BPF",
                "CONFIG_CGROUP_BPF",
                "CONFIG_DEBUG_INFO_BTF",
                "CONFIG_FUNCTION_TRACER",
                "CONFIG_KPROBES",
                "CONFIG_MODULE_SIG",
                "CONFIG_MPTCP",
            ]
            .iter()
            .any(|name| line.trim_start_matches("# ").starts_with(name))
        }),
        Err(error) => format!("{path} cannot be read: {error}"),
    }
}

/// The kernel's log as dmesg shows it.
fn messages() -> String {
    match Command::new("dmesg").output() {
        Ok(output) if output.status.success() => {
            lines(&String::from_utf8_lossy(&output.stdout), |line| {
                line.contains("toa:")
            })
        }
        Ok(output) => format!("not known: {}", String::from_utf8_lossy(&output.stderr)),
        Err(error) => format!("not known: dmesg does not run: {error}"),
    }
}
