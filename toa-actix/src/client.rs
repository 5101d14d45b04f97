//! The types that handlers and middleware ask for.

use crate::conn_data::ConnData;
use crate::known;

toa_core::client_types! {
    /// The client of a request's connection, the connection's peer, and how the client is
    /// known.
    ///
    /// An extractor; `Option<ClientAddr>` is `None` where there is no such address, over a
    /// Unix socket for one. Middleware asks [`from_conn_data`](Self::from_conn_data).
    ClientAddr,
    /// The best-known client: the TOA address, else the TCP peer; IPv4 as
    /// `::ffff:a.b.c.d`. [`ClientAddr`] tells which of them it is, and why.
    ///
    /// An extractor; `Option<RealClient>` is `None` where there is no such address, over a
    /// Unix socket for one. Middleware asks [`from_conn_data`](Self::from_conn_data).
    RealClient,
    /// The address and port at the balancer that the client asked for, IPv4 as IPv4; `None`
    /// where the balancer's option does not have it, as that of most formats. Port 0 where
    /// it has the address alone.
    ///
    /// An extractor, which fails where [`ClientAddr`] does.
    VirtualAddr,
}

impl ClientAddr {
    /// The client of this `HttpRequest` or `ServiceRequest`; for middleware:
    ///
    /// ```
    /// use actix_web::{App, dev::Service};
    /// use toa_actix::ClientAddr;
    ///
    /// let app = App::new().wrap_fn(|request, app| {
    ///     if let Some(client) = ClientAddr::from_conn_data(&request) {
    ///         println!("{client}");
    ///     }
    ///     app.call(request)
    /// });
    /// ```
    ///
    /// actix keeps what [`on_connect`](crate::on_connect()) has found as data of the
    /// connection, not in the request's extensions.
    #[must_use]
    pub fn from_conn_data(request: &impl ConnData) -> Option<Self> {
        known::find(request).ok()
    }
}

impl RealClient {
    /// The client of this `HttpRequest` or `ServiceRequest`; for middleware, as
    /// [`ClientAddr::from_conn_data`] is.
    #[must_use]
    pub fn from_conn_data(request: &impl ConnData) -> Option<Self> {
        ClientAddr::from_conn_data(request).map(Self::from)
    }
}
