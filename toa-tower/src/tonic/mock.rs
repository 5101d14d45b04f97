//! A made-up client for users' own tests of gRPC methods.

use std::net::SocketAddr;

use tonic::Request;
use tonic::transport::server::TcpConnectInfo;

use crate::client_addr::ClientAddr;
use crate::mock::MockToaLayer;
use crate::wiring;

/// `request` as if `client` had sent it through a trusted balancer at 10.0.0.1:40000;
/// `remote_addr()` and the extensions tell it. For tests that call a method directly:
///
/// ```
/// use toa_tower::tonic::with_client;
///
/// # fn main() -> Result<(), std::net::AddrParseError> {
/// let client: std::net::SocketAddr = "[2001:db8::7]:41234".parse()?;
/// let request = with_client(tonic::Request::new("a message"), client);
/// assert_eq!(request.remote_addr(), Some(client));
/// # Ok(())
/// # }
/// ```
///
/// [`MockToaLayer`] does the same around a whole server.
pub fn with_client<T>(request: Request<T>, client: impl Into<SocketAddr>) -> Request<T> {
    with_client_addr(request, MockToaLayer::new(client).client())
}

/// [`with_client`] with any story, such as one made by [`ClientAddr::mock`].
pub fn with_client_addr<T>(mut request: Request<T>, client: ClientAddr) -> Request<T> {
    let extensions = request.extensions_mut();
    wiring::publish(extensions, client);
    publish_connect_info(extensions, client);
    request
}

/// What tonic's `remote_addr()` reads, where nothing tells it yet.
pub(crate) fn publish_connect_info(extensions: &mut http::Extensions, client: ClientAddr) {
    if extensions.get::<TcpConnectInfo>().is_none() {
        extensions.insert(TcpConnectInfo {
            local_addr: None,
            remote_addr: Some(client.client_canonical()),
        });
    }
}
