//! docs/security.md lists exactly the attacks that are tested.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

/// Files without attacks.
const NO_ATTACKS: [&str; 2] = ["intruder.rs", "document.rs"];

/// Every test in these files and directories.
fn tests(below: &[&str]) -> BTreeSet<String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let mut names = BTreeSet::new();
    for path in below.iter().map(|path| root.join(path)) {
        let files = match path.is_dir() {
            true => fs::read_dir(path)
                .unwrap()
                .map(|e| e.unwrap().path())
                .collect(),
            false => vec![path],
        };
        for file in files {
            if NO_ATTACKS.iter().any(|name| file.ends_with(name)) {
                continue;
            }
            let text = fs::read_to_string(&file).unwrap();
            let after_mark = text.split("#[test]\nfn ").skip(1);
            names.extend(after_mark.map(|rest| rest.split('(').next().unwrap().to_owned()));
        }
    }
    names
}

/// The names in the last column of the page's tables.
fn documented() -> BTreeSet<String> {
    let page = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/security.md");
    let page = fs::read_to_string(page).unwrap();
    page.lines()
        .filter_map(|line| line.strip_suffix("` |")?.rsplit('`').next())
        .map(str::to_owned)
        .collect()
}

#[test]
fn every_attack_of_the_security_page_has_its_test() {
    let there = tests(&[
        "tests/stress/tests/attacks",
        "tests/stress/tests/soak.rs",
        "tests/stress/tests/storm.rs",
        "tests/end_to_end/saved_syn_peers.rs",
        "toa-bpf/tests/pinned.rs",
    ]);
    let missing: Vec<_> = documented().difference(&there).cloned().collect();
    assert!(missing.is_empty(), "no such test: {missing:?}");
    assert!(documented().len() > 30);
}

#[test]
fn every_attack_that_is_tested_is_on_the_security_page() {
    let there = tests(&["tests/stress/tests/attacks"]);
    let missing: Vec<_> = there.difference(&documented()).cloned().collect();
    assert!(missing.is_empty(), "not in docs/security.md: {missing:?}");
}
