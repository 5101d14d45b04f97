//! What the spans of requests say of the client, to a subscriber that writes the fields
//! down.
#![cfg(feature = "tower-http-0_7")]
#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::fmt::Debug;
use std::sync::{Arc, Mutex};

use http::{Request, Response, Version};
use toa_tower::trace::{ToaMakeSpan, record};
use toa_tower::{ClientAddr, MockToaLayer, Nat64Prefix, Provenance, Toa, ToaLayer};
use tower::{Service, ServiceBuilder, ServiceExt};
use tower_http::trace::TraceLayer;
use tracing::field::{Empty, Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Level, Subscriber};
use tracing_subscriber::layer::{Context, Layer, SubscriberExt};

type Fields = BTreeMap<&'static str, String>;

/// The fields of all spans, whenever they were given, and the last one's level.
#[derive(Clone, Default)]
struct Captured(Arc<Mutex<(Fields, Option<Level>)>>);

struct Write<'a>(&'a mut Fields);

impl Visit for Write<'_> {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.0.insert(field.name(), format!("{value:?}"));
    }
}

impl<S: Subscriber> Layer<S> for Captured {
    fn on_new_span(&self, attributes: &Attributes<'_>, _: &Id, _: Context<'_, S>) {
        let (fields, level) = &mut *self.0.lock().unwrap();
        attributes.record(&mut Write(fields));
        *level = Some(*attributes.metadata().level());
    }

    fn on_record(&self, _: &Id, values: &Record<'_>, _: Context<'_, S>) {
        values.record(&mut Write(&mut self.0.lock().unwrap().0));
    }
}

impl Captured {
    fn during(work: impl FnOnce()) -> (Fields, Option<Level>) {
        let captured = Self::default();
        let subscriber = tracing_subscriber::registry().with(captured.clone());
        tracing::subscriber::with_default(subscriber, work);
        std::mem::take(&mut *captured.0.lock().unwrap())
    }
}

fn fields(fields: &[(&'static str, &str)]) -> Fields {
    fields
        .iter()
        .map(|&(name, value)| (name, value.to_owned()))
        .collect()
}

fn connection_of(client: &str, peer: &str, provenance: Provenance) -> ClientAddr {
    let mapped = |text: &str| toa_core::to_mapped(text.parse().unwrap());
    ClientAddr::mock(mapped(client), mapped(peer), provenance)
}

fn ask<S>(service: S, version: Version)
where
    S: Service<Request<String>, Error = Infallible>,
{
    let request = Request::post("http://shop.example/basket?token=secret");
    let request = request.version(version).body(String::new()).unwrap();
    let answered = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap()
        .block_on(service.oneshot(request));
    assert!(answered.is_ok());
}

async fn answer(_: Request<String>) -> Result<Response<String>, Infallible> {
    Ok(Response::new(String::new()))
}

#[test]
fn a_requests_span_has_the_client_and_the_peer_by_opentelemetrys_names() {
    for (client, peer, provenance, version, expected) in [
        (
            "[2001:db8::7]:41234",
            "10.0.0.9:5000",
            Provenance::Toa,
            (Version::HTTP_2, "\"2\""),
            [
                ("client.address", "2001:db8::7"),
                ("client.port", "41234"),
                ("network.peer.address", "10.0.0.9"),
                ("network.peer.port", "5000"),
                ("toa.provenance", "\"toa\""),
            ],
        ),
        (
            "203.0.113.9:1",
            "203.0.113.9:1",
            Provenance::Untrusted,
            (Version::HTTP_11, "\"1.1\""),
            [
                ("client.address", "203.0.113.9"),
                ("client.port", "1"),
                ("network.peer.address", "203.0.113.9"),
                ("network.peer.port", "1"),
                ("toa.provenance", "\"untrusted\""),
            ],
        ),
    ] {
        let trace = TraceLayer::new_for_http().make_span_with(ToaMakeSpan::new());
        let app = ServiceBuilder::new()
            .layer(trace)
            .layer(ToaLayer)
            .service_fn(answer);
        let service = Toa::for_connection(app, connection_of(client, peer, provenance));
        let (captured, level) = Captured::during(|| ask(service, version.0));
        let mut expected = fields(&expected);
        expected.extend(fields(&[
            ("http.request.method", "POST"),
            ("url.path", "\"/basket\""),
            ("network.protocol.version", version.1),
        ]));
        assert_eq!(captured, expected);
        assert_eq!(level, Some(Level::INFO));
    }
}

#[test]
fn what_the_client_asked_for_and_a_client_behind_a_nat64_are_shown_when_known() {
    let client = connection_of(
        "[64:ff9b::203.0.113.7]:41234",
        "10.0.0.9:5000",
        Provenance::Toa,
    );
    let virtual_addr: std::net::SocketAddr = "10.0.8.208:443".parse().unwrap();
    let client = client.with_mock_virtual_addr(virtual_addr);
    for (make, address) in [
        (ToaMakeSpan::new(), "64:ff9b::cb00:7107"),
        (
            ToaMakeSpan::new().with_nat64_prefix(Nat64Prefix::WELL_KNOWN),
            "203.0.113.7",
        ),
    ] {
        let app = ServiceBuilder::new()
            .layer(TraceLayer::new_for_http().make_span_with(make))
            .layer(ToaLayer)
            .service_fn(answer);
        let service = Toa::for_connection(app, client);
        let (captured, _) = Captured::during(|| ask(service, Version::HTTP_11));
        assert_eq!(captured["client.address"], address);
        assert_eq!(captured["toa.virtual_address"], "10.0.8.208");
        assert_eq!(captured["toa.virtual_port"], "443");
    }
}

#[test]
fn a_trace_layer_inside_of_a_mock_sees_the_mocked_client() {
    let client: std::net::SocketAddr = "[2001:db8::7]:41234".parse().unwrap();
    let service = ServiceBuilder::new()
        .layer(MockToaLayer::new(client))
        .layer(TraceLayer::new_for_http().make_span_with(ToaMakeSpan::new()))
        .service_fn(answer);
    let (captured, _) = Captured::during(|| ask(service, Version::HTTP_11));
    assert_eq!(captured["client.address"], "2001:db8::7");
    assert_eq!(captured["network.peer.address"], "10.0.0.1");
}

#[test]
fn a_request_of_an_unknown_connection_has_no_such_fields() {
    for level in [
        Level::ERROR,
        Level::WARN,
        Level::INFO,
        Level::DEBUG,
        Level::TRACE,
    ] {
        let make = ToaMakeSpan::default().with_level(level);
        let service = ServiceBuilder::new()
            .layer(TraceLayer::new_for_http().make_span_with(make))
            .service_fn(answer);
        let (captured, captured_level) = Captured::during(|| ask(service, Version::HTTP_10));
        let expected = [
            ("http.request.method", "POST"),
            ("url.path", "\"/basket\""),
            ("network.protocol.version", "\"1.0\""),
        ];
        assert_eq!(captured, fields(&expected));
        assert_eq!(captured_level, Some(level));
    }
}

#[test]
fn a_span_of_ones_own_gets_the_fields_that_it_declares() {
    let client = connection_of("203.0.113.7:41234", "10.0.0.9:5000", Provenance::Toa);
    let (captured, _) = Captured::during(|| {
        let span = tracing::info_span!("session", client.address = Empty, toa.provenance = Empty);
        record(&span, &client);
    });
    let expected = [
        ("client.address", "203.0.113.7"),
        ("toa.provenance", "\"toa\""),
    ];
    assert_eq!(captured, fields(&expected));
}
