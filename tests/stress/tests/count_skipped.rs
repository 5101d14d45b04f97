//! ./test.sh ends with the number of tests that did not run.
#![cfg(unix)]

use std::io::Write as _;
use std::process::Command;

#[test]
fn skipped_tests_are_counted_by_reason() {
    for (listed, counted) in [
        ("", "no test was skipped\n"),
        ("a::b: no TUN\n", "1 test was skipped:\n      1 no TUN\n"),
        (
            "a::b: no TUN: none\nc::d: no MPTCP\ne::f: no TUN: none\n",
            "3 tests were skipped:\n      2 no TUN: none\n      1 no MPTCP\n",
        ),
    ] {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(listed.as_bytes()).unwrap();
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/../../ci/count-skipped");
        let output = Command::new(script).arg(file.path()).output().unwrap();
        assert!(output.status.success(), "{output:?}");
        assert_eq!(String::from_utf8(output.stdout).unwrap(), counted);
    }
}
