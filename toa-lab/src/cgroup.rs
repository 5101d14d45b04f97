//! A cgroup for a test of its own.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, OnceLock, PoisonError};
use std::thread;
use std::time::Duration;

/// Where this process was before it made its first cgroup.
static HOME: OnceLock<PathBuf> = OnceLock::new();
/// What [`remove_all`] removes.
static LIVE: Mutex<Vec<PathBuf>> = Mutex::new(Vec::new());

/// A new directory of the cgroup v2 hierarchy. Dropping it moves this process
/// back to where it came from, kills every other process that is in the directory,
/// such as what this one started while it was there, and removes the directory with
/// all below it.
///
/// A socket belongs to the cgroup that its process was in when it made the
/// socket, so a program attached to this cgroup sees the sockets made after
/// [`join`](Self::join) and no others.
#[derive(Debug)]
pub struct Cgroup {
    path: PathBuf,
}

impl Cgroup {
    /// Makes the directory. No process is in it yet.
    ///
    /// # Errors
    ///
    /// cgroup v2 is not mounted, or the process may not write there.
    pub fn create() -> io::Result<Cgroup> {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let root = root()?;
        let current = current(&root)?;
        HOME.get_or_init(|| current);
        loop {
            let number = NEXT.fetch_add(1, Ordering::Relaxed);
            let path = root.join(format!("toa-sandbox-{}-{number}", process::id()));
            match fs::create_dir(&path) {
                Ok(()) => {
                    live(|live| live.push(path.clone()));
                    return Ok(Cgroup { path });
                }
                // Left behind by a killed process that had this number.
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                Err(error) => return Err(with_path("make", &path, &error)),
            }
        }
    }

    /// The directory, for a source to attach to.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Moves the calling process, with all its threads, into this cgroup.
    ///
    /// # Errors
    ///
    /// The kernel refuses.
    pub fn join(&self) -> io::Result<()> {
        join(&self.path)
    }
}

impl Drop for Cgroup {
    fn drop(&mut self) {
        live(|live| live.retain(|path| *path != self.path));
        if let Err(error) = remove(&self.path) {
            tracing::error!(%error, path = %self.path.display(), "the cgroup of a test is left behind");
        }
    }
}

/// Moves the calling process, with all its threads, into the cgroup at `path`.
///
/// # Errors
///
/// It is no cgroup, or the kernel refuses.
pub fn join(path: &Path) -> io::Result<()> {
    let procs = path.join("cgroup.procs");
    fs::write(&procs, process::id().to_string()).map_err(|error| with_path("write", &procs, &error))
}

/// Removes every cgroup that this process has made and not dropped: for a
/// handler of signals that end the process without dropping anything.
pub fn remove_all() {
    for path in live(std::mem::take) {
        // The process is about to end, and nobody could act on an error.
        let _ = remove(&path);
    }
}

fn live<T>(change: impl FnOnce(&mut Vec<PathBuf>) -> T) -> T {
    change(&mut LIVE.lock().unwrap_or_else(PoisonError::into_inner))
}

/// Where cgroup v2 is mounted; beside cgroup v1 it is not /sys/fs/cgroup itself.
fn root() -> io::Result<PathBuf> {
    let mounts = fs::read_to_string("/proc/self/mounts")?;
    let mut mounts = mounts.lines().map(|line| line.split(' '));
    mounts
        .find_map(|mut fields| {
            let directory = fields.nth(1)?;
            (fields.next()? == "cgroup2").then(|| PathBuf::from(directory))
        })
        .ok_or_else(|| {
            io::Error::new(
                io::ErrorKind::NotFound,
                "cgroup v2 is not mounted: mount -t cgroup2 none /sys/fs/cgroup",
            )
        })
}

/// The cgroup that this process is in.
fn current(root: &Path) -> io::Result<PathBuf> {
    let text = fs::read_to_string("/proc/self/cgroup")?;
    let own = text.lines().find_map(|line| line.strip_prefix("0::/"));
    Ok(root.join(own.unwrap_or_default()))
}

fn remove(path: &Path) -> io::Result<()> {
    if current(&root()?)?.starts_with(path)
        && let Some(home) = HOME.get()
    {
        join(home)?;
    }
    // Since Linux 5.14; before that, a process that stays makes the removal fail.
    let _ = fs::write(path.join("cgroup.kill"), "1");
    for entry in fs::read_dir(path)?.flatten() {
        if entry.file_type()?.is_dir() {
            remove(&entry.path())?;
        }
    }
    // A killed process leaves a moment later.
    for _ in 0..100 {
        if fs::remove_dir(path).is_ok() {
            return Ok(());
        }
        thread::sleep(Duration::from_millis(20));
    }
    fs::remove_dir(path)
}

fn with_path(action: &str, path: &Path, error: &io::Error) -> io::Error {
    io::Error::new(
        error.kind(),
        format!("cannot {action} {}: {error}", path.display()),
    )
}
