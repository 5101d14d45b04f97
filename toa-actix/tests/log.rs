//! What the log says, and that a stranger cannot make it say it again. One test, as
//! the log is the process's.
#![cfg(unix)]
#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

mod common;

use std::io::Write;
use std::net::TcpListener;
use std::os::unix::net::UnixListener;
use std::sync::{Arc, Mutex};

use actix_web::rt::net::UnixStream;
use actix_web::{App, HttpServer, web};
use common::{Http, ask, get_all};
use http::StatusCode;
use toa_actix::{RealClient, on_connect};

#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl Log {
    /// The lines since the last call that come from this project.
    fn take(&self) -> Vec<String> {
        let bytes = std::mem::take(&mut *self.0.lock().unwrap());
        let text = String::from_utf8(bytes).unwrap();
        let ours = text.lines().filter(|line| line.contains(" toa_"));
        ours.map(str::to_owned).collect()
    }
}

fn app(config: &mut web::ServiceConfig) {
    config.route(
        "/",
        web::get().to(|client: RealClient| async move { client.to_string() }),
    );
}

const NOT_WIRED_UP: &str = "toa-actix is not wired up: add `.on_connect(toa_actix::on_connect)` \
    to the HttpServer, before `.bind`";
const UNIX: &str = "a unix socket has no client address: take `Option<RealClient>` in handlers \
    that unix sockets reach";
const NO_SOURCE: &str = "no TOA source on this machine, so clients appear with the balancer's \
    address: run `toa load` as root or load the toa kernel module; no restart is needed then";

#[actix_web::test]
async fn what_has_to_be_changed_is_logged_once() {
    let log = Log::default();
    let writer = log.clone();
    tracing_subscriber::fmt()
        .with_ansi(false)
        .without_time()
        .with_max_level(tracing_subscriber::filter::LevelFilter::INFO)
        .with_writer(move || writer.clone())
        .init();

    let tcp = TcpListener::bind("127.0.0.1:0").unwrap();
    let addr = tcp.local_addr().unwrap();
    let source = toa_core::detect_source(&tcp);
    let server = HttpServer::new(|| App::new().configure(app)).workers(2);
    actix_web::rt::spawn(server.on_connect(on_connect).listen(tcp).unwrap().run());
    for _connection in 0..3 {
        let (_, answers) = get_all(addr, Http::One, &["/", "/"]).await;
        assert!(answers.iter().all(|(status, _)| *status == StatusCode::OK));
    }
    let warning = format!(" WARN toa_core::resolver: {NO_SOURCE}");
    let expected = match source {
        toa_core::SourceKind::None => vec![warning],
        _ => vec![],
    };
    assert_eq!(log.take(), expected);

    let tcp = TcpListener::bind("127.0.0.1:0").unwrap();
    let addr = tcp.local_addr().unwrap();
    let server = HttpServer::new(|| App::new().configure(app)).workers(2);
    actix_web::rt::spawn(server.listen(tcp).unwrap().run());
    let refused = (StatusCode::INTERNAL_SERVER_ERROR, NOT_WIRED_UP.to_owned());
    for _connection in 0..3 {
        let (_, answers) = get_all(addr, Http::One, &["/"]).await;
        assert_eq!(answers.as_slice(), std::slice::from_ref(&refused));
    }
    let expected = format!("ERROR toa_actix::error: {NOT_WIRED_UP}");
    assert_eq!(log.take(), [expected]);

    let path = std::env::temp_dir().join(format!("toa-actix-log-{}", std::process::id()));
    let unix = UnixListener::bind(&path).unwrap();
    let server = HttpServer::new(|| App::new().configure(app)).workers(2);
    actix_web::rt::spawn(
        server
            .on_connect(on_connect)
            .listen_uds(unix)
            .unwrap()
            .run(),
    );
    for _connection in 0..3 {
        let stream = UnixStream::connect(&path).await.unwrap();
        let answers = ask(stream, Http::One, &["/"]).await;
        let refused = (StatusCode::INTERNAL_SERVER_ERROR, UNIX.to_owned());
        assert_eq!(answers, [refused]);
    }
    std::fs::remove_file(&path).unwrap();
    assert_eq!(log.take(), [format!("ERROR toa_actix::error: {UNIX}")]);
}
