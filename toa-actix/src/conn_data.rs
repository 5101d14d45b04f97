//! The requests that carry data of their connection.

use actix_http::Request;
use actix_web::dev::ServiceRequest;
use actix_web::{HttpMessage, HttpRequest};

/// A request of actix, which has data of its connection: `HttpRequest`, `ServiceRequest`.
pub trait ConnData: HttpMessage {
    /// What a hook has left as data of the connection.
    fn conn_data<T: 'static>(&self) -> Option<&T>;
}

impl ConnData for HttpRequest {
    fn conn_data<T: 'static>(&self) -> Option<&T> {
        self.conn_data()
    }
}

impl ConnData for ServiceRequest {
    fn conn_data<T: 'static>(&self) -> Option<&T> {
        self.conn_data()
    }
}

impl ConnData for Request {
    fn conn_data<T: 'static>(&self) -> Option<&T> {
        self.conn_data()
    }
}
