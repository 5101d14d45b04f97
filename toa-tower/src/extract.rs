//! The extractors for axum.

use std::convert::Infallible;

use axum::extract::{FromRequestParts, OptionalFromRequestParts};
use axum::http::StatusCode;
use axum::http::request::Parts;
use axum::response::{IntoResponse, Response};

use crate::client::{ClientAddr, RealClient, VirtualAddr};
use crate::known::{self, ClientAddrError};

impl<S: Sync> FromRequestParts<S> for ClientAddr {
    type Rejection = ClientAddrError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, ClientAddrError> {
        known::find_or_log(&parts.extensions).copied()
    }
}

impl<S: Sync> OptionalFromRequestParts<S> for ClientAddr {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Option<Self>, Infallible> {
        Ok(Self::from_extensions(&parts.extensions))
    }
}

impl<S: Sync> FromRequestParts<S> for RealClient {
    type Rejection = ClientAddrError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, ClientAddrError> {
        known::find_or_log(&parts.extensions).map(|client| Self(client.client()))
    }
}

impl<S: Sync> OptionalFromRequestParts<S> for RealClient {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Option<Self>, Infallible> {
        Ok(Self::from_extensions(&parts.extensions))
    }
}

impl<S: Sync> FromRequestParts<S> for VirtualAddr {
    type Rejection = ClientAddrError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, ClientAddrError> {
        known::find_or_log(&parts.extensions).map(|client| Self(client.virtual_addr()))
    }
}

impl IntoResponse for ClientAddrError {
    /// 500 with a short body; what to add stands in the log.
    fn into_response(self) -> Response {
        (StatusCode::INTERNAL_SERVER_ERROR, "internal server error").into_response()
    }
}
