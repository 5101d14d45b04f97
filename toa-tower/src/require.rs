//! Deny mode: only what comes through the balancer is served.
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
//!
//! [`Provenance::Toa`]: toa_core::Provenance::Toa
//! [`Provenance::FromAccept`]: toa_core::Provenance::FromAccept

mod response;

use std::fmt;
use std::sync::Arc;
use std::task::{Context, Poll};

use http::request::Parts;
use http::{Request, Response};
use toa_core::{ExemptPaths, Refusal};
use tower_layer::Layer;
use tower_service::Service;

pub use self::response::{NeutralResponse, RefusalResponse, RequireToaFuture};
use crate::known::{self, ClientAddrError};
use crate::nested;

/// Answers 403 to what did not come through the balancer.
///
/// ```
/// # #[cfg(feature = "axum-0_8")] {
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
/// Exempt paths are those that the client asked for, also within `Router::nest`.
///
/// Where nothing is wired up it answers 500 to everything, also to what is exempt.
///
/// The response body must be one that is made of text (`From<&'static str>`), as axum's and
/// `http_body_util::Full` are, or [`with_response`](Self::with_response) makes it; under
/// tonic `tonic::require_toa` does.
pub struct RequireToaLayer<R = NeutralResponse> {
    rules: Arc<Rules<R>>,
}

/// The service of [`RequireToaLayer`].
pub struct RequireToa<S, R = NeutralResponse> {
    inner: S,
    rules: Arc<Rules<R>>,
}

type ExemptIf = Arc<dyn Fn(&Parts) -> bool + Send + Sync>;

#[derive(Clone, Default)]
struct Rules<R> {
    paths: ExemptPaths,
    exempt_if: Vec<ExemptIf>,
    unix_sockets: bool,
    response: R,
}

impl RequireToaLayer {
    /// Refuses everything that did not come through the balancer.
    #[must_use]
    pub fn new() -> Self {
        Self {
            rules: Arc::new(Rules::default()),
        }
    }
}

impl Default for RequireToaLayer {
    fn default() -> Self {
        Self::new()
    }
}

impl<R: Clone> RequireToaLayer<R> {
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
    pub fn with_exempt_if(self, exempt: impl Fn(&Parts) -> bool + Send + Sync + 'static) -> Self {
        self.with_rule(|rules| rules.exempt_if.push(Arc::new(exempt)))
    }

    /// Lets requests of Unix sockets pass (see [`UnixClient`](crate::UnixClient)). Right
    /// where only programs of this machine can ask there, and none of them serves strangers.
    #[must_use]
    pub fn with_exempt_unix_sockets(self) -> Self {
        self.with_rule(|rules| rules.unix_sockets = true)
    }

    /// Makes the responses by a function of your own:
    ///
    /// ```
    /// # #[cfg(feature = "axum-0_8")] {
    /// use axum::response::{IntoResponse, Redirect};
    /// use toa_tower::{Refusal, RequireToaLayer};
    ///
    /// let layer = RequireToaLayer::new()
    ///     .with_response(|_: Refusal| Redirect::to("https://example.org/").into_response());
    /// # let _ = layer;
    /// # }
    /// ```
    #[must_use]
    pub fn with_response<F, B>(self, response: F) -> RequireToaLayer<F>
    where
        F: Fn(Refusal) -> Response<B>,
    {
        let Rules {
            paths,
            exempt_if,
            unix_sockets,
            ..
        } = Arc::unwrap_or_clone(self.rules);
        RequireToaLayer {
            rules: Arc::new(Rules {
                paths,
                exempt_if,
                unix_sockets,
                response,
            }),
        }
    }

    fn with_rule(self, add: impl FnOnce(&mut Rules<R>)) -> Self {
        let mut rules = Arc::unwrap_or_clone(self.rules);
        add(&mut rules);
        Self {
            rules: Arc::new(rules),
        }
    }
}

impl<R> Rules<R> {
    fn refusal(&self, parts: &Parts) -> Option<Refusal> {
        let refusal = match known::find_or_log(&parts.extensions) {
            Ok(client) => Refusal::of(&(*client).into())?,
            Err(ClientAddrError::UnixSocket) if self.unix_sockets => return None,
            Err(ClientAddrError::UnixSocket) => Refusal::UnixSocket,
            Err(ClientAddrError::NotWiredUp) => Refusal::NotWiredUp,
        };
        let exempt = refusal.can_be_exempt() && self.is_exempt(parts);
        (!exempt).then_some(refusal)
    }

    fn is_exempt(&self, parts: &Parts) -> bool {
        self.paths.contain(&nested::full_path(parts))
            || self.exempt_if.iter().any(|exempt| exempt(parts))
    }
}

impl<S, R> Layer<S> for RequireToaLayer<R> {
    type Service = RequireToa<S, R>;

    fn layer(&self, inner: S) -> RequireToa<S, R> {
        RequireToa {
            inner,
            rules: Arc::clone(&self.rules),
        }
    }
}

impl<S, B, R, ResponseBody> Service<Request<B>> for RequireToa<S, R>
where
    S: Service<Request<B>, Response = Response<ResponseBody>>,
    R: RefusalResponse<ResponseBody>,
{
    type Response = Response<ResponseBody>;
    type Error = S::Error;
    type Future = RequireToaFuture<S::Future, ResponseBody>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let (parts, body) = request.into_parts();
        match self.rules.refusal(&parts) {
            None => RequireToaFuture::Passed {
                future: self.inner.call(Request::from_parts(parts, body)),
            },
            Some(refusal) => {
                tracing::debug!(path = parts.uri.path(), "request refused: {refusal}");
                RequireToaFuture::Refused {
                    response: Some(self.rules.response.response(refusal)),
                }
            }
        }
    }
}

impl<R> Clone for RequireToaLayer<R> {
    fn clone(&self) -> Self {
        Self {
            rules: Arc::clone(&self.rules),
        }
    }
}

impl<S: Clone, R> Clone for RequireToa<S, R> {
    fn clone(&self) -> Self {
        Self {
            inner: self.inner.clone(),
            rules: Arc::clone(&self.rules),
        }
    }
}

impl<R> fmt::Debug for RequireToaLayer<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RequireToaLayer")
            .field("rules", &self.rules)
            .finish()
    }
}

impl<S: fmt::Debug, R> fmt::Debug for RequireToa<S, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RequireToa")
            .field("inner", &self.inner)
            .field("rules", &self.rules)
            .finish()
    }
}

impl<R> fmt::Debug for Rules<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Rules")
            .field("paths", &self.paths)
            .field("unix_sockets", &self.unix_sockets)
            .finish_non_exhaustive()
    }
}
