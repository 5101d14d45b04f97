//! The extractors for axum.

use std::convert::Infallible;

use axum::extract::{FromRequestParts, OptionalFromRequestParts};
use axum::http::StatusCode;
use axum::http::request::Parts;
use axum::response::{IntoResponse, Response};

use crate::client_addr::ClientAddr;
use crate::real_client::RealClient;
use crate::wiring::NotWiredUp;

impl<S: Sync> FromRequestParts<S> for ClientAddr {
    type Rejection = NotWiredUp;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, NotWiredUp> {
        published(parts).ok_or_else(|| {
            let missing = NotWiredUp::diagnose(&parts.extensions);
            missing.log();
            missing
        })
    }
}

impl<S: Sync> OptionalFromRequestParts<S> for ClientAddr {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Option<Self>, Infallible> {
        Ok(published(parts))
    }
}

impl<S: Sync> FromRequestParts<S> for RealClient {
    type Rejection = NotWiredUp;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, NotWiredUp> {
        <ClientAddr as FromRequestParts<S>>::from_request_parts(parts, state)
            .await
            .map(Self::from)
    }
}

impl<S: Sync> OptionalFromRequestParts<S> for RealClient {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Option<Self>, Infallible> {
        Ok(published(parts).map(Self::from))
    }
}

impl IntoResponse for NotWiredUp {
    /// 500; the body is the sentence that says what to add.
    fn into_response(self) -> Response {
        (StatusCode::INTERNAL_SERVER_ERROR, self.to_string()).into_response()
    }
}

fn published(parts: &Parts) -> Option<ClientAddr> {
    parts.extensions.get().copied()
}
