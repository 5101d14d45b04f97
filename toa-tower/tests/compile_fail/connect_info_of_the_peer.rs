//! A `ToaListener` tells clients: asking it for the peer's `SocketAddr` is refused, not
//! answered with the balancer.

use std::net::SocketAddr;

fn serve(app: axum::Router, listener: toa_tower::ToaListener) {
    let app = app.into_make_service_with_connect_info::<SocketAddr>();
    let _serve = axum::serve(listener, app);
}

fn main() {}
