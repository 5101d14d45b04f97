//! A made-up client for users' own tests of gRPC methods.

use std::net::SocketAddr;

use tonic::Request;

use crate::client::ClientAddr;
use crate::grpc;

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
/// [`MockToaLayer`](crate::MockToaLayer) does the same around a whole server, in the place
/// of [`ToaIncoming::layer`](super::ToaIncoming::layer).
pub fn with_client<T>(request: Request<T>, client: impl Into<SocketAddr>) -> Request<T> {
    with_client_addr(request, ClientAddr::mock_toa(client))
}

/// [`with_client`] with any connection, such as one made by [`ClientAddr::mock`].
pub fn with_client_addr<T>(mut request: Request<T>, client: ClientAddr) -> Request<T> {
    let extensions = request.extensions_mut();
    extensions.insert(client);
    grpc::insert(extensions, client);
    request
}
