//! TLS, by either library: the client is the same as without.
#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

mod common;

use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;

use actix_web::rt::net::TcpStream;
use actix_web::{App, HttpRequest, HttpServer, web};
use common::{BOTH, Http, ask};
use http::StatusCode;
use openssl::pkey::PKey;
use openssl::ssl::{SslAcceptor, SslAcceptorBuilder, SslMethod};
use openssl::x509::X509;
use rcgen::{CertifiedKey, KeyPair, generate_simple_self_signed};
use rustls::pki_types::{PrivateKeyDer, ServerName};
use rustls::{ClientConfig, RootCertStore, ServerConfig};
use toa_actix::{RealClient, client_as_peer, on_connect};
use tokio_rustls::TlsConnector;

type Certificate = CertifiedKey<KeyPair>;

fn rustls_config(certificate: &Certificate) -> ServerConfig {
    let key = PrivateKeyDer::Pkcs8(certificate.signing_key.serialize_der().into());
    ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate.cert.der().clone()], key)
        .unwrap()
}

fn openssl_config(certificate: &Certificate) -> SslAcceptorBuilder {
    let mut builder = SslAcceptor::mozilla_intermediate_v5(SslMethod::tls_server()).unwrap();
    let key = PKey::private_key_from_der(&certificate.signing_key.serialize_der()).unwrap();
    builder.set_private_key(&key).unwrap();
    let x509 = X509::from_der(certificate.cert.der()).unwrap();
    builder.set_certificate(&x509).unwrap();
    builder
}

/// A server for each library; both offer HTTP/1.1 and HTTP/2.
fn serve(certificate: &Certificate) -> [(&'static str, SocketAddr); 2] {
    ["rustls", "openssl"].map(|library| {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let addr = listener.local_addr().unwrap();
        let server = HttpServer::new(|| {
            client_as_peer(App::new().default_service(web::to(
                |client: RealClient, request: HttpRequest| async move {
                    format!("{client} {}", request.peer_addr().unwrap())
                },
            )))
        })
        .workers(1)
        .on_connect(on_connect);
        let server = match library {
            "rustls" => server.listen_rustls_0_23(listener, rustls_config(certificate)),
            _ => server.listen_openssl(listener, openssl_config(certificate)),
        };
        actix_web::rt::spawn(server.unwrap().run());
        (library, addr)
    })
}

#[actix_web::test]
async fn under_tls_every_request_of_a_connection_carries_its_client() {
    let certificate = generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let mut roots = RootCertStore::empty();
    roots.add(certificate.cert.der().clone()).unwrap();
    for (library, addr) in serve(&certificate) {
        for http in BOTH {
            let provider = Arc::new(rustls::crypto::ring::default_provider());
            let mut config = ClientConfig::builder_with_provider(provider)
                .with_safe_default_protocol_versions()
                .unwrap()
                .with_root_certificates(roots.clone())
                .with_no_client_auth();
            let protocol: &[u8] = match http {
                Http::One => b"http/1.1",
                Http::Two => b"h2",
            };
            config.alpn_protocols = vec![protocol.to_vec()];
            let tcp = TcpStream::connect(addr).await.unwrap();
            let local = tcp.local_addr().unwrap();
            let name = ServerName::try_from("localhost").unwrap();
            let connector = TlsConnector::from(Arc::new(config));
            let tls = connector.connect(name, tcp).await.unwrap();
            assert_eq!(tls.get_ref().1.alpn_protocol(), Some(protocol));

            let expected = format!("{} {local}", toa_core::to_mapped(local));
            let answers = ask(tls, http, &["/", "/", "/"]).await;
            let expected = vec![(StatusCode::OK, expected); 3];
            assert_eq!(answers, expected, "{library} {http:?}");
        }
    }
}
