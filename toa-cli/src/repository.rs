//! For tests that compare the program with pages of the repository.

use std::fs;
use std::path::{Path, PathBuf};

/// `None` in the package of this crate, which has none of the pages.
pub(crate) fn root() -> Option<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    root.join("docs").exists().then_some(root)
}

/// A file that must be there.
pub(crate) fn read(root: &Path, path: &str) -> String {
    let path = root.join(path);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}
