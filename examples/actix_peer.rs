//! The client where actix-web and the middleware of others look for it: as the peer.
//!
//! Run it as root to see all of it:
//!
//!     cargo run --example actix_peer [ADDRESS:PORT]
//!
//! It loads the eBPF source and starts a NAT64 balancer for as long as it runs, and
//! prints the `curl` lines to try. Through the balancer actix's own `peer_addr()` is
//! curl's address and port, `Logger` prints the address to standard error, and a rate
//! limiter counts the requests of `/limited` per client: two a minute, then "429 Too Many
//! Requests".
//!
//!     peer [fd74:6f61::1]:41234
//!     INFO actix_web::middleware::logger: fd74:6f61::1 "GET / HTTP/1.1" 200
//!
//! `/members` is for clients of the balancer alone. Asked directly it answers 403,
//! `forbidden`; with `RUST_LOG=debug` the log tells why:
//!
//!     DEBUG toa_actix::require: request refused: not through the balancer: not_sent path="/members"

use std::time::Duration;

use actix_extensible_rate_limit::RateLimiter;
use actix_extensible_rate_limit::backend::SimpleInputFunctionBuilder;
use actix_extensible_rate_limit::backend::memory::InMemoryBackend;
use actix_web::dev::PeerAddr;
use actix_web::middleware::Logger;
use actix_web::{App, HttpServer, web};
use toa_actix::{RealClientKey, RequireToa, client_as_peer};
use toa_examples::Stage;

async fn tell(PeerAddr(peer): PeerAddr) -> String {
    format!("peer {peer}\n")
}

#[actix_web::main]
async fn main() -> anyhow::Result<()> {
    toa_examples::log_to_stderr();
    let addr = toa_examples::listen_addr()?;
    let _stage = Stage::set_up(addr.port())?;

    let counts = InMemoryBackend::builder().build();
    HttpServer::new(move || {
        let key = RealClientKey::new();
        let two_a_minute = SimpleInputFunctionBuilder::new(Duration::from_secs(60), 2)
            .custom_fn(move |request| Ok(key.extract(request)?.to_string()));
        let limit = RateLimiter::builder(counts.clone(), two_a_minute.build());
        client_as_peer(
            App::new()
                .route("/", web::get().to(tell))
                .service(web::resource("/limited").wrap(limit.build()).to(tell))
                .service(web::resource("/members").wrap(RequireToa::new()).to(tell))
                .wrap(Logger::new(r#"%a "%r" %s"#)),
        )
    })
    .on_connect(toa_actix::on_connect())
    .bind_auto_h2c(addr)?
    .run()
    .await?;
    Ok(())
}
