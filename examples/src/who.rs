//! A gRPC service of one method, which stands for what `tonic-build` generates from
//!
//! ```proto
//! package toa;
//! service Who { rpc Am(google.protobuf.Empty) returns (google.protobuf.StringValue); }
//! ```
//!
//! written by hand, so that trying it needs no `protoc`.

use std::convert::Infallible;
use std::future::{Ready, ready};
use std::pin::Pin;
use std::task::{Context, Poll};

use tonic::body::Body;
use tonic::client::GrpcService;
use tonic::codegen::http::uri::PathAndQuery;
use tonic::codegen::{Body as HttpBody, Bytes, Service, StdError, http};
use tonic::server::{Grpc, NamedService, UnaryService};
use tonic::{Request, Response, Status};
use tonic_prost::ProstCodec;

/// The server's half: `answer` is the method.
#[derive(Clone, Debug)]
pub struct WhoServer<F> {
    answer: F,
}

impl<F> WhoServer<F>
where
    F: FnMut(Request<()>) -> Result<String, Status>,
{
    /// A server whose one method is `answer`.
    pub const fn new(answer: F) -> Self {
        Self { answer }
    }
}

impl<F> NamedService for WhoServer<F> {
    const NAME: &'static str = "toa.Who";
}

impl<F> Service<http::Request<Body>> for WhoServer<F>
where
    F: FnMut(Request<()>) -> Result<String, Status> + Clone + Send + 'static,
{
    type Response = http::Response<Body>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<Body>) -> Self::Future {
        let method = Am(self.answer.clone());
        Box::pin(async {
            let mut grpc = Grpc::new(ProstCodec::<String, ()>::default());
            Ok(grpc.unary(method, request).await)
        })
    }
}

struct Am<F>(F);

impl<F> UnaryService<()> for Am<F>
where
    F: FnMut(Request<()>) -> Result<String, Status>,
{
    type Response = String;
    type Future = Ready<Result<Response<String>, Status>>;

    fn call(&mut self, request: Request<()>) -> Self::Future {
        ready((self.0)(request).map(Response::new))
    }
}

/// The client's half: calls the method once.
///
/// # Errors
/// The server's status, or that it cannot be reached.
pub async fn ask<S>(channel: S) -> Result<String, Status>
where
    S: GrpcService<Body>,
    S::Error: Into<StdError>,
    S::ResponseBody: HttpBody<Data = Bytes> + Send + 'static,
    <S::ResponseBody as HttpBody>::Error: Into<StdError> + Send,
{
    let mut grpc = tonic::client::Grpc::new(channel);
    grpc.ready()
        .await
        .map_err(|error| Status::unavailable(error.into().to_string()))?;
    let path = PathAndQuery::from_static("/toa.Who/Am");
    let codec = ProstCodec::<(), String>::default();
    let response = grpc.unary(Request::new(()), path, codec).await?;
    Ok(response.into_inner())
}
