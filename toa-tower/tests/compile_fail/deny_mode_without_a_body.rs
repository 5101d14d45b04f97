//! A refusal has a sentence for its body: a body that is not made of text is refused.

use std::convert::Infallible;
use std::future::Ready;

use http::{Request, Response};
use toa_tower::RequireToaLayer;
use tower::{Layer, Service};

struct Binary;

type Answer = Ready<Result<Response<Binary>, Infallible>>;

fn require(app: impl Service<Request<()>, Response = Response<Binary>, Future = Answer>) {
    serve(RequireToaLayer::new().layer(app));
}

fn serve(_: impl Service<Request<()>>) {}

fn main() {}
