//! A gRPC service of tonic's within an axum `Router`: its `remote_addr()` is the client.

use http::{Extensions, HeaderValue, Request, header};
use tonic::transport::server::TcpConnectInfo;

use crate::client::ClientAddr;
use crate::known;

/// Leaves with a gRPC request what tonic's own server leaves there, unless it did.
pub(crate) fn tell_tonic<B>(request: &mut Request<B>) {
    let content_type = request.headers().get(header::CONTENT_TYPE);
    let is_grpc = |kind: &HeaderValue| kind.as_bytes().starts_with(b"application/grpc");
    if content_type.is_some_and(is_grpc)
        && let Some(&client) = known::find(request.extensions())
    {
        insert(request.extensions_mut(), client);
    }
}

/// What `remote_addr()` reads, unless it is there.
pub(crate) fn insert(extensions: &mut Extensions, client: ClientAddr) {
    if extensions.get::<TcpConnectInfo>().is_none() {
        extensions.insert(TcpConnectInfo {
            local_addr: None,
            remote_addr: Some(client.client_canonical()),
        });
    }
}
