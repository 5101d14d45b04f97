//! Which processes have a socket, found as ss(8) finds it: by the numbers of the sockets that
//! are open in /proc/PID/fd.

use std::collections::HashMap;
use std::fs;
use std::io::{self, ErrorKind};
use std::path::Path;

use serde::Serialize;

/// A process that has a socket open.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Process {
    pub(crate) id: u32,
    /// At most 15 characters.
    pub(crate) name: String,
}

/// All of one moment.
#[derive(Debug, Default)]
pub(crate) struct Processes {
    /// Socket and process, sorted: many thousands, of which each is looked for once.
    sockets: Vec<(u32, u32)>,
    names: HashMap<u32, String>,
    are_hidden: bool,
}

impl Processes {
    /// Those that are wanted, by number and name.
    pub(crate) fn find(wanted: impl Fn(u32, &str) -> bool) -> Self {
        Self::find_in(Path::new("/proc"), wanted)
    }

    fn find_in(proc: &Path, wanted: impl Fn(u32, &str) -> bool) -> Self {
        let mut found = Self::default();
        for entry in fs::read_dir(proc).into_iter().flatten().flatten() {
            let file_name = entry.file_name();
            let Some(id) = file_name.to_str().and_then(|name| name.parse().ok()) else {
                continue;
            };
            // A process may end at any moment, and may call itself anything.
            let Ok(name) = fs::read(entry.path().join("comm")) else {
                continue;
            };
            let name = String::from_utf8_lossy(name.trim_ascii_end()).into_owned();
            if wanted(id, &name) {
                found.add(id, name, &entry.path().join("fd"));
            }
        }
        found.sockets.sort_unstable();
        found.sockets.dedup();
        found
    }

    fn add(&mut self, id: u32, name: String, descriptors: &Path) {
        match socket_numbers(descriptors) {
            Ok(numbers) => {
                let sockets = numbers.into_iter().map(|number| (number, id));
                self.sockets.extend(sockets);
                self.names.insert(id, name);
            }
            // Else it has ended.
            Err(error) => self.are_hidden |= error.kind() == ErrorKind::PermissionDenied,
        }
    }

    /// Whether some do not let this process look.
    pub(crate) fn are_hidden(&self) -> bool {
        self.are_hidden
    }

    /// Those that have this socket open.
    pub(crate) fn of_socket(&self, inode: u32) -> Vec<Process> {
        let first = self.sockets.partition_point(|(number, _)| *number < inode);
        let holders = self.sockets[first..].iter();
        holders
            // A socket that is not accepted yet, or closed, has the number 0.
            .take_while(|(number, _)| *number == inode && inode != 0)
            .map(|&(_, id)| Process {
                id,
                name: self.names.get(&id).cloned().unwrap_or_default(),
            })
            .collect()
    }
}

fn socket_numbers(descriptors: &Path) -> io::Result<Vec<u32>> {
    let mut numbers = Vec::new();
    for entry in fs::read_dir(descriptors)? {
        match fs::read_link(entry?.path()) {
            Ok(target) => numbers.extend(target.to_str().and_then(socket_number)),
            // Closed by now.
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
    }
    Ok(numbers)
}

fn socket_number(target: &str) -> Option<u32> {
    let number = target.strip_prefix("socket:[")?.strip_suffix(']')?;
    number.parse().ok()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn a_socket_is_found_with_all_processes_that_hold_it() {
        let proc = tempfile::tempdir().unwrap();
        for (id, name, targets) in [
            (
                "7",
                "nginx\n",
                &["socket:[100]", "/dev/null", "socket:[100]"][..],
            ),
            ("9", "nginx worker\n", &["socket:[100]", "pipe:[101]"]),
            ("12", "sshd\n", &["socket:[102]", "socket:[0]"]),
            ("self", "cat\n", &["socket:[102]"]),
        ] {
            let fds = proc.path().join(id).join("fd");
            fs::create_dir_all(&fds).unwrap();
            fs::write(proc.path().join(id).join("comm"), name).unwrap();
            for (number, target) in targets.iter().enumerate() {
                symlink(target, fds.join(number.to_string())).unwrap();
            }
        }
        fs::write(proc.path().join("uptime"), "1").unwrap();

        let ids = |processes: &Processes, inode| -> Vec<u32> {
            let found = processes.of_socket(inode);
            found.iter().map(|process| process.id).collect()
        };
        let all = Processes::find_in(proc.path(), |_, _| true);
        assert_eq!(ids(&all, 100), [7, 9]);
        assert_eq!(ids(&all, 102), [12]);
        for unknown in [0, 1, 101, 103] {
            assert!(ids(&all, unknown).is_empty(), "{unknown}");
        }
        assert_eq!(all.of_socket(100)[1].name, "nginx worker");
        let one = Processes::find_in(proc.path(), |id, name| (id, name) == (9, "nginx worker"));
        assert_eq!(ids(&one, 100), [9]);
    }

    #[test]
    fn this_process_has_the_sockets_that_it_has() {
        use std::os::fd::AsRawFd;
        use std::os::unix::fs::MetadataExt;

        let socket = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let path = format!("/proc/self/fd/{}", socket.as_raw_fd());
        let inode = fs::metadata(path).unwrap().ino();
        let own = std::process::id();
        let found = Processes::find(|id, _| id == own);
        let holders = found.of_socket(u32::try_from(inode).unwrap());
        assert_eq!(holders.len(), 1, "{holders:?}");
        assert_eq!(holders[0].id, own);
    }

    #[test]
    fn only_sockets_have_a_socket_number() {
        for (target, number) in [
            ("socket:[4711]", Some(4711)),
            ("socket:[]", None),
            ("socket:[4711", None),
            ("socket:[99999999999]", None),
            ("pipe:[4711]", None),
            ("/tmp/socket:[4711]", None),
        ] {
            assert_eq!(socket_number(target), number, "{target}");
        }
    }
}
