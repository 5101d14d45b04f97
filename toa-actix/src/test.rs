//! A made-up client for your own tests, since actix's `TestRequest` has no connection.

use std::net::{Ipv4Addr, SocketAddr, SocketAddrV6};

use actix_web::HttpMessage;
use toa_core::{Provenance, to_mapped};

use crate::client_addr::ClientAddr;

/// Where a made-up client's balancer is.
const BALANCER: SocketAddrV6 =
    SocketAddrV6::new(Ipv4Addr::new(10, 0, 0, 1).to_ipv6_mapped(), 40000, 0, 0);

/// Left in a request's extensions.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Injected(pub(crate) ClientAddr);

/// `request` as if `client` had sent it through a trusted balancer at 10.0.0.1:40000.
/// A real connection's client wins.
///
/// Extractors and [`RequireToa`](crate::RequireToa) see it, and `Logger`, rate limiters
/// and the like where [`client_as_peer`](crate::client_as_peer) is part of the app
/// under test, as it is in production.
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
    let client = to_mapped(client.into());
    with_client_addr(request, ClientAddr::mock(client, BALANCER, Provenance::Toa))
}

/// [`with_client`] with any story, such as one made by [`ClientAddr::mock`].
pub fn with_client_addr<R: HttpMessage>(request: R, client: ClientAddr) -> R {
    request.extensions_mut().insert(Injected(client));
    request
}
