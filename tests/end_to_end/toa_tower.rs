//! The examples of toa-tower, each questioned by a real client through the balancer.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::process::Command;
use std::time::{Duration, Instant};

use crate::support::{Demo, PORT, curl, curl_command, http2_streams, sandbox};

/// curl's options for each protocol, and the version that it then reports.
const OVER_TLS: [(&str, &str); 2] = [("--http1.1", "1.1"), ("--http2", "2")];

#[test]
fn under_tls_curl_is_answered_with_its_own_address() {
    let Some(_sandbox) = sandbox() else { return };
    for name in ["axum_tls", "axum_server_tls"] {
        let demo = Demo::start(name);
        let url = demo.virtual_url().replace("http:", "https:");
        let client = format!("{url}client");
        for (protocol, version) in OVER_TLS {
            let answers = curl(&["-k", "-6", protocol], &[&url, &client, &url]);
            let connects: u32 = answers.iter().map(|answer| answer.connects).sum();
            assert_eq!(connects, 1, "{name}: curl kept its connection");
            for (answer, path) in answers.iter().zip(["/", "/client", "/"]) {
                assert_eq!(answer.http_version, version, "{name}");
                let expected = match path {
                    "/client" => answer.local.to_string(),
                    _ => format!("you are {} (toa, peer 10.116.111.", answer.local),
                };
                assert!(
                    answer.body.starts_with(&expected),
                    "{name} {path}: {answer:?}"
                );
            }
        }
        let direct = format!("https://127.0.0.1:{PORT}/");
        for answer in curl(&["-k"], &[&direct]) {
            let expected = format!("you are {} (not_sent)\n", answer.local);
            assert_eq!(answer.body, expected, "{name}");
        }
    }
}

#[test]
fn what_others_read_under_axum_server_is_the_client_too() {
    let Some(_sandbox) = sandbox() else { return };
    let demo = Demo::start("axum_server_tls");
    let url = format!("{}peer", demo.virtual_url().replace("http:", "https:"));
    for answer in curl(&["-k", "-6"], &[&url]) {
        assert_eq!(answer.body, answer.local.to_string());
    }
}

#[test]
fn hyper_tells_the_client_over_both_versions() {
    let Some(_sandbox) = sandbox() else { return };
    let demo = Demo::start("hyper_demo");
    for (protocol, version) in [("--http1.1", "1.1"), ("--http2-prior-knowledge", "2")] {
        for answer in curl(&["-6", protocol], &[demo.virtual_url()]) {
            assert_eq!(answer.http_version, version);
            let expected = format!("you are {} (toa, peer 10.116.111.", answer.local);
            assert!(answer.body.starts_with(&expected), "{answer:?}");
        }
    }
    let (local, bodies) = http2_streams(demo.virtual_url(), 5);
    for body in bodies {
        assert!(body.starts_with(&format!("you are {local} (toa")), "{body}");
    }
}

/// The balancer's side of `demo`, as `ADDRESS:PORT`.
fn authority(demo: &Demo) -> &str {
    demo.virtual_url()
        .trim_start_matches("http://")
        .trim_end_matches('/')
}

fn connect(server: &str) -> TcpStream {
    let stream = TcpStream::connect(server).unwrap();
    stream
        .set_read_timeout(Some(Duration::from_secs(20)))
        .unwrap();
    stream
}

#[test]
fn hyper_tells_the_client_over_an_upgraded_connection() {
    let Some(_sandbox) = sandbox() else { return };
    let demo = Demo::start("hyper_demo");
    let mut stream = connect(authority(&demo));
    let local = stream.local_addr().unwrap();
    stream
        .write_all(
            b"GET / HTTP/1.1\r\nHost: test\r\nConnection: upgrade\r\nUpgrade: toa-demo\r\n\r\n",
        )
        .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let (head, talk) = answer.split_once("\r\n\r\n").unwrap();
    assert!(
        head.starts_with("HTTP/1.1 101 Switching Protocols"),
        "{head}"
    );
    assert!(talk.starts_with(&format!("you are {local} (toa")), "{talk}");
}

#[test]
fn hyper_answers_what_is_under_way_before_it_ends() {
    let Some(_sandbox) = sandbox() else { return };
    let mut demo = Demo::start("hyper_demo");
    // Past the balancer, which ends with the demo and may take the answer along.
    let mut stream = connect(&format!("127.0.0.1:{PORT}"));
    let local = stream.local_addr().unwrap();
    stream
        .write_all(b"GET /slow HTTP/1.1\r\nHost: test\r\n\r\n")
        .unwrap();
    std::thread::sleep(Duration::from_millis(500));
    let child = demo.server.child();
    let signalled = Command::new("kill")
        .args(["-INT", &child.id().to_string()])
        .status();
    assert!(signalled.unwrap().success());
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let expected = format!("you are {local} (not_sent)\n");
    assert!(answer.ends_with(&expected), "{answer}");
    let start = Instant::now();
    while child.try_wait().unwrap().is_none() {
        assert!(start.elapsed() < Duration::from_secs(10), "it does not end");
        std::thread::sleep(Duration::from_millis(20));
    }
    assert!(child.wait().unwrap().success());
}

#[test]
fn a_client_past_the_balancer_is_refused_but_for_health_checks() {
    let Some(_sandbox) = sandbox() else { return };
    let demo = Demo::start("axum_governor");
    let direct = format!("http://127.0.0.1:{PORT}/");
    let health = format!("{direct}healthz");
    let status = ["-w", "%{http_code}"];
    assert_eq!(raw_curl(&status, &direct), "forbidden403");
    assert_eq!(raw_curl(&status, &health), "healthy\n200");
    for answer in curl(&["-6"], &[demo.virtual_url()]) {
        assert_eq!(answer.body, format!("{}\n", answer.local));
    }
}

#[test]
fn limits_are_per_client_and_not_per_balancer() {
    let Some(_sandbox) = sandbox() else { return };
    let demo = Demo::start("axum_governor");
    // Another client, of another /64.
    let second = "fd74:6f62::7";
    let added = Command::new("ip")
        .args(["address", "add", &format!("{second}/128"), "dev", "lo"])
        .status();
    assert!(added.unwrap().success());
    for from in [&[] as &[&str], &["--interface", second]] {
        let options = [&["-6", "-o", "/dev/null", "-w", "%{http_code}"], from].concat();
        let seen = [0; 3].map(|_| raw_curl(&options, demo.virtual_url()));
        assert_eq!(seen, ["200", "200", "429"], "{from:?}");
    }
}

/// What curl prints.
fn raw_curl(options: &[&str], url: &str) -> String {
    let output = curl_command().args(options).arg(url).output().unwrap();
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "curl: {error}");
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn a_websocket_is_told_its_own_address() {
    use futures_util::{SinkExt, StreamExt};
    use tokio_tungstenite::tungstenite::Message;

    let Some(_sandbox) = sandbox() else { return };
    let demo = Demo::start("axum_websocket");
    let authority = authority(&demo);
    runtime().block_on(async {
        let stream = tokio::net::TcpStream::connect(authority).await.unwrap();
        let local = stream.local_addr().unwrap();
        let url = format!("ws://{authority}/ws");
        let (mut socket, _) = tokio_tungstenite::client_async(url, stream).await.unwrap();
        let greeting = socket.next().await.unwrap().unwrap();
        assert_eq!(greeting, Message::text(format!("you are {local}")));
        for text in ["hello", "again"] {
            socket.send(Message::text(text)).await.unwrap();
            let echo = socket.next().await.unwrap().unwrap();
            assert_eq!(echo, Message::text(format!("{local}: {text}")));
        }
    });
}

#[test]
fn a_grpc_client_is_told_its_own_address_with_tls_and_without() {
    let Some(_sandbox) = sandbox() else { return };
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("certificate.pem");
    for encrypted in [false, true] {
        let demo = if encrypted {
            // The address first, then the file: a shell puts them in this order.
            let mut command = Command::new("sh");
            let program = crate::support::example("tonic_demo");
            command.args(["-c", r#"exec "$1" "$3" "$2""#, "sh"]);
            Demo::start_as(command.arg(program).arg(&file))
        } else {
            Demo::start("tonic_demo")
        };
        let ca = encrypted.then(|| std::fs::read_to_string(&file).unwrap());
        let through = demo.virtual_url().trim_start_matches("http://");
        let direct = format!("127.0.0.1:{PORT}");
        runtime().block_on(async {
            for _connection in 0..2 {
                let (local, answers) = ask_grpc(through.trim_end_matches('/'), ca.as_deref()).await;
                let expected = format!("remote_addr {local}, {local} (toa, peer 10.116.111.");
                for answer in answers {
                    assert!(answer.starts_with(&expected), "{answer}");
                }
            }
            let (local, answers) = ask_grpc(&direct, ca.as_deref()).await;
            let expected = format!("remote_addr {local}, {local} (not_sent)");
            assert_eq!(answers, vec![expected; 3]);
        });
    }
}

/// Calls the method three times over one connection, not through the balancer.
pub(crate) fn ask_grpc_directly() {
    let (_, answers) = runtime().block_on(ask_grpc(&format!("127.0.0.1:{PORT}"), None));
    assert_eq!(answers.len(), 3);
}

/// Calls the method over a new connection; its own address, the answer.
pub(crate) fn ask_grpc_once(authority: &str) -> (std::net::SocketAddr, String) {
    let (local, answers) = runtime().block_on(ask_grpc(authority, None));
    (local, answers[0].clone())
}

/// Calls the method three times over one connection; its own address, the answers.
async fn ask_grpc(server: &str, ca: Option<&str>) -> (std::net::SocketAddr, Vec<String>) {
    use tonic::transport::{Certificate, ClientTlsConfig, Endpoint};

    let stream = tokio::net::TcpStream::connect(server).await.unwrap();
    let local = stream.local_addr().unwrap();
    let mut endpoint = Endpoint::from_static("http://localhost");
    if let Some(ca) = ca {
        let config = ClientTlsConfig::new().ca_certificate(Certificate::from_pem(ca));
        endpoint = Endpoint::from_static("https://localhost")
            .tls_config(config)
            .unwrap();
    }
    let mut stream = Some(hyper_util::rt::TokioIo::new(stream));
    let connector = tower::service_fn(move |_| {
        let stream = stream.take().ok_or(std::io::ErrorKind::AlreadyExists);
        std::future::ready(stream.map_err(std::io::Error::from))
    });
    let channel = endpoint.connect_with_connector(connector).await.unwrap();
    let mut answers = Vec::new();
    for _ in 0..3 {
        answers.push(toa_examples::who::ask(channel.clone()).await.unwrap());
    }
    (local, answers)
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap()
}
