//! Deny mode: only what comes through the balancer is served.
//!
//! 1. A connection for which a trusted balancer vouches ([`Provenance::Toa`]) passes.
//! 2. Any other is answered 403, whatever the reason: no option, an untrusted peer, an
//!    invalid option, no source. So is [`Provenance::Accept`]: there the balancer's own
//!    address is unknown, and nobody can tell it from a direct connection.
//! 3. An exempt path passes without the option: balancers probe without it.
//! 4. Where nothing is wired up everything is answered 500, exempt paths too: so the
//!    first health check finds it, not the first attacker.

use std::fmt;
use std::future::Future;
use std::marker::PhantomData;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use http::{HeaderValue, Request, Response, StatusCode, header};
use pin_project_lite::pin_project;
use toa_core::Provenance;
use tower_layer::Layer;
use tower_service::Service;

use crate::wiring;

/// Answers 403 to what did not come through the balancer, with a sentence for a body.
///
/// ```
/// # #[cfg(feature = "axum")] {
/// use axum::{Router, routing::get};
/// use toa_tower::{RequireToaLayer, ToaLayer};
///
/// let app: Router = Router::new()
///     .route("/", get(|| async { "for clients of the balancer" }))
///     .route("/healthz", get(|| async { "for its probes as well" }))
///     .layer(RequireToaLayer::new().with_exempt_path("/healthz"))
///     .layer(ToaLayer);
/// # }
/// ```
///
/// Where nothing is wired up it answers 500 to everything, exempt paths included.
///
/// The response body must be one that is made of text (`From<String>`), as axum's and
/// `http_body_util::Full` are; under tonic use `tonic::require_toa`.
#[derive(Clone, Debug, Default)]
pub struct RequireToaLayer {
    exempt: Arc<[String]>,
}

/// The service of [`RequireToaLayer`].
#[derive(Clone, Debug)]
pub struct RequireToa<S> {
    inner: S,
    exempt: Arc<[String]>,
}

pin_project! {
    /// The response of [`RequireToa`].
    pub struct RequireToaFuture<F, B> {
        #[pin]
        passed: Option<F>,
        refused: Option<Refusal>,
        body: PhantomData<fn() -> B>,
    }
}

#[derive(Debug)]
struct Refusal {
    status: StatusCode,
    sentence: String,
}

impl RequireToaLayer {
    /// Refuses everything that did not come through the balancer.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Lets requests for exactly this path pass without the option, such as the
    /// balancer's health checks. It is the path that this layer sees: within
    /// `Router::nest` that is the path without the prefix.
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
        self.exempt = self.exempt.iter().cloned().chain([path]).collect();
        self
    }
}

impl<S> Layer<S> for RequireToaLayer {
    type Service = RequireToa<S>;

    fn layer(&self, inner: S) -> RequireToa<S> {
        RequireToa {
            inner,
            exempt: Arc::clone(&self.exempt),
        }
    }
}

impl<S, B, R> Service<Request<B>> for RequireToa<S>
where
    S: Service<Request<B>, Response = Response<R>>,
    R: From<String>,
{
    type Response = Response<R>;
    type Error = S::Error;
    type Future = RequireToaFuture<S::Future, R>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let refused = refusal(&request, &self.exempt);
        RequireToaFuture {
            passed: refused.is_none().then(|| self.inner.call(request)),
            refused,
            body: PhantomData,
        }
    }
}

fn refusal<B>(request: &Request<B>, exempt: &[String]) -> Option<Refusal> {
    let provenance = match wiring::known_or_log(request.extensions()) {
        Ok(client) => client.provenance(),
        Err(missing) => {
            return Some(Refusal {
                status: StatusCode::INTERNAL_SERVER_ERROR,
                sentence: missing.to_string(),
            });
        }
    };
    let passes =
        provenance == Provenance::Toa || exempt.iter().any(|path| path == request.uri().path());
    (!passes).then(|| Refusal {
        status: StatusCode::FORBIDDEN,
        sentence: sentence(provenance),
    })
}

/// What a refused client is told.
pub(crate) fn sentence(provenance: Provenance) -> String {
    format!("only clients of the load balancer are served here: {provenance}")
}

impl<F, E, R> Future for RequireToaFuture<F, R>
where
    F: Future<Output = Result<Response<R>, E>>,
    R: From<String>,
{
    type Output = Result<Response<R>, E>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        if let Some(passed) = this.passed.as_pin_mut() {
            return Poll::Ready(ready!(passed.poll(cx)));
        }
        let refusal = this
            .refused
            .take()
            .expect("a future is not polled after it was ready");
        Poll::Ready(Ok(refusal.into_response()))
    }
}

impl Refusal {
    fn into_response<R: From<String>>(self) -> Response<R> {
        let mut response = Response::new(self.sentence.into());
        *response.status_mut() = self.status;
        response.headers_mut().insert(
            header::CONTENT_TYPE,
            HeaderValue::from_static("text/plain; charset=utf-8"),
        );
        response
    }
}

impl<F, B> fmt::Debug for RequireToaFuture<F, B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RequireToaFuture")
            .field("refused", &self.refused)
            .finish_non_exhaustive()
    }
}
