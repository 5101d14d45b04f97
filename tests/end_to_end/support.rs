//! What the end-to-end tests share: a sandbox each, servers, real clients.

use std::collections::BTreeSet;
use std::fmt::Debug;
use std::io::{BufRead, BufReader};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::LazyLock;
use std::time::{Duration, Instant};

use http_body_util::{BodyExt, Empty};
use hyper::body::Bytes;
use hyper::client::conn::http2;
use hyper_util::rt::{TokioExecutor, TokioIo};
use toa_lab::sandbox::Sandbox;

/// The port that servers under test listen on, each in a namespace of its own.
pub(crate) const PORT: u16 = 3000;

/// The sandbox of a privileged test, which has the eBPF programs of the host's root
/// cgroup to itself: no other test of this program runs meanwhile.
pub(crate) fn sandbox() -> Option<Sandbox> {
    Sandbox::enter_or_skip()
}

/// A child process that ends with the test.
pub(crate) struct Server(Child);

impl Server {
    pub(crate) fn start(command: &mut Command) -> Self {
        let shown = format!("{command:?}");
        Self(
            command
                .spawn()
                .unwrap_or_else(|error| panic!("{shown}: {error}")),
        )
    }

    pub(crate) fn child(&mut self) -> &mut Child {
        &mut self.0
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// An example program, built by `cargo test` beside this one.
pub(crate) fn example(name: &str) -> PathBuf {
    let test = std::env::current_exe().unwrap();
    let path = test
        .parent()
        .and_then(Path::parent)
        .unwrap()
        .join("examples")
        .join(name);
    assert!(
        path.exists(),
        "{} is not built: cargo build --examples",
        path.display()
    );
    path
}

/// A demo that listens, and the lines that it has printed at its start.
pub(crate) struct Demo {
    pub(crate) server: Server,
    pub(crate) said: Vec<String>,
}

impl Demo {
    pub(crate) fn start(name: &str) -> Self {
        Self::start_as(&mut Command::new(example(name)))
    }

    /// Starts a command line that runs a demo. It is listening once this returns.
    pub(crate) fn start_as(command: &mut Command) -> Self {
        let mut server = Server::start(
            command
                .arg(format!("[::]:{PORT}"))
                .stdout(Stdio::piped())
                .stdin(Stdio::null())
                // A test may wait for a line of its log.
                .env_remove("RUST_LOG"),
        );
        let stdout = server.child().stdout.as_mut().unwrap();
        let mut said: Vec<String> = Vec::new();
        for line in BufReader::new(stdout).lines() {
            said.push(line.unwrap());
            if said.last().is_some_and(|line| line.starts_with("compare")) {
                break;
            }
        }
        await_listener(PORT);
        Self { server, said }
    }

    /// The line that starts with `word`.
    pub(crate) fn said(&self, word: &str) -> &str {
        self.said
            .iter()
            .find_map(|line| line.strip_prefix(word))
            .unwrap_or_else(|| panic!("no line {word:?} in {:#?}", self.said))
            .trim_start()
    }

    /// The address in the `curl -6` line.
    pub(crate) fn virtual_url(&self) -> &str {
        let quoted = self.said("try").strip_prefix("curl -6 ").unwrap();
        quoted.trim_matches('\'')
    }
}

/// Waits until a server accepts connections on `port`.
pub(crate) fn await_listener(port: u16) {
    let start = Instant::now();
    let addr: SocketAddr = ([127, 0, 0, 1], port).into();
    let addr6: SocketAddr = (std::net::Ipv6Addr::LOCALHOST, port).into();
    while TcpStream::connect(addr).is_err() && TcpStream::connect(addr6).is_err() {
        assert!(
            start.elapsed() < Duration::from_secs(20),
            "nobody listens on port {port}"
        );
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// One response that curl received, and its local address.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) body: String,
    pub(crate) local: SocketAddr,
    pub(crate) connects: u32,
    pub(crate) http_version: String,
}

/// curl that prints nothing but errors, uses no proxy and has a time limit.
pub(crate) fn curl_command() -> Command {
    let mut command = Command::new("curl");
    command.args(["--silent", "--show-error", "--max-time", "20"]);
    command.args(["--noproxy", "*"]);
    command
}

/// Runs curl on each of `urls` in one process, so that it may keep its connection.
pub(crate) fn curl(options: &[&str], urls: &[&str]) -> Vec<Answer> {
    const FORMAT: &str = "\u{1}%{local_ip} %{local_port} %{num_connects} %{http_version}\u{2}";
    let output = curl_command()
        .args(["-w", FORMAT])
        .args(options)
        .args(urls)
        .output()
        .unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(
        output.status.success(),
        "curl: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    let answers: Vec<Answer> = text.split_terminator('\u{2}').map(parse_answer).collect();
    assert_eq!(answers.len(), urls.len(), "{text:?}");
    answers
}

/// Asks `url` for as many streams at once on one HTTP/2 connection; gives the
/// connection's local address and the bodies.
pub(crate) fn http2_streams(url: &str, streams: usize) -> (SocketAddr, Vec<String>) {
    let uri: hyper::Uri = url.parse().unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        let authority = uri.authority().unwrap().as_str();
        let stream = tokio::net::TcpStream::connect(authority).await.unwrap();
        let local = stream.local_addr().unwrap();
        let (sender, connection) = http2::handshake(TokioExecutor::new(), TokioIo::new(stream))
            .await
            .unwrap();
        tokio::spawn(connection);
        let requests = (0..streams).map(|_| {
            let mut sender = sender.clone();
            let request = hyper::Request::get(&uri)
                .body(Empty::<Bytes>::new())
                .unwrap();
            tokio::spawn(async move { sender.send_request(request).await.unwrap() })
        });
        let mut bodies = Vec::new();
        for response in requests.collect::<Vec<_>>() {
            let body = response
                .await
                .unwrap()
                .into_body()
                .collect()
                .await
                .unwrap()
                .to_bytes();
            bodies.push(String::from_utf8(body.to_vec()).unwrap());
        }
        (local, bodies)
    })
}

fn parse_answer(text: &str) -> Answer {
    let (body, facts) = text.split_once('\u{1}').unwrap();
    let [ip, port, connects, http_version] =
        facts.split(' ').collect::<Vec<_>>().try_into().unwrap();
    Answer {
        body: body.to_owned(),
        local: SocketAddr::new(ip.parse().unwrap(), port.parse().unwrap()),
        connects: connects.parse().unwrap(),
        http_version: http_version.to_owned(),
    }
}

/// A copy of a program that every user may run.
pub(crate) fn copy_for_everyone(program: &Path) -> PathBuf {
    use std::os::unix::fs::PermissionsExt;

    static DIR: LazyLock<tempfile::TempDir> = LazyLock::new(|| {
        let dir = tempfile::tempdir().unwrap();
        std::fs::set_permissions(dir.path(), std::fs::Permissions::from_mode(0o755)).unwrap();
        dir
    });
    let copy = DIR.path().join(program.file_name().unwrap());
    if !copy.exists() {
        std::fs::copy(program, &copy).unwrap();
    }
    copy
}

/// This project's objects in the kernel: eBPF programs and maps by name and number,
/// and the TUN devices of this namespace.
pub(crate) fn kernel_objects() -> BTreeSet<String> {
    let programs = aya::programs::loaded_programs().map(Result::unwrap);
    let programs = programs.map(|prog| format!("{} {}", prog.name_as_str().unwrap(), prog.id()));
    let maps = aya::maps::loaded_maps().map(Result::unwrap);
    let maps = maps.map(|map| format!("{} {}", map.name_as_str().unwrap(), map.id()));
    let devices = Command::new("ip")
        .args(["-brief", "link"])
        .output()
        .unwrap();
    let devices = String::from_utf8(devices.stdout).unwrap();
    let devices = devices
        .lines()
        .filter_map(|line| line.split(' ').next())
        .map(str::to_owned);
    programs
        .chain(maps)
        .filter(|name| name.starts_with("toa"))
        .chain(devices.filter(|device| device != "lo"))
        .collect()
}

/// Waits until `look` gives `expected`: the kernel frees programs a moment later.
pub(crate) fn await_equal<T: PartialEq + Debug>(look: impl Fn() -> T, expected: &T, what: &str) {
    let start = Instant::now();
    while look() != *expected {
        if start.elapsed() > Duration::from_secs(10) {
            assert_eq!(&look(), expected, "{what}");
        }
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// The command line of a program that a user without privileges runs.
pub(crate) fn unprivileged(program: &Path) -> Command {
    const NOBODY: &str = "65534";
    let mut command = Command::new("setpriv");
    command.args([
        "--reuid",
        NOBODY,
        "--regid",
        NOBODY,
        "--clear-groups",
        "--no-new-privs",
    ]);
    command.arg(copy_for_everyone(program));
    command
}
