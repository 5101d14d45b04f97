//! The layer half under tonic.

use http::Request;
use tonic::transport::server::TcpConnectInfo;
use tower_layer::Layer;

use super::registry::Registry;
use crate::known;
use crate::layer::{Toa, Write};

/// Gives each request its [`ClientAddr`](crate::ClientAddr); made by
/// [`ToaIncoming::layer`](super::ToaIncoming::layer), for `Server::layer`.
///
/// A request of a connection that is not that listener's passes without, and the log says
/// once what to add.
#[derive(Clone, Debug)]
pub struct ToaIncomingLayer(Registry);

impl ToaIncomingLayer {
    pub(super) const fn new(registry: Registry) -> Self {
        Self(registry)
    }
}

impl<S> Layer<S> for ToaIncomingLayer {
    type Service = Toa<S, Self>;

    fn layer(&self, inner: S) -> Toa<S, Self> {
        Toa::new(inner, self.clone())
    }
}

impl Write for ToaIncomingLayer {
    /// Under TLS too: tonic inserts the inner connection's information as well.
    fn write<B>(&self, request: &mut Request<B>) {
        let extensions = request.extensions_mut();
        let info = extensions.get::<TcpConnectInfo>();
        match info.and_then(|info| self.0.find(info)) {
            Some(client) => {
                extensions.insert(client);
            }
            None => {
                let _ = known::find_or_log(extensions);
            }
        }
    }
}
