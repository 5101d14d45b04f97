//! What a request costs in allocations.
#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use std::convert::Infallible;
use std::future::{Ready, ready};
use std::task::{Context, Poll};

use http::Request;
use toa_tower::{ClientAddr, Provenance, RealClient, RequireToaLayer, Toa, ToaLayer};
use tower::{Layer, Service};

fn allocations<T>(work: impl FnOnce() -> T) -> (u64, T) {
    let mut outcome = None;
    let counted = allocation_counter::measure(|| outcome = Some(work()));
    (counted.count_total, outcome.unwrap())
}

/// The app: it asks for the client, as handlers and middleware do.
#[derive(Clone)]
struct App;

impl Service<Request<()>> for App {
    type Response = http::Response<String>;
    type Error = Infallible;
    type Future = Ready<Result<Self::Response, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<()>) -> Self::Future {
        assert!(RealClient::from_extensions(request.extensions()).is_some());
        assert!(ClientAddr::from_extensions(request.extensions()).is_some());
        ready(Ok(http::Response::new(String::new())))
    }
}

fn client() -> ClientAddr {
    let client = "[2001:db8::7]:41234".parse().unwrap();
    ClientAddr::mock(client, client, Provenance::Toa)
}

/// A request, and what inserting one more extension into it costs.
fn request<E: Clone + Send + Sync + 'static>(known: Option<E>) -> (Request<()>, u64) {
    #[derive(Clone)]
    struct One(#[expect(dead_code, reason = "it has a size")] ClientAddr);
    let make = || {
        let mut request = Request::new(());
        if let Some(known) = &known {
            request.extensions_mut().insert(known.clone());
        }
        request
    };
    let (one, _) = allocations(|| make().extensions_mut().insert(One(client())));
    let (without, request) = allocations(make);
    (request, one - without)
}

#[test]
fn an_accept_loop_of_ones_own_pays_for_one_extension() {
    let (request, one) = request::<()>(None);
    assert!(one > 0, "the allocator counts");
    let app = ToaLayer.layer(RequireToaLayer::new().layer(App));
    let mut app = Toa::for_connection(app, client());
    assert_eq!(allocations(|| app.call(request)).0, one);
}

#[cfg(feature = "axum-0_8")]
#[test]
fn axum_pays_for_nothing_beside_its_own_connect_info() {
    let known = axum::extract::ConnectInfo(client());
    let (request, one) = request(Some(known));
    assert_eq!(one, 1);
    let mut app = ToaLayer.layer(RequireToaLayer::new().layer(App));
    assert_eq!(allocations(|| app.call(request)).0, 0);
}

#[cfg(feature = "axum-0_8")]
#[test]
fn connect_info_for_others_is_one_extension() {
    let known = axum::extract::ConnectInfo(client());
    let (request, one) = request(Some(known));
    let mut app = ToaLayer.with_connect_info().layer(App);
    assert_eq!(allocations(|| app.call(request)).0, one);
}

#[test]
fn reading_the_client_costs_nothing() {
    let (mut request, _) = request(Some(client()));
    let read = || RealClient::from_extensions(request.extensions_mut()).unwrap();
    assert_eq!(allocations(read).0, 0);
}
