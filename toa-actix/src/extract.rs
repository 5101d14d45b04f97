//! The extractors.

use std::future::{Ready, ready};

use actix_web::dev::Payload;
use actix_web::http::{StatusCode, header::ContentType};
use actix_web::{FromRequest, HttpRequest, HttpResponse, ResponseError};

use crate::client::{ClientAddr, RealClient, VirtualAddr};
use crate::known::{self, ClientAddrError};

impl FromRequest for ClientAddr {
    type Error = ClientAddrError;
    type Future = Ready<Result<Self, ClientAddrError>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(known::find_or_log(request))
    }
}

impl FromRequest for RealClient {
    type Error = ClientAddrError;
    type Future = Ready<Result<Self, ClientAddrError>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(known::find_or_log(request).map(Self::from))
    }
}

impl FromRequest for VirtualAddr {
    type Error = ClientAddrError;
    type Future = Ready<Result<Self, ClientAddrError>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(known::find_or_log(request).map(Self::from))
    }
}

impl ResponseError for ClientAddrError {
    fn status_code(&self) -> StatusCode {
        StatusCode::INTERNAL_SERVER_ERROR
    }

    /// A short body; what to change stands in the log.
    fn error_response(&self) -> HttpResponse {
        // Here and not in the extractor: an `Option` of it drops the error and is right.
        self.log();
        HttpResponse::build(self.status_code())
            .content_type(ContentType::plaintext())
            .body("internal server error")
    }
}
