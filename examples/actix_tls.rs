//! TOA under TLS, with actix-web and rustls.
//!
//! Run it as root to see all of it:
//!
//!     cargo run --example actix_tls [ADDRESS:PORT]
//!
//! It loads the eBPF source and starts a NAT64 balancer for as long as it runs. The
//! certificate is made at start and signed by nobody, so curl needs `-k`. Ask for the
//! address that it prints behind "try", with https:
//!
//!     curl -k -6 https://[64:ff9b::a74:6f0a]:3000/
//!
//! and the answer is curl's own address and port, over HTTP/2 unless told otherwise:
//!
//!     you are [fd74:6f61::1]:41234 (toa, peer 10.116.111.16:5000)

use std::sync::Arc;

use actix_web::{App, HttpServer, web};
use toa_actix::{ClientAddr, RealClient};
use toa_examples::{Stage, tls};

#[actix_web::main]
async fn main() -> anyhow::Result<()> {
    toa_examples::log_to_stderr();
    let addr = toa_examples::listen_addr()?;
    let _stage = Stage::set_up(addr.port())?;

    HttpServer::new(|| {
        App::new()
            .route(
                "/",
                web::get().to(async |client: ClientAddr| format!("you are {client}\n")),
            )
            .route(
                "/client",
                web::get().to(async |client: RealClient| client.to_string()),
            )
    })
    // toa-actix has the feature `rustls-0_23` enabled, or it would not know this socket.
    .on_connect(toa_actix::on_connect())
    .bind_rustls_0_23(addr, Arc::unwrap_or_clone(tls::server_config()?))?
    .run()
    .await?;
    Ok(())
}
