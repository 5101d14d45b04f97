//! TOA under TLS, with axum and tokio-rustls.
//!
//! Run it as root to see all of it:
//!
//!     cargo run --example axum_tls [ADDRESS:PORT]
//!
//! It loads the eBPF source and starts a NAT64 balancer for as long as it runs. The
//! certificate is made at start and signed by nobody, so curl needs `-k`. Ask for the
//! address that it prints behind "try", with https:
//!
//!     curl -k -6 https://[fd74:6f61::2]:3000/
//!
//! and the answer is curl's own address and port, over HTTP/2 unless told otherwise:
//!
//!     you are [fd74:6f61::1]:41234 (toa, peer 10.116.111.16:5000)

use axum::Router;
use axum::routing::get;
use toa_examples::{Stage, tls};
use toa_tower::{ClientAddr, RealClient, ToaLayer, ToaListener};

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
        .layer(ToaLayer);
    let listener = ToaListener::bind(addr)
        .await?
        .with_tls(tls::server_config()?);
    axum::serve(
        listener,
        app.into_make_service_with_connect_info::<ClientAddr>(),
    )
    .await?;
    Ok(())
}
