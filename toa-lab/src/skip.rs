//! What a test says that needs privileges and has none.

use std::fs::File;
use std::io::{self, Write as _};

/// What was entered, if the machine has TUN devices too; else a skip.
pub(crate) fn or_skip<T>(entered: io::Result<T>) -> Option<T> {
    let tun = File::options().read(true).write(true).open("/dev/net/tun");
    match (entered, tun) {
        (Ok(entered), Ok(_)) => return Some(entered),
        (Err(error), _) => skip(&error.to_string()),
        (_, Err(error)) => skip(&format!("cannot open /dev/net/tun: {error}")),
    }
    None
}

/// Says that the calling test does not run, and why: on standard error, past the
/// test harness, which hides what a passing test prints; and as a line of the
/// file that `TOA_SKIPPED_TESTS` names, for whoever runs all tests to count.
///
/// # Panics
///
/// When the environment has `TOA_REQUIRE_PRIVILEGED=1`: then nothing may be skipped.
pub fn skip(why: &str) {
    let required = std::env::var_os("TOA_REQUIRE_PRIVILEGED").is_some_and(|value| value == "1");
    assert!(!required, "TOA_REQUIRE_PRIVILEGED=1, but {why}");
    let line = format!("{}: {why}\n", test_name());
    // The harness captures the print macros only, not the stream itself.
    let _ = io::stderr().write_all(format!("skipped: {line}").as_bytes());
    let Some(list) = std::env::var_os("TOA_SKIPPED_TESTS") else {
        return;
    };
    // One write, so that lines of tests at the same time do not mix.
    let added = File::options()
        .append(true)
        .create(true)
        .open(&list)
        .and_then(|mut file| file.write_all(line.as_bytes()));
    if let Err(error) = added {
        panic!("cannot write TOA_SKIPPED_TESTS={}: {error}", list.display());
    }
}

/// `program::test`. The harness names a test's thread after the test, and cargo adds a
/// hash to the name of the program.
fn test_name() -> String {
    let program = std::env::current_exe().unwrap_or_default();
    let program = program.file_stem().unwrap_or_default().to_string_lossy();
    let program = program.rsplit_once('-').map_or(&*program, |(name, _)| name);
    let thread = std::thread::current();
    format!("{program}::{}", thread.name().unwrap_or("a test"))
}
