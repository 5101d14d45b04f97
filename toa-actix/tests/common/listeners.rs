//! One server for each kind of listener, and a client that knows how to ask it.

use std::any::Any;
use std::net::{SocketAddr, TcpListener};
use std::path::PathBuf;
use std::sync::Arc;

use actix_web::dev::{Extensions, Service};
use actix_web::rt::{net::TcpStream, spawn};
use actix_web::web::ServiceConfig;
use actix_web::{App, HttpServer};
use http::StatusCode;
use openssl::pkey::PKey;
use openssl::ssl::{SslAcceptor, SslAcceptorBuilder, SslMethod};
use openssl::x509::X509;
use rcgen::{CertifiedKey, KeyPair, generate_simple_self_signed};
use rustls::pki_types::{PrivateKeyDer, ServerName};
use rustls::{ClientConfig, RootCertStore, ServerConfig};
use toa_actix::client_as_peer;
use toa_actix::test::with_client;
use tokio_rustls::TlsConnector;

use super::{BOTH, Http, ask};

/// What actix can listen with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Listener {
    Plain,
    Rustls,
    Openssl,
    #[cfg(unix)]
    Unix,
}

pub(crate) const LISTENERS: &[Listener] = &[
    Listener::Plain,
    Listener::Rustls,
    Listener::Openssl,
    #[cfg(unix)]
    Listener::Unix,
];

impl Listener {
    /// Whether toa-actix knows the type of its streams, with the features of this build.
    pub(crate) fn is_known(self) -> bool {
        (self != Self::Rustls || cfg!(feature = "rustls-0_23"))
            && (self != Self::Openssl || cfg!(feature = "openssl"))
    }

    pub(crate) fn is_unix(self) -> bool {
        !matches!(self, Self::Plain | Self::Rustls | Self::Openssl)
    }

    /// Which protocols it serves.
    pub(crate) fn protocols(self) -> &'static [Http] {
        if self.is_unix() { &BOTH[..1] } else { &BOTH }
    }
}

pub(crate) type Hook = Arc<dyn Fn(&dyn Any, &mut Extensions) + Send + Sync>;

/// A server on a listener of some kind, until the test ends.
pub(crate) struct Server {
    listener: Listener,
    address: Address,
    certificate: CertifiedKey<KeyPair>,
}

enum Address {
    Tcp(SocketAddr),
    #[cfg_attr(
        not(unix),
        expect(dead_code, reason = "there are Unix sockets on Unix only")
    )]
    Path(PathBuf),
}

impl Server {
    /// Serves `routes`, with `hook` where there is one. Requests with the query `?mock` carry
    /// a made-up client.
    pub(crate) fn start(
        listener: Listener,
        hook: Option<Hook>,
        routes: fn(&mut ServiceConfig),
    ) -> Self {
        let certificate = generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        let server = HttpServer::new(move || {
            client_as_peer(App::new().configure(routes).wrap_fn(|request, app| {
                app.call(match request.query_string() {
                    "mock" => with_client(request, ([203, 0, 113, 7], 1)),
                    _ => request,
                })
            }))
        });
        let mut server = server.workers(1).disable_signals();
        if let Some(hook) = hook {
            server = server.on_connect(move |connection, data| hook(connection, data));
        }
        let tcp = TcpListener::bind("127.0.0.1:0").unwrap();
        let mut address = Address::Tcp(tcp.local_addr().unwrap());
        let server = match listener {
            Listener::Plain => server.listen_auto_h2c(tcp),
            Listener::Rustls => server.listen_rustls_0_23(tcp, rustls_config(&certificate)),
            Listener::Openssl => server.listen_openssl(tcp, openssl_config(&certificate)),
            #[cfg(unix)]
            Listener::Unix => {
                let path = socket_path();
                let unix = std::os::unix::net::UnixListener::bind(&path).unwrap();
                address = Address::Path(path);
                server.listen_uds(unix)
            }
        };
        spawn(server.unwrap().run());
        Self {
            listener,
            address,
            certificate,
        }
    }

    /// GETs the paths over one connection; returns the client's own address, where it has
    /// one, and the answers.
    pub(crate) async fn get_all(
        &self,
        http: Http,
        paths: &[&str],
    ) -> (Option<SocketAddr>, Vec<(StatusCode, String)>) {
        let addr = match &self.address {
            Address::Tcp(addr) => *addr,
            Address::Path(path) => return (None, ask_unix(path, http, paths).await),
        };
        let tcp = TcpStream::connect(addr).await.unwrap();
        let local = tcp.local_addr().unwrap();
        let answers = match self.listener {
            Listener::Plain => ask(tcp, http, paths).await,
            _ => {
                let config = client_config(&self.certificate, http);
                let name = ServerName::try_from("localhost").unwrap();
                let connector = TlsConnector::from(Arc::new(config));
                let tls = connector.connect(name, tcp).await.unwrap();
                assert_eq!(tls.get_ref().1.alpn_protocol(), Some(protocol(http)));
                ask(tls, http, paths).await
            }
        };
        (Some(local), answers)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Address::Path(path) = &self.address {
            let _ = std::fs::remove_file(path);
        }
    }
}

#[cfg(unix)]
async fn ask_unix(path: &PathBuf, http: Http, paths: &[&str]) -> Vec<(StatusCode, String)> {
    let stream = actix_web::rt::net::UnixStream::connect(path).await.unwrap();
    ask(stream, http, paths).await
}

#[cfg(not(unix))]
async fn ask_unix(_: &PathBuf, _: Http, _: &[&str]) -> Vec<(StatusCode, String)> {
    unreachable!("there are Unix sockets on Unix only")
}

/// A path of its own for each socket of each test process.
#[cfg(unix)]
fn socket_path() -> PathBuf {
    use std::sync::atomic::{AtomicU32, Ordering};
    static NUMBER: AtomicU32 = AtomicU32::new(0);
    let number = NUMBER.fetch_add(1, Ordering::Relaxed);
    std::env::temp_dir().join(format!("toa-actix-{}-{number}", std::process::id()))
}

fn protocol(http: Http) -> &'static [u8] {
    match http {
        Http::One => b"http/1.1",
        Http::Two => b"h2",
    }
}

fn client_config(certificate: &CertifiedKey<KeyPair>, http: Http) -> ClientConfig {
    let mut roots = RootCertStore::empty();
    roots.add(certificate.cert.der().clone()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = vec![protocol(http).to_vec()];
    config
}

fn rustls_config(certificate: &CertifiedKey<KeyPair>) -> ServerConfig {
    let key = PrivateKeyDer::Pkcs8(certificate.signing_key.serialize_der().into());
    ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate.cert.der().clone()], key)
        .unwrap()
}

fn openssl_config(certificate: &CertifiedKey<KeyPair>) -> SslAcceptorBuilder {
    let mut builder = SslAcceptor::mozilla_intermediate_v5(SslMethod::tls_server()).unwrap();
    let key = PKey::private_key_from_der(&certificate.signing_key.serialize_der()).unwrap();
    builder.set_private_key(&key).unwrap();
    let x509 = X509::from_der(certificate.cert.der()).unwrap();
    builder.set_certificate(&x509).unwrap();
    builder
}
