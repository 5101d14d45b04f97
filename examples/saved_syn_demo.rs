//! TOA without a source and without a privilege: the listener reads the option in the SYN,
//! which some balancers write there.
//!
//!     cargo run --example saved_syn_demo [ADDRESS:PORT]
//!
//! The laptop balancer makes a network device. Root may do that; so may any user in a network
//! of their own, where the system grants users namespaces and lets them open /dev/net/tun:
//!
//!     unshare -Urn                     # a shell in a network of its own
//!     ip link set lo up
//!     cargo run --example saved_syn_demo &
//!     curl -6 'http://[fd74:6f61::2]:3000/'
//!
//! Through the balancer the answer is curl's own address and port,
//!
//!     you are [fd74:6f61::1]:41234 (toa_syn, peer 10.116.111.16:5000)
//!
//! and without it the peer's, with the reason:
//!
//!     you are 127.0.0.1:41236 (not_sent)

use axum::Router;
use axum::routing::get;
use toa_examples::Stage;
use toa_tower::{ClientAddr, RealClient, SavedSyn, ToaLayer, ToaListener};

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    toa_examples::log_to_stderr();
    let addr = toa_examples::listen_addr()?;
    let stage = Stage::set_up_for_saved_syns(addr.port());

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
    let listener = ToaListener::bind(addr)
        .await?
        .with_saved_syn(SavedSyn::insecure_trusting(stage.trusted()))?;
    axum::serve(
        listener,
        app.into_make_service_with_connect_info::<ClientAddr>(),
    )
    .await?;
    Ok(())
}
