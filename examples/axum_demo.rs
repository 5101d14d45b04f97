//! TOA on one machine, with axum.
//!
//! Run it as root to see all of it:
//!
//!     cargo run --example axum_demo [ADDRESS:PORT]
//!
//! It loads the eBPF source and starts a NAT64 balancer for as long as it runs,
//! and prints the `curl` lines to try. Through the balancer the answer is curl's
//! own address and port,
//!
//!     you are [fd74:6f61::1]:41234 (toa, peer 10.116.111.16:5000)
//!
//! and without it the peer's, with the reason:
//!
//!     you are 127.0.0.1:41236 (not_sent)

use axum::Router;
use axum::routing::get;
use toa_examples::Stage;
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
            get(async |client: RealClient| client.to_string()),
        )
        .layer(ToaLayer);
    let listener = ToaListener::bind(addr).await?;
    axum::serve(
        listener,
        app.into_make_service_with_connect_info::<ClientAddr>(),
    )
    .with_graceful_shutdown(async {
        // Without a signal handler Ctrl-C ends the process, which is as good.
        let _ = tokio::signal::ctrl_c().await;
    })
    .await?;
    Ok(())
}
