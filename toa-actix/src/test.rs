//! Made-up clients for your own tests: with a request, as actix's `TestRequest` has no
//! connection, or for each connection of a server.
//!
//! A mock stands for what [`on_connect`](crate::on_connect()) finds, and hides nothing else
//! that is missing.

use std::any::Any;
use std::net::SocketAddr;

use actix_web::HttpMessage;
use actix_web::dev::Extensions;

use crate::client::ClientAddr;
use crate::mock;
use crate::on_connect::hook;

/// `request` as if `client` had sent it through a trusted balancer at 10.0.0.1:40000.
/// What a hook has found for a real connection wins.
///
/// Everybody who asks sees it: extractors, [`RequireToa`](crate::RequireToa),
/// [`RealClientKey`](crate::RealClientKey), and `Logger` and the like where
/// [`client_as_peer`](crate::client_as_peer) is part of the app under test, as it is in
/// production.
///
/// Takes what `TestRequest`'s `to_request`, `to_srv_request` and `to_http_request`
/// give:
///
/// ```
/// use actix_web::{App, test, web};
/// use toa_actix::{RealClient, test::with_client};
///
/// # #[actix_web::main]
/// # async fn main() -> Result<(), std::net::AddrParseError> {
/// let client: std::net::SocketAddr = "[2001:db8::7]:41234".parse()?;
/// let app = test::init_service(
///     App::new().route("/", web::get().to(|c: RealClient| async move { c.to_string() })),
/// )
/// .await;
/// let request = with_client(test::TestRequest::default().to_request(), client);
/// assert_eq!(test::call_and_read_body(&app, request).await, "[2001:db8::7]:41234");
/// # Ok(())
/// # }
/// ```
pub fn with_client<R: HttpMessage>(request: R, client: impl Into<SocketAddr>) -> R {
    with_client_addr(request, ClientAddr::mock_toa(client))
}

/// [`with_client`] with any connection, such as one made by [`ClientAddr::mock`].
pub fn with_client_addr<R: HttpMessage>(request: R, client: ClientAddr) -> R {
    mock::insert(&request, client);
    request
}

/// A hook in place of [`on_connect`](crate::on_connect()), for tests that serve on a real
/// socket: each TCP connection, be it within TLS, is the one made up. A Unix socket has no
/// client here either.
///
/// ```no_run
/// use actix_web::{App, HttpServer};
/// use toa_actix::{ClientAddr, test};
///
/// # fn run() -> std::io::Result<()> {
/// let client = ClientAddr::mock_toa(([203, 0, 113, 7], 41234));
/// let server = HttpServer::new(App::new)
///     .on_connect(test::on_connect(client))
///     .bind("127.0.0.1:0")?;
/// # drop(server);
/// # Ok(())
/// # }
/// ```
pub fn on_connect(
    client: ClientAddr,
) -> impl Fn(&dyn Any, &mut Extensions) + Clone + Send + Sync + 'static {
    hook(move |_| Ok(client))
}
