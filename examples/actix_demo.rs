//! TOA on one machine, with actix-web.
//!
//! Run it as root to see all of it:
//!
//!     cargo run --example actix_demo [ADDRESS:PORT]
//!
//! What it does and answers is told in `axum_demo`.

use actix_web::{App, HttpServer, web};
use toa_actix::{ClientAddr, RealClient};
use toa_examples::Stage;

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
    .on_connect(toa_actix::on_connect())
    // `bind` does the same without HTTP/2.
    .bind_auto_h2c(addr)?
    .run()
    .await?;
    Ok(())
}
