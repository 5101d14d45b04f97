//! The command that loads a source again with its settings, for advice.

use std::path::Path;

use toa_bpf::{Config, Lifetime, Scope, Status};

use crate::cgroup;

/// What the formats are written behind: the whole command, since a load that changes one
/// setting gives all of them. A cgroup that is not visible from here cannot be named, and the
/// command without it would cover the whole host.
pub(super) fn load_command(status: &Status) -> String {
    if status.scope == Scope::Hidden {
        return "--format ".to_owned();
    }
    // Those of the host's BPF file system are the default.
    let pins = match status.lifetime {
        Lifetime::Mount => status.pins.as_deref().and_then(Path::parent),
        _ => None,
    };
    load_command_of(&status.config(), pins)
}

fn load_command_of(config: &Config, pins: Option<&Path>) -> String {
    let mut command = format!("toa load --trust {}", config.trusted);
    if let Some(cgroup) = &config.cgroup {
        command += &format!(" --cgroup {}", shell_word(cgroup));
        if cgroup::check_survives_restart(cgroup).is_err() {
            command += " --until-restart";
        }
    }
    if let Some(pins) = pins {
        command += &format!(" --pins {}", shell_word(pins));
    }
    if !config.peername {
        command += " --no-peername";
    }
    if config.insecure_believe_implausible {
        command += " --insecure-believe-implausible";
    }
    command + " --format "
}

/// systemd writes `-` of a unit's name as `\x2d` in the names of cgroups.
fn shell_word(path: &Path) -> String {
    let text = path.display().to_string();
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "/._-@:".contains(c);
    match text.chars().all(is_plain) {
        true => text,
        false => format!("'{}'", text.replace('\'', r"'\''")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Anything else than what is loaded would be another source, or none.
    #[test]
    fn the_load_that_is_advised_keeps_all_that_is_loaded() {
        let config = || Config::new("10.1.0.0/16".parse().unwrap());
        let everything = config()
            .with_cgroup("/sys/fs/cgroup/system.slice")
            .with_peername(false)
            .with_insecure_believe_implausible(true);
        for (config, pins, command) in [
            (config(), None, "toa load --trust 10.1.0.0/16 --format "),
            (
                everything,
                Some("/run/toa/bpf"),
                "toa load --trust 10.1.0.0/16 --cgroup /sys/fs/cgroup/system.slice --pins \
                 /run/toa/bpf --no-peername --insecure-believe-implausible --format ",
            ),
            (
                config().with_cgroup("/sys/fs/cgroup/system.slice/nginx.service"),
                None,
                "toa load --trust 10.1.0.0/16 --cgroup /sys/fs/cgroup/system.slice/nginx.service \
                 --until-restart --format ",
            ),
            (
                config().with_cgroup(r"/sys/fs/cgroup/system-a\x2db.slice/it's"),
                None,
                r"toa load --trust 10.1.0.0/16 --cgroup '/sys/fs/cgroup/system-a\x2db.slice/it'\''s' --format ",
            ),
        ] {
            assert_eq!(load_command_of(&config, pins.map(Path::new)), command);
        }
    }
}
