//! The tools that observe a process: strace and valgrind.

use std::ffi::OsString;
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context as _, bail, ensure};

use crate::process::this_program;

/// Makes sure that a program is there.
pub(crate) fn require(program: &str) -> anyhow::Result<()> {
    let found = Command::new(program)
        .arg("--version")
        .stdout(Stdio::null())
        .status();
    if found.is_err() {
        bail!(
            "{program} is missing: install the package `{program}` (Debian and Ubuntu: `apt-get install {program}`)"
        );
    }
    Ok(())
}

/// A command line that counts system calls into `file`.
pub(crate) fn strace(file: &Path) -> [OsString; 6] {
    [
        "strace".into(),
        "-f".into(),
        "-c".into(),
        "-o".into(),
        file.into(),
        "--".into(),
    ]
}

/// Calls by name in what `strace -c` wrote, in the order of the file.
pub(crate) fn system_calls(file: &Path) -> anyhow::Result<Vec<(String, u64)>> {
    let text = std::fs::read_to_string(file)?;
    let mut calls = Vec::new();
    // `% time, seconds, usecs/call, calls, errors or nothing, name`, between two rules.
    for line in text
        .lines()
        .skip(2)
        .take_while(|line| !line.starts_with('-'))
    {
        let fields: Vec<&str> = line.split_whitespace().collect();
        let [_, _, _, count, .., name] = fields[..] else {
            bail!("strace wrote {line:?}");
        };
        calls.push((name.to_owned(), count.parse()?));
    }
    Ok(calls)
}

/// A command line that counts instructions into `file`.
pub(crate) fn callgrind(file: &Path) -> [OsString; 4] {
    let mut out = OsString::from("--callgrind-out-file=");
    out.push(file);
    [
        "valgrind".into(),
        "--quiet".into(),
        "--tool=callgrind".into(),
        out,
    ]
}

/// The instructions in what callgrind wrote.
pub(crate) fn instructions(file: &Path) -> anyhow::Result<u64> {
    let text = std::fs::read_to_string(file)?;
    let total = text
        .lines()
        .rev()
        .find_map(|line| line.strip_prefix("totals: "));
    total
        .context("callgrind wrote no total")?
        .trim()
        .parse()
        .context("callgrind's total")
}

/// The instructions of this program with these arguments.
pub(crate) fn instructions_of(arguments: &[OsString]) -> anyhow::Result<u64> {
    let file = tempfile::NamedTempFile::new()?;
    let mut command = this_program(&callgrind(file.path()));
    let output = command.args(arguments).stdin(Stdio::null()).output()?;
    ensure!(
        output.status.success(),
        "{command:?}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    instructions(file.path())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_calls_are_read_with_and_without_errors() {
        let file = tempfile::NamedTempFile::new().expect("a file");
        let text = "\
% time     seconds  usecs/call     calls    errors syscall
------ ----------- ----------- --------- --------- ----------------
 50.00    0.000100           1       100        50 accept4
 50.00    0.000100           1        50           getsockopt
------ ----------- ----------- --------- --------- ----------------
100.00    0.000200           1       150        50 total
";
        std::fs::write(file.path(), text).expect("written");
        let calls = system_calls(file.path()).expect("readable");
        assert_eq!(
            calls,
            [("accept4".to_owned(), 100), ("getsockopt".to_owned(), 50)]
        );
    }
}
