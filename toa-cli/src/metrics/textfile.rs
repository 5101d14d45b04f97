//! A file that node_exporter reads.

use std::fs;
use std::io::Write;
use std::path::Path;

use anyhow::Context;

/// Puts the text in the place of the file at once.
pub(super) fn write(path: &Path, text: &str) -> anyhow::Result<()> {
    if path.extension().is_none_or(|extension| extension != "prom") {
        anyhow::bail!(
            "{}: node_exporter reads no file whose name does not end in .prom",
            path.display()
        );
    }
    replace(path, text).with_context(|| format!("cannot write {}", path.display()))
}

fn replace(path: &Path, text: &str) -> anyhow::Result<()> {
    let dir = match path.parent() {
        Some(dir) if dir != Path::new("") => dir,
        _ => Path::new("."),
    };
    // Its name does not end in .prom, so a reader passes it by.
    let mut file = tempfile::Builder::new().prefix(".toa-").tempfile_in(dir)?;
    file.write_all(text.as_bytes())?;
    make_readable(file.as_file())?;
    file.persist(path)?;
    Ok(())
}

/// Whoever collects is another user.
#[cfg(unix)]
fn make_readable(file: &fs::File) -> std::io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    file.set_permissions(fs::Permissions::from_mode(0o644))
}

#[cfg(not(unix))]
fn make_readable(_: &fs::File) -> std::io::Result<()> {
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(dir: &Path) -> Vec<String> {
        let entries = fs::read_dir(dir).unwrap();
        entries
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect()
    }

    #[test]
    fn the_file_is_replaced_whole_and_others_may_read_it() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("toa.prom");
        fs::write(&path, "old and much longer than the new one").unwrap();
        write(&path, "toa_up 1\n").unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "toa_up 1\n");
        assert_eq!(names(dir.path()), ["toa.prom"]);
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            let mode = fs::metadata(&path).unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o644);
        }
    }

    #[test]
    fn a_reader_that_has_the_old_file_open_keeps_it() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("toa.prom");
        write(&path, "old\n").unwrap();
        let open = fs::File::open(&path).unwrap();
        write(&path, "new\n").unwrap();
        assert_eq!(std::io::read_to_string(open).unwrap(), "old\n");
    }

    #[test]
    fn what_cannot_be_written_is_named_and_leaves_nothing_behind() {
        let dir = tempfile::tempdir().unwrap();
        for (path, words) in [
            (dir.path().join("toa.txt"), "does not end in .prom"),
            (dir.path().join("none/toa.prom"), "none/toa.prom"),
        ] {
            let error = format!("{:#}", write(&path, "text").unwrap_err());
            assert!(error.contains(words), "{error}");
        }
        let taken = dir.path().join("taken.prom");
        fs::create_dir(&taken).unwrap();
        assert!(write(&taken, "text").is_err());
        assert_eq!(names(dir.path()), ["taken.prom"]);
    }
}
