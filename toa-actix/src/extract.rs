//! The extractors.

use std::future::{Ready, ready};

use actix_web::dev::Payload;
use actix_web::{FromRequest, HttpRequest};

use crate::client_addr::ClientAddr;
use crate::connection;
use crate::error::Unavailable;
use crate::real_client::RealClient;

impl FromRequest for ClientAddr {
    type Error = Unavailable;
    type Future = Ready<Result<Self, Unavailable>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let client = connection::client(request.conn_data(), request.peer_addr(), request);
        ready(client.inspect_err(|error| error.log()))
    }
}

impl FromRequest for RealClient {
    type Error = Unavailable;
    type Future = Ready<Result<Self, Unavailable>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        ready(
            ClientAddr::from_request(request, payload)
                .into_inner()
                .map(Self::from),
        )
    }
}
