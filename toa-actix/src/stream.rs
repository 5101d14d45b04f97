//! From the connection types that actix serves to the TCP socket within.

use std::any::Any;

use actix_web::rt::net::TcpStream;

/// The TCP socket of an actix connection, where its type is known. Each TLS library
/// wraps it in a type of its own: one line here per type.
pub(crate) fn tcp_stream(connection: &dyn Any) -> Option<&TcpStream> {
    connection.downcast_ref::<TcpStream>()
}
