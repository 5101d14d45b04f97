//! Deny mode under tonic.

use http::Response;
use toa_core::Refusal;
use tonic::Status;
use tonic::body::Body;

use crate::require::RequireToaLayer;

/// [`RequireToaLayer`] with the answers of gRPC: `PERMISSION_DENIED` to what did not come
/// through the balancer, `INTERNAL` where nothing is wired up. Balancers probe without the
/// option, so the health service is exempt where there is one:
///
/// ```
/// # fn run(incoming: &toa_tower::tonic::ToaIncoming) {
/// use toa_tower::tonic::require_toa;
///
/// let server = tonic::transport::Server::builder()
///     .layer(incoming.layer())
///     .layer(require_toa().with_exempt_prefix("/grpc.health.v1.Health"));
/// # let _ = server;
/// # }
/// ```
#[must_use]
pub fn require_toa() -> RequireToaLayer<fn(Refusal) -> Response<Body>> {
    RequireToaLayer::new().with_response(respond)
}

fn respond(refusal: Refusal) -> Response<Body> {
    let status = match refusal {
        Refusal::NotWiredUp => Status::internal(refusal.body()),
        _ => Status::permission_denied(refusal.body()),
    };
    status.into_http()
}
