//! Where the command's words go: to a reader that has gone, and to a full disk.
#![cfg(target_os = "linux")]
#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use std::fs::File;
use std::io::pipe;
use std::process::{Command, Output, Stdio};

const COMMANDS: [&[&str]; 4] = [
    &["status"],
    &["status", "--json"],
    &["status", "--help"],
    &["--version"],
];

fn toa(args: &[&str], stdout: impl Into<Stdio>) -> Output {
    Command::new(env!("CARGO_BIN_EXE_toa"))
        .args(args)
        .stdout(stdout)
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
        .wait_with_output()
        .unwrap()
}

#[test]
fn a_reader_that_has_gone_changes_neither_exit_code_nor_standard_error() {
    for args in COMMANDS {
        let (reader, writer) = pipe().unwrap();
        drop(reader);
        let (gone, read) = (toa(args, writer), toa(args, Stdio::piped()));
        assert_eq!(gone.status.code(), read.status.code(), "{args:?}");
        assert_eq!(gone.stderr, read.stderr, "{args:?}");
    }
}

#[test]
fn a_full_disk_is_an_error_that_says_so() {
    for args in COMMANDS {
        let full = File::options().write(true).open("/dev/full").unwrap();
        let output = toa(args, full);
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{args:?}: {said}");
        assert!(
            said.starts_with("toa: cannot write to standard output: No space left"),
            "{args:?}: {said}"
        );
    }
}

#[test]
fn standard_error_that_cannot_be_written_changes_no_exit_code() {
    for args in [
        &["no-such-command"][..],
        &["lb", "3000", "--format", "toa@8"],
    ] {
        let full = || File::options().write(true).open("/dev/full").unwrap();
        let status = Command::new(env!("CARGO_BIN_EXE_toa"))
            .args(args)
            .stdout(full())
            .stderr(full())
            .status()
            .unwrap();
        assert_eq!(status.code(), Some(2), "{args:?}");
    }
}

#[test]
fn the_exit_codes_of_status_stand_in_its_help() {
    let output = toa(&["status", "--help"], Stdio::piped());
    let help = String::from_utf8(output.stdout).unwrap();
    for line in [
        "  0  a source answers and nothing is wrong",
        "  1  no source answers",
        "  2  the answer could not be found out",
        "  3  a source answers and something is wrong",
    ] {
        assert!(help.contains(line), "{line}: {help}");
    }
}

#[test]
fn the_help_of_load_tells_what_it_does_without_options() {
    let help = |args: &[&str]| String::from_utf8(toa(args, Stdio::piped()).stdout).unwrap();
    let summary = "Load the eBPF source; on the host it stays until `toa unload` or a reboot\n";
    let long = help(&["load", "--help"]);
    assert!(long.starts_with(summary), "{long}");
    assert!(
        long.contains("Without options it loads all sources of the settings file"),
        "{long}"
    );
    assert!(help(&["--help"]).contains(summary));
}
