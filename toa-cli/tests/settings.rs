//! The settings file as operators use it: load, compare, check.
#![cfg(target_os = "linux")]
#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

mod host;

use std::fs;
use std::path::PathBuf;
use std::process::{Command, Output};

use host::{Host, TOA, stderr, stdout, toa};

/// A settings file in a directory of its own.
struct File {
    _dir: tempfile::TempDir,
    path: PathBuf,
}

impl File {
    fn new(text: &str) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("toa.toml");
        let file = Self { _dir: dir, path };
        file.write(text);
        file
    }

    fn write(&self, text: &str) {
        fs::write(&self.path, text).unwrap();
    }

    /// The command with this file as its settings.
    fn toa(&self, args: &[&str]) -> Output {
        let settings = ["--settings", self.path.to_str().unwrap()];
        toa(&[args, &settings].concat())
    }
}

fn source(name: &str, scope: &str, rest: &str) -> String {
    format!("[[source]]\nname = '{name}'\nscope = '{scope}'\n{rest}\n")
}

#[track_caller]
fn says(output: &Output, code: i32, words: &[&str]) {
    let said = stdout(output) + &stderr(output);
    assert_eq!(output.status.code(), Some(code), "{said}");
    for word in words {
        assert!(said.contains(word), "{word}: {said}");
    }
}

#[test]
fn load_alone_loads_what_the_file_says_and_diff_finds_nothing() {
    let Some(host) = Host::enter() else { return };
    let web = host.cgroup("web");
    let file = File::new(
        &(source("balancer", "host", "trust = ['10.1.0.0/16', 'fd00::/8']")
            + &source(
                "web",
                web.to_str().unwrap(),
                "trust = 'private'\npeername = false",
            )),
    );
    says(
        &file.toa(&["diff"]),
        1,
        &["balancer: not loaded", "web: not loaded"],
    );
    let loaded = file.toa(&["load"]);
    says(
        &loaded,
        0,
        &[
            "balancer: loaded, for the whole host\ntrusts 10.1.0.0/16,fd00::/8\n",
            "web: loaded, for ",
        ],
    );
    says(
        &file.toa(&["diff"]),
        0,
        &["what is loaded is what the file says"],
    );
    says(
        &file.toa(&["load"]),
        0,
        &["balancer: loaded, in the place of another"],
    );
    says(&file.toa(&["diff"]), 0, &[]);
}

#[test]
fn diff_names_each_setting_that_differs_and_load_brings_it_back() {
    let Some(host) = Host::enter() else { return };
    let file = File::new(&source("balancer", "host", "trust = ['10.1.0.0/16']"));
    says(&file.toa(&["load"]), 0, &[]);
    let by_hand = file.toa(&["load", "--trust", "10.2.0.0/16", "--no-peername"]);
    let differs = format!("! differs from balancer in {}", file.path.display());
    let trust = "trust is 10.2.0.0/16, the file says 10.1.0.0/16";
    says(
        &by_hand,
        0,
        &[&differs, trust, "peername is false, the file says true"],
    );
    says(
        &file.toa(&["diff"]),
        1,
        &["balancer: peername is false", trust],
    );

    let other = host.cgroup("other");
    let other = other.to_str().unwrap();
    let by_hand = file.toa(&["load", "--cgroup", other, "--trust", "10.3.0.0/16"]);
    says(&by_hand, 0, &["gone after a reboot"]);
    let unnamed = format!(
        "a source for {other} is loaded that the file does not name: `toa unload --cgroup {other}`"
    );
    says(
        &file.toa(&["load"]),
        0,
        &["(before: 10.2.0.0/16)", &unnamed],
    );
    says(&file.toa(&["diff"]), 1, &[&unnamed]);
    says(&toa(&["unload", "--cgroup", other]), 0, &["unloaded"]);
    says(&file.toa(&["diff"]), 0, &[]);
}

#[test]
fn a_source_that_cannot_be_loaded_keeps_no_other_from_it() {
    let Some(_host) = Host::enter() else { return };
    let file = File::new(
        &(source("gone", "/no/such/cgroup", "trust = 'private'")
            + &source("balancer", "host", "trust = ['10.1.0.0/16']")),
    );
    let loaded = file.toa(&["load"]);
    says(
        &loaded,
        2,
        &[
            "gone: /no/such/cgroup is not a cgroup v2 directory",
            "balancer: loaded",
        ],
    );
    says(&file.toa(&["diff"]), 1, &["gone: not loaded"]);
    says(&toa(&["status"]), 0, &["10.1.0.0/16"]);
}

#[test]
fn a_file_with_a_mistake_loads_nothing_and_leaves_what_is_loaded() {
    let Some(_host) = Host::enter() else { return };
    let file = File::new(&source("balancer", "host", "trust = ['10.1.0.0/16']"));
    says(&file.toa(&["load"]), 0, &[]);
    file.write(&source("balancer", "host", "trusted = ['10.2.0.0/16']"));
    for command in ["load", "diff"] {
        says(
            &file.toa(&[command]),
            2,
            &["line 4: trusted = ", "there is no key `trusted`"],
        );
    }
    let by_hand = file.toa(&["load", "--trust", "10.3.0.0/16"]);
    says(
        &by_hand,
        0,
        &["loaded, in the place", "! the settings file", "line 4"],
    );
    says(&toa(&["status"]), 0, &["10.3.0.0/16"]);
}

#[test]
fn check_config_needs_no_privilege_and_tells_by_its_exit_code() {
    let check = |text: &str| {
        let file = File::new(text);
        Command::new(TOA)
            .arg("check-config")
            .arg(&file.path)
            .output()
            .unwrap()
    };
    let good = check(&source("balancer", "host", "trust = ['10.1.0.0/16']"));
    says(
        &good,
        0,
        &["balancer: the whole host, trusts 10.1.0.0/16\n"],
    );
    let strangers = check(&source("balancer", "host", "trust = 'any'"));
    says(&strangers, 0, &["! everybody's option is believed"]);
    says(
        &check("[[source]]\n"),
        2,
        &["toa: the settings file ", "line 1"],
    );
    says(&check(""), 2, &["no [[source]]"]);
}
