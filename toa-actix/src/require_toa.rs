//! Deny mode: nothing but what comes through the balancer.

use std::fmt;
use std::future::{Future, Ready, ready};
use std::pin::Pin;
use std::task::{Context, Poll, ready as ready_or_return};

use actix_web::body::{BoxBody, EitherBody};
use actix_web::dev::{Service, ServiceRequest, ServiceResponse, Transform, forward_ready};
use actix_web::http::StatusCode;
use actix_web::{Error, HttpResponse, ResponseError};
use pin_project_lite::pin_project;
use toa_core::Provenance;

use crate::connection;
use crate::error::Unavailable;

/// Middleware that answers 403 to every request that did not come through a trusted
/// balancer, so that nobody gets around it: [`Provenance::Toa`] passes, all else,
/// "no source" included, is refused with the reason in the body.
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
/// Where nothing is wired up the answer is 500. On an `App` it is for all routes, on
/// a `Scope` or `Resource` for those within. `middleware::Condition` switches it by
/// configuration, with [`Mode`](crate::Mode) for instance.
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
    /// Refuses on all paths.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Serves `path` to everybody: balancers probe a health check without the option.
    /// Exactly this path, as it stands in the request.
    ///
    /// # Panics
    /// When `path` has no leading slash and so could never match.
    #[must_use]
    pub fn with_exempt_path(mut self, path: impl Into<String>) -> Self {
        let path = path.into();
        assert!(
            path.starts_with('/'),
            "the exempt path {path:?} matches no request: begin it with a slash"
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
        if self.exempt.iter().any(|path| path == request.path()) {
            return None;
        }
        match connection::client(request.conn_data(), request.peer_addr(), request) {
            Ok(client) if client.is_from_toa() => None,
            Ok(client) => Some(Refused::Address(client.provenance()).into()),
            Err(Unavailable::UnixSocket) => Some(Refused::UnixSocket.into()),
            Err(error) => {
                error.log();
                Some(error.into())
            }
        }
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
        f.write_str(
            "refused: only what comes through the load balancer is served here, and nothing \
             shows that this connection did (",
        )?;
        match self {
            Self::Address(provenance) => provenance.fmt(f)?,
            Self::UnixSocket => f.write_str("unix socket")?,
        }
        f.write_str(")")
    }
}

impl ResponseError for Refused {
    fn status_code(&self) -> StatusCode {
        StatusCode::FORBIDDEN
    }

    fn error_response(&self) -> HttpResponse<BoxBody> {
        HttpResponse::build(self.status_code()).body(self.to_string())
    }
}
