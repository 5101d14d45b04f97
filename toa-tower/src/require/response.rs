//! What a refused request is answered, and the future of the answer.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use http::{HeaderValue, Response, StatusCode, header};
use pin_project_lite::pin_project;
use toa_core::Refusal;

/// Makes the response to what is refused: a short text, 403 or 500, that does not tell the
/// reason. A closure from [`Refusal`] to a response is one as well.
#[derive(Clone, Copy, Debug, Default)]
pub struct NeutralResponse;

/// What makes the response to a refused request: [`NeutralResponse`], or any
/// `Fn(Refusal) -> Response<B>`.
pub trait RefusalResponse<B> {
    /// The response.
    fn response(&self, refusal: Refusal) -> Response<B>;
}

pin_project! {
    /// The response of [`RequireToa`].
    #[project = RequireToaFutureProjected]
    pub enum RequireToaFuture<F, B> {
        /// The app answers.
        #[doc(hidden)]
        Passed { #[pin] future: F },
        /// The request is refused.
        #[doc(hidden)]
        Refused { response: Option<Response<B>> },
    }
}

impl<B: From<&'static str>> RefusalResponse<B> for NeutralResponse {
    fn response(&self, refusal: Refusal) -> Response<B> {
        let mut response = Response::new(refusal.body().into());
        *response.status_mut() =
            StatusCode::from_u16(refusal.status()).expect("the refusals have statuses of HTTP");
        response.headers_mut().insert(
            header::CONTENT_TYPE,
            HeaderValue::from_static("text/plain; charset=utf-8"),
        );
        response
    }
}

impl<F, B> RefusalResponse<B> for F
where
    F: Fn(Refusal) -> Response<B>,
{
    fn response(&self, refusal: Refusal) -> Response<B> {
        self(refusal)
    }
}

impl<F, E, B> Future for RequireToaFuture<F, B>
where
    F: Future<Output = Result<Response<B>, E>>,
{
    type Output = Result<Response<B>, E>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        Poll::Ready(match self.project() {
            RequireToaFutureProjected::Passed { future } => ready!(future.poll(cx)),
            RequireToaFutureProjected::Refused { response } => Ok(response
                .take()
                .expect("a future is not polled after it was ready")),
        })
    }
}

impl<F, B> fmt::Debug for RequireToaFuture<F, B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Passed { .. } => "RequireToaFuture::Passed",
            Self::Refused { .. } => "RequireToaFuture::Refused",
        })
    }
}
