//! The two halves as programs.

use std::io::{BufRead, BufReader};
use std::net::{Ipv6Addr, SocketAddr, TcpListener};
use std::process::{Child, Command, Output, Stdio};

use toa_bpf::{Attached, Config, attach};
use toa_core::TrustedPeers;
use toa_lab::sandbox::Sandbox;

pub(crate) const TOA: &str = env!("CARGO_BIN_EXE_toa");

/// The half on the backend.
pub(crate) struct Serve {
    child: Child,
    pub(crate) port: u16,
    pub(crate) token: String,
}

impl Serve {
    pub(crate) fn start() -> Self {
        let port = free_port();
        let mut child = Command::new(TOA)
            .args(["check-balancer", "serve", &port.to_string()])
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let token = lines
            .map_while(Result::ok)
            .find_map(|line| Some(line.split_once("--token ")?.1.to_owned()))
            .unwrap();
        Self { child, port, token }
    }

    pub(crate) fn probe(&self, address: SocketAddr, more: &[&str]) -> Output {
        probe(address, &self.token, more)
    }
}

impl Drop for Serve {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

pub(crate) fn probe(address: SocketAddr, token: &str, more: &[&str]) -> Output {
    let address = address.to_string();
    let args = [
        "check-balancer",
        "probe",
        &address,
        "--token",
        token,
        "--wait",
        "500ms",
    ];
    Command::new(TOA).args(args).args(more).output().unwrap()
}

fn free_port() -> u16 {
    let listener = TcpListener::bind((Ipv6Addr::UNSPECIFIED, 0)).unwrap();
    listener.local_addr().unwrap().port()
}

pub(crate) fn source(sandbox: &Sandbox, trusted: TrustedPeers) -> Attached {
    sandbox.cgroup().join().unwrap();
    attach(&Config::new(trusted).with_cgroup(sandbox.cgroup().path())).unwrap()
}

pub(crate) fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}
