//! Deny mode under tonic.

use tonic::{Request, Status};

use crate::require;
use crate::wiring;

/// An interceptor that answers `PERMISSION_DENIED` to what did not come through the
/// balancer, and `INTERNAL` where nothing is wired up. Put it on each service but the
/// health service, which balancers probe without the option:
///
/// ```ignore
/// GreeterServer::with_interceptor(greeter, toa_tower::tonic::require_toa)
/// ```
///
/// # Errors
/// The status to answer with.
pub fn require_toa(request: Request<()>) -> Result<Request<()>, Status> {
    match wiring::known_or_log(request.extensions()) {
        Ok(client) if client.is_from_toa() => Ok(request),
        Ok(client) => Err(Status::permission_denied(require::sentence(
            client.provenance(),
        ))),
        Err(missing) => Err(Status::internal(missing.to_string())),
    }
}
