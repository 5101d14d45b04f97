//! actix-web's `HttpServer`.

use actix_web::{App, HttpServer, web};
use anyhow::bail;
use toa_actix::RealClient;

use super::announce::announce;
use crate::app::{Method, discard};

pub(super) fn serve(method: Method, single: bool) -> anyhow::Result<()> {
    actix_web::rt::System::new().block_on(async {
        let workers = if single {
            1
        } else {
            std::thread::available_parallelism()?.get()
        };
        match method {
            Method::Bare => {
                let app = || {
                    App::new()
                        .route("/", web::get().to(async || "ok"))
                        .route("/client", web::get().to(async || "nobody"))
                };
                let server = HttpServer::new(app).workers(workers).bind("[::]:0")?;
                announce(server.addrs()[0])?;
                server.run().await?;
            }
            Method::Toa => {
                let app = || {
                    App::new()
                        .route(
                            "/",
                            web::get().to(async |client: RealClient| discard(client)),
                        )
                        .route(
                            "/client",
                            web::get()
                                .to(async |client: RealClient| client.canonical().ip().to_string()),
                        )
                };
                let server = HttpServer::new(app).workers(workers);
                let server = server.on_connect(toa_actix::on_connect()).bind("[::]:0")?;
                announce(server.addrs()[0])?;
                server.run().await?;
            }
            _ => bail!("not a method of actix-web here"),
        }
        Ok(())
    })
}
