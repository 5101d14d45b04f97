//! The middleware that shows the client to everything that asks for the peer.

use actix_http::Request;
use actix_service::apply_fn_factory;
use actix_service::{IntoServiceFactory, Service, ServiceFactory};

use crate::known;

/// `app` with the client for a peer: `req.peer_addr()`, `connection_info()`,
/// `Logger`'s `%a`, rate limiters and whatever else asks for the peer get the
/// [client](crate::ClientAddr), IPv4 as IPv4.
///
/// ```no_run
/// use actix_web::{App, HttpServer, middleware::Logger};
/// use toa_actix::{client_as_peer, on_connect};
///
/// # async fn run() -> std::io::Result<()> {
/// HttpServer::new(|| client_as_peer(App::new().wrap(Logger::default())))
///     .on_connect(on_connect())
///     .bind("[::]:3000")?
///     .run()
///     .await
/// # }
/// ```
///
/// It is put around the `App` and not into it with `wrap`: there it could come inside
/// of `Logger` by mistake, and actix panics when a wrap changes a request of which
/// another one holds a clone. Out here the request is nobody else's yet.
///
/// Without [`on_connect`](crate::on_connect()) the request passes with the peer that it
/// has, and the log says once what to add. Requests of a Unix socket have no peer, and pass
/// as they are: what cannot do without a peer, as the rate limiter's `peer_ip_key()` that
/// [`RealClientKey`](crate::RealClientKey) replaces, must not be asked there. The balancer's
/// own address is in [`ClientAddr::peer`](crate::ClientAddr::peer).
pub fn client_as_peer<A, F>(
    app: A,
) -> impl ServiceFactory<
    Request,
    Config = F::Config,
    Response = F::Response,
    Error = F::Error,
    InitError = F::InitError,
    Service: Service<Request, Response = F::Response, Error = F::Error, Future: 'static> + 'static,
    Future: 'static,
>
where
    A: IntoServiceFactory<F, Request>,
    F: ServiceFactory<
            Request,
            Config: 'static,
            Response: 'static,
            Error: 'static,
            InitError: 'static,
            Service: Service<Request, Response = F::Response, Error = F::Error, Future: 'static>
                         + 'static,
            Future: 'static,
        > + 'static,
{
    apply_fn_factory(app, |mut request: Request, app: &F::Service| {
        show_client(&mut request);
        app.call(request)
    })
}

fn show_client(request: &mut Request) {
    if let Ok(client) = known::find_or_log(request) {
        request.head_mut().peer_addr = Some(client.client_canonical());
    }
}
