//! An nginx as Debian has it, in the foreground and in a directory of its own.

use std::path::Path;
use std::process::Command;

use crate::support::{Server, await_equal};

pub(crate) struct Nginx {
    _server: Server,
    dir: tempfile::TempDir,
}

impl Nginx {
    /// Starts one that listens on `port`. `http` is the inside of its `http` block and
    /// `top` what stands beside that; `{root}` is its directory in both.
    pub(crate) fn start(port: u16, top: &str, http: &str) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let config = dir.path().join("nginx.conf");
        let text = format!(
            "{top}
             daemon off; master_process off; pid {{root}}/pid; error_log {{root}}/error.log;
             events {{}}
             http {{
                 access_log off;
                 client_body_temp_path {{root}}; proxy_temp_path {{root}};
                 fastcgi_temp_path {{root}}; uwsgi_temp_path {{root}}; scgi_temp_path {{root}};
                 {http}
             }}"
        );
        let root = dir.path().display().to_string();
        std::fs::write(&config, text.replace("{root}", &root)).unwrap();
        let log = dir.path().join("error.log");
        let server = Server::start(
            Command::new("nginx")
                .arg("-e")
                .arg(&log)
                .arg("-c")
                .arg(&config),
        );
        await_listening_quietly(port);
        Self {
            _server: server,
            dir,
        }
    }

    pub(crate) fn dir(&self) -> &Path {
        self.dir.path()
    }
}

/// Waits for the listener without a connection that would stand in a log.
fn await_listening_quietly(port: u16) {
    let listening = || {
        let sockets = Command::new("ss")
            .args(["-Hltn", "sport", "=", &format!(":{port}")])
            .output();
        !sockets.unwrap().stdout.is_empty()
    };
    await_equal(listening, &true, "nginx listens");
}
