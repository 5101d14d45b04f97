//! TOA and a websocket, with axum.
//!
//! Run it as root to see all of it:
//!
//!     cargo run --example axum_websocket [ADDRESS:PORT]
//!
//! It loads the eBPF source and starts a NAT64 balancer for as long as it runs. Whoever
//! opens a websocket at `/ws` is told who they are, and then the same before each echo
//! of a message:
//!
//!     websocat ws://[fd74:6f61::2]:3000/ws
//!     you are [fd74:6f61::1]:41234
//!     hello
//!     [fd74:6f61::1]:41234: hello

use axum::Router;
use axum::extract::ws::{Message, WebSocket, WebSocketUpgrade};
use axum::response::Response;
use axum::routing::any;
use toa_examples::Stage;
use toa_tower::{ClientAddr, RealClient, ToaLayer, ToaListener};

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    toa_examples::log_to_stderr();
    let addr = toa_examples::listen_addr()?;
    let _stage = Stage::set_up(addr.port())?;

    let app = Router::new().route("/ws", any(upgrade)).layer(ToaLayer);
    let listener = ToaListener::bind(addr).await?;
    axum::serve(
        listener,
        app.into_make_service_with_connect_info::<ClientAddr>(),
    )
    .await?;
    Ok(())
}

/// The client is a fact of the connection: it holds for as long as the websocket does.
async fn upgrade(client: RealClient, upgrade: WebSocketUpgrade) -> Response {
    upgrade.on_upgrade(async move |socket| {
        // The other side may close at any time, which ends the conversation.
        let _ = talk(client, socket).await;
    })
}

async fn talk(client: RealClient, mut socket: WebSocket) -> Result<(), axum::Error> {
    let greeting = format!("you are {client}");
    socket.send(Message::text(greeting)).await?;
    while let Some(message) = socket.recv().await {
        if let Message::Text(text) = message? {
            let echo = format!("{client}: {text}");
            socket.send(Message::text(echo)).await?;
        }
    }
    Ok(())
}
