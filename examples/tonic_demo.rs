//! TOA with gRPC: tonic's own `remote_addr()` is the real client.
//!
//! Run it as root to see all of it:
//!
//!     cargo run --example tonic_demo [ADDRESS:PORT [CERTIFICATE]]
//!
//! It loads the eBPF source and starts a NAT64 balancer for as long as it runs. With a
//! second argument it serves TLS and writes its certificate, for localhost, into that
//! file. Ask it with any gRPC client at the address behind "try", such as
//!
//!     grpcurl -plaintext -import-path examples -proto who.proto [fd74:6f61::2]:3000 toa.Who/Am
//!
//! and the answer is the client's own address, and how it is known:
//!
//!     "remote_addr [fd74:6f61::1]:41234, [fd74:6f61::1]:41234 (toa, peer 10.116.111.16:5000)"

use anyhow::Context;
use toa_examples::who::WhoServer;
use toa_examples::{Stage, tls};
use toa_tower::ClientAddr;
use toa_tower::tonic::ToaIncoming;
use tonic::transport::{Identity, Server, ServerTlsConfig};
use tonic::{Request, Status};

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    toa_examples::log_to_stderr();
    let addr = toa_examples::listen_addr()?;
    let _stage = Stage::set_up(addr.port())?;

    let mut server = Server::builder();
    if let Some(file) = std::env::args().nth(2) {
        let certificate = tls::certificate()?;
        let pem = certificate.cert.pem();
        std::fs::write(&file, &pem)
            .with_context(|| format!("cannot write the certificate to {file:?}"))?;
        let identity = Identity::from_pem(pem, certificate.signing_key.serialize_pem());
        server = server.tls_config(ServerTlsConfig::new().identity(identity))?;
    }
    let incoming = ToaIncoming::bind(addr).await?;
    server
        .layer(incoming.layer())
        .add_service(WhoServer::new(am))
        .serve_with_incoming(incoming)
        .await?;
    Ok(())
}

fn am(request: Request<()>) -> Result<String, Status> {
    let remote_addr = request
        .remote_addr()
        .ok_or_else(|| Status::internal("ToaIncoming is missing"))?;
    let client = ClientAddr::from_extensions(request.extensions())
        .ok_or_else(|| Status::internal("the layer of ToaIncoming is missing"))?;
    Ok(format!("remote_addr {remote_addr}, {client}"))
}
