//! axum-server tells a make-service the peer's address alone: the client needs
//! `ToaAcceptor`, and `ClientAddr` cannot be had in its place.

use toa_tower::ClientAddr;

fn serve(app: axum::Router, server: axum_server::Server<std::net::SocketAddr>) {
    let app = app.into_make_service_with_connect_info::<ClientAddr>();
    let _serve = server.serve(app);
}

fn main() {}
