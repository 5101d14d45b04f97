//! TOA under TLS, with axum-server and rustls.
//!
//! Run it as root to see all of it:
//!
//!     cargo run --example axum_server_tls [ADDRESS:PORT]
//!
//! It does and answers what `axum_tls` does. `/peer` is what middleware and extractors
//! by others see, axum's `ConnectInfo<SocketAddr>`: the client as well.

use std::net::SocketAddr;

use axum::Router;
use axum::extract::ConnectInfo;
use axum::routing::get;
use axum_server::tls_rustls::{RustlsAcceptor, RustlsConfig};
use toa_examples::{Stage, tls};
use toa_tower::{ClientAddr, RealClient, ToaAcceptor, ToaLayer};

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    toa_examples::log_to_stderr();
    let addr = toa_examples::listen_addr()?;
    let _stage = Stage::set_up(addr.port())?;

    let app = Router::new()
        .route(
            "/",
            get(async |client: ClientAddr| format!("you are {client}\n")),
        )
        .route(
            "/client",
            get(async |RealClient(client): RealClient| client.to_string()),
        )
        .route(
            "/peer",
            get(async |ConnectInfo(peer): ConnectInfo<SocketAddr>| peer.to_string()),
        )
        .layer(ToaLayer.with_connect_info());
    let config = RustlsConfig::from_config(tls::server_config()?);
    axum_server::bind(addr)
        // TOA inside, where the socket is bare; TLS outside.
        .acceptor(RustlsAcceptor::new(config).acceptor(ToaAcceptor::new()))
        .serve(app.into_make_service())
        .await?;
    Ok(())
}
