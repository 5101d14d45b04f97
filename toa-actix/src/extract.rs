//! The extractors.

use std::future::{Ready, ready};

use actix_web::dev::Payload;
use actix_web::{FromRequest, HttpMessage, HttpRequest};

use crate::client_addr::ClientAddr;
use crate::connection::Connection;
use crate::error::Unavailable;
use crate::real_client::RealClient;
use crate::test::Injected;

impl FromRequest for ClientAddr {
    type Error = Unavailable;
    type Future = Ready<Result<Self, Unavailable>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(client(request).inspect_err(|error| error.log()))
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

fn client(request: &HttpRequest) -> Result<ClientAddr, Unavailable> {
    if let Some(connection) = request.conn_data::<Connection>() {
        return connection.client(request.peer_addr());
    }
    match request.extensions().get() {
        Some(&Injected(client)) => Ok(client),
        None => Err(Unavailable::NotWiredUp),
    }
}
