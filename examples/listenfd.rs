//! A listener from elsewhere: systemd's socket activation, or any parent that hands
//! one down by the same protocol.
//!
//!     systemd-socket-activate -l 3000 cargo run --example listenfd
//!
//! The answers are those of `axum_demo`; the client of a connection that was made
//! before this program ran is known as well. Without a listener handed down it binds
//! one itself:
//!
//!     cargo run --example listenfd [ADDRESS:PORT]
//!
//! In a unit, the socket belongs to systemd and not to the service's cgroup: load the
//! source for the whole host, as `toa load` does without `--cgroup`.

use anyhow::Context;
use axum::Router;
use axum::routing::get;
use listenfd::ListenFd;
use toa_examples::Stage;
use toa_tower::{ClientAddr, RealClient, ToaLayer, ToaListener};

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    toa_examples::log_to_stderr();
    let handed_down = ListenFd::from_env()
        .take_tcp_listener(0)
        .context("the descriptor handed down is not a TCP listener: check ListenStream=")?;
    let listener = match handed_down {
        Some(listener) => ToaListener::from_std(listener)?,
        None => ToaListener::bind(toa_examples::listen_addr()?).await?,
    };
    let _stage = Stage::set_up(listener.get_ref().local_addr()?.port())?;

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
    axum::serve(
        listener,
        app.into_make_service_with_connect_info::<ClientAddr>(),
    )
    .await?;
    Ok(())
}
