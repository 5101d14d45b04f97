//! Rate limits per real client, and deny mode, with axum and tower_governor.
//!
//! Run it as root to see all of it:
//!
//!     cargo run --example axum_governor [ADDRESS:PORT]
//!
//! It loads the eBPF source and starts a NAT64 balancer for as long as it runs. Through
//! the balancer, at the address that it prints behind "try", each client has two
//! requests, and one more a minute; the third in a row is answered 429. Clients of one
//! IPv6 /64 count as one.
//!
//! Past the balancer nobody is served:
//!
//!     curl http://127.0.0.1:3000/
//!     forbidden
//!
//! except at `/healthz`, where balancers probe.

use std::net::SocketAddr;

use anyhow::Context;
use axum::Router;
use axum::extract::ConnectInfo;
use axum::routing::get;
use toa_examples::Stage;
use toa_tower::{ClientAddr, RealClientKey, RequireToaLayer, ToaLayer, ToaListener};
use tower_governor::GovernorLayer;
use tower_governor::governor::GovernorConfigBuilder;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    toa_examples::log_to_stderr();
    let addr = toa_examples::listen_addr()?;
    let _stage = Stage::set_up(addr.port())?;

    let limit = GovernorConfigBuilder::default()
        .per_second(60)
        .burst_size(2)
        .key_extractor(RealClientKey::new())
        .finish()
        .context("the limit is from one request on")?;
    let app = Router::new()
        .route(
            "/",
            get(async |ConnectInfo(client): ConnectInfo<SocketAddr>| format!("{client}\n")),
        )
        .layer(GovernorLayer::new(limit))
        .route("/healthz", get(async || "healthy\n"))
        .layer(RequireToaLayer::new().with_exempt_path("/healthz"))
        .layer(ToaLayer.with_connect_info());
    let listener = ToaListener::bind(addr).await?;
    axum::serve(
        listener,
        app.into_make_service_with_connect_info::<ClientAddr>(),
    )
    .await?;
    Ok(())
}
