//! Deny mode: only what comes through the balancer is served.
//!
//! The rules are `toa-tower`'s:
//!
//! 1. A connection for which a trusted balancer vouches ([`Provenance::Toa`]) passes.
//! 2. Any other is answered 403, whatever the reason: no option, an untrusted peer, an
//!    invalid option, no source. So is [`Provenance::FromAccept`]: there the balancer's own
//!    address is unknown, and nobody can tell it from a direct connection. So is a Unix
//!    socket: what stands in front of it may serve strangers.
//! 3. What is exempt passes without the option: balancers probe without it.
//! 4. Where nothing is wired up everything is answered 500, also what is exempt: so the
//!    first health check finds it, not the first attacker.
//!
//! A refused client is not told why; the log is, at debug.

use std::fmt;
use std::future::{Future, Ready, ready};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready as ready_or_return};

use actix_web::body::EitherBody;
use actix_web::dev::{Service, ServiceRequest, ServiceResponse, Transform, forward_ready};
use actix_web::http::{StatusCode, header::ContentType};
use actix_web::{Error, HttpRequest, HttpResponse};
use pin_project_lite::pin_project;
use toa_core::{ExemptPaths, Provenance, Refusal};

use crate::known::{self, ClientAddrError};

/// Answers 403 to what did not come through the balancer.
///
/// ```
/// use actix_web::{App, web};
/// use toa_actix::RequireToa;
///
/// let app = App::new()
///     .route("/", web::get().to(|| async { "for clients of the balancer" }))
///     .route("/healthz", web::get().to(|| async { "for its probes as well" }))
///     .wrap(RequireToa::new().with_exempt_path("/healthz"));
/// ```
///
/// On an `App` it is for all routes, on a `Scope` or `Resource` for those within; exempt
/// paths are those that the client asked for, also there. `middleware::Condition` switches
/// it by configuration.
///
/// Where nothing is wired up it answers 500 to everything, also to what is exempt.
#[derive(Clone, Debug)]
pub struct RequireToa {
    rules: Arc<Rules>,
}

/// The service of [`RequireToa`].
#[derive(Clone, Debug)]
pub struct RequireToaService<S> {
    inner: S,
    rules: Arc<Rules>,
}

type ExemptIf = Arc<dyn Fn(&HttpRequest) -> bool + Send + Sync>;
type RefusalResponse = Arc<dyn Fn(Refusal) -> HttpResponse + Send + Sync>;

#[derive(Clone)]
struct Rules {
    paths: ExemptPaths,
    exempt_if: Vec<ExemptIf>,
    unix_sockets: bool,
    response: RefusalResponse,
}

pin_project! {
    /// The response of [`RequireToaService`].
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
        Self {
            rules: Arc::new(Rules {
                paths: ExemptPaths::default(),
                exempt_if: Vec::new(),
                unix_sockets: false,
                response: Arc::new(neutral_response),
            }),
        }
    }

    /// Lets requests for exactly this path pass without the option, such as the
    /// balancer's health checks.
    ///
    /// # Panics
    /// When the path does not start with `/`, as it would never match.
    #[must_use]
    pub fn with_exempt_path(self, path: impl Into<String>) -> Self {
        self.with_rule(|rules| rules.paths.add_path(path.into()))
    }

    /// Lets requests for this path and whatever is below it pass without the option.
    ///
    /// # Panics
    /// When the prefix does not start with `/`, as it would never match, or is the root.
    #[must_use]
    pub fn with_exempt_prefix(self, prefix: impl Into<String>) -> Self {
        self.with_rule(|rules| rules.paths.add_prefix(prefix.into()))
    }

    /// Lets requests pass without the option for which `exempt` says so, by method or
    /// header for instance. What a client sends can be made up by any client.
    #[must_use]
    pub fn with_exempt_if(
        self,
        exempt: impl Fn(&HttpRequest) -> bool + Send + Sync + 'static,
    ) -> Self {
        self.with_rule(|rules| rules.exempt_if.push(Arc::new(exempt)))
    }

    /// Lets requests of Unix sockets pass. Right where only programs of this machine can
    /// ask there, and none of them serves strangers.
    #[must_use]
    pub fn with_exempt_unix_sockets(self) -> Self {
        self.with_rule(|rules| rules.unix_sockets = true)
    }

    /// Makes the responses by a function of your own:
    ///
    /// ```
    /// use actix_web::HttpResponse;
    /// use toa_actix::{Refusal, RequireToa};
    ///
    /// let deny = RequireToa::new().with_response(|_: Refusal| {
    ///     HttpResponse::SeeOther().insert_header(("location", "https://example.org/")).finish()
    /// });
    /// # let _ = deny;
    /// ```
    #[must_use]
    pub fn with_response(
        self,
        response: impl Fn(Refusal) -> HttpResponse + Send + Sync + 'static,
    ) -> Self {
        self.with_rule(|rules| rules.response = Arc::new(response))
    }

    fn with_rule(self, add: impl FnOnce(&mut Rules)) -> Self {
        let mut rules = Arc::unwrap_or_clone(self.rules);
        add(&mut rules);
        Self {
            rules: Arc::new(rules),
        }
    }
}

impl Default for RequireToa {
    fn default() -> Self {
        Self::new()
    }
}

/// A short text that does not tell the reason.
fn neutral_response(refusal: Refusal) -> HttpResponse {
    let status =
        StatusCode::from_u16(refusal.status()).expect("the refusals have statuses of HTTP");
    HttpResponse::build(status)
        .content_type(ContentType::plaintext())
        .body(refusal.body())
}

impl Rules {
    fn refusal(&self, request: &HttpRequest) -> Option<Refusal> {
        let refusal = match known::find_or_log(request) {
            Ok(client) => Refusal::of(&client.into())?,
            Err(ClientAddrError::UnixSocket) if self.unix_sockets => return None,
            Err(ClientAddrError::UnixSocket) => Refusal::UnixSocket,
            Err(ClientAddrError::PeerGone) => Refusal::NotThroughBalancer(Provenance::Failed(0)),
            Err(ClientAddrError::NotWiredUp | ClientAddrError::UnknownStream) => {
                Refusal::NotWiredUp
            }
        };
        let exempt = refusal.can_be_exempt() && self.is_exempt(request);
        (!exempt).then_some(refusal)
    }

    fn is_exempt(&self, request: &HttpRequest) -> bool {
        self.paths.contain(request.path()) || self.exempt_if.iter().any(|exempt| exempt(request))
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
        let rules = Arc::clone(&self.rules);
        ready(Ok(RequireToaService { inner, rules }))
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
        let inner = match self.rules.refusal(request.request()) {
            None => Inner::Passed {
                app: self.inner.call(request),
            },
            Some(refusal) => {
                tracing::debug!(path = request.path(), "request refused: {refusal}");
                // A response and not an `Err`, which `Logger` would not log.
                Inner::Refused {
                    response: Some(request.into_response((self.rules.response)(refusal))),
                }
            }
        };
        RequireToaFuture { inner }
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
                let response = response
                    .take()
                    .expect("a future is not polled after it was ready");
                Ok(response.map_into_right_body())
            }
        };
        Poll::Ready(response)
    }
}

impl fmt::Debug for Rules {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Rules")
            .field("paths", &self.paths)
            .field("unix_sockets", &self.unix_sockets)
            .finish_non_exhaustive()
    }
}
