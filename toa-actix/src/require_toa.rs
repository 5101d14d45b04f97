//! Deny mode: only what comes through the balancer is served.
//!
//! The rules are `toa-tower`'s:
//!
//! 1. A connection for which a trusted balancer vouches ([`Provenance::Toa`]) passes.
//! 2. Any other is answered 403, whatever the reason: no option, an untrusted peer, an
//!    invalid option, no source, a Unix socket. So is [`Provenance::Accept`]: there the
//!    balancer's own address is unknown, and nobody can tell it from a direct connection.
//! 3. An exempt path passes without the option: balancers probe without it.
//! 4. Where nothing is wired up everything is answered 500, exempt paths too: so the
//!    first health check finds it, not the first attacker.

use std::fmt;
use std::future::{Future, Ready, ready};
use std::pin::Pin;
use std::task::{Context, Poll, ready as ready_or_return};

use actix_web::body::{BoxBody, EitherBody};
use actix_web::dev::{Service, ServiceRequest, ServiceResponse, Transform, forward_ready};
use actix_web::http::{StatusCode, header::ContentType};
use actix_web::{Error, HttpResponse, ResponseError};
use pin_project_lite::pin_project;
use toa_core::Provenance;

use crate::connection;
use crate::error::Unavailable;

/// Answers 403 to what did not come through the balancer, with a sentence for a body.
///
/// ```
/// use actix_web::{App, web};
/// use toa_actix::RequireToa;
///
/// let app = App::new()
///     .route("/health", web::get().to(|| async { "ok" }))
///     .wrap(RequireToa::new().with_exempt_path("/health"));
/// ```
///
/// Where nothing is wired up it answers 500 to everything, exempt paths included. On an
/// `App` it is for all routes, on a `Scope` or `Resource` for those within.
/// `middleware::Condition` switches it by configuration, by
/// [`Mode::is_require`](crate::Mode::is_require) for instance.
#[derive(Clone, Debug, Default)]
pub struct RequireToa {
    exempt: Vec<String>,
}

/// The service of [`RequireToa`].
#[derive(Clone, Debug)]
pub struct RequireToaService<S> {
    inner: S,
    exempt: Vec<String>,
}

pin_project! {
    /// The answer of the app, or the refusal.
    #[derive(Debug)]
    #[project = Projected]
    pub struct RequireToaFuture<F> {
        #[pin]
        inner: Inner<F>,
    }
}

pin_project! {
    #[derive(Debug)]
    #[project = ProjectedInner]
    enum Inner<F> {
        Passed { #[pin] app: F },
        Refused { response: Option<ServiceResponse> },
    }
}

impl RequireToa {
    /// Refuses everything that did not come through the balancer.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Lets requests for exactly this path pass without the option, such as the
    /// balancer's health checks. It is the whole path as the request has it, within a
    /// `Scope` too.
    ///
    /// # Panics
    /// When the path does not start with `/`, as it would never match.
    #[must_use]
    pub fn with_exempt_path(mut self, path: impl Into<String>) -> Self {
        let path = path.into();
        assert!(
            path.starts_with('/'),
            "the exempt path {path:?} can never match: start it with a slash"
        );
        self.exempt.push(path);
        self
    }
}

impl<S, B> Transform<S, ServiceRequest> for RequireToa
where
    S: Service<ServiceRequest, Response = ServiceResponse<B>, Error = Error>,
{
    type Response = ServiceResponse<EitherBody<B>>;
    type Error = Error;
    type Transform = RequireToaService<S>;
    type InitError = ();
    type Future = Ready<Result<RequireToaService<S>, ()>>;

    fn new_transform(&self, inner: S) -> Self::Future {
        let exempt = self.exempt.clone();
        ready(Ok(RequireToaService { inner, exempt }))
    }
}

impl<S, B> Service<ServiceRequest> for RequireToaService<S>
where
    S: Service<ServiceRequest, Response = ServiceResponse<B>, Error = Error>,
{
    type Response = ServiceResponse<EitherBody<B>>;
    type Error = Error;
    type Future = RequireToaFuture<S::Future>;

    forward_ready!(inner);

    fn call(&self, request: ServiceRequest) -> Self::Future {
        let inner = match self.refusal(&request) {
            None => Inner::Passed {
                app: self.inner.call(request),
            },
            // A response and not an `Err`, which would pass `Logger` by unlogged.
            Some(reason) => Inner::Refused {
                response: Some(request.error_response(reason)),
            },
        };
        RequireToaFuture { inner }
    }
}

impl<S> RequireToaService<S> {
    fn refusal(&self, request: &ServiceRequest) -> Option<Error> {
        let reason = match connection::client(request.conn_data(), request.peer_addr(), request) {
            Ok(client) if client.is_from_toa() => return None,
            Ok(client) => Refused::Address(client.provenance()),
            Err(Unavailable::UnixSocket) => Refused::UnixSocket,
            Err(error) => {
                error.log();
                return Some(error.into());
            }
        };
        let exempt = self.exempt.iter().any(|path| path == request.path());
        (!exempt).then(|| reason.into())
    }
}

impl<F, B> Future for RequireToaFuture<F>
where
    F: Future<Output = Result<ServiceResponse<B>, Error>>,
{
    type Output = Result<ServiceResponse<EitherBody<B>>, Error>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let response = match self.project().inner.project() {
            ProjectedInner::Passed { app } => {
                ready_or_return!(app.poll(cx)).map(ServiceResponse::map_into_left_body)
            }
            ProjectedInner::Refused { response } => {
                let response = response.take().expect("a future is polled to its end once");
                Ok(response.map_into_right_body())
            }
        };
        Poll::Ready(response)
    }
}

/// Why the app is not asked.
#[derive(Clone, Copy, Debug)]
enum Refused {
    Address(Provenance),
    UnixSocket,
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("only clients of the load balancer are served here: ")?;
        match self {
            Self::Address(provenance) => provenance.fmt(f),
            Self::UnixSocket => f.write_str("unix socket"),
        }
    }
}

impl ResponseError for Refused {
    fn status_code(&self) -> StatusCode {
        StatusCode::FORBIDDEN
    }

    fn error_response(&self) -> HttpResponse<BoxBody> {
        HttpResponse::build(self.status_code())
            .content_type(ContentType::plaintext())
            .body(self.to_string())
    }
}
