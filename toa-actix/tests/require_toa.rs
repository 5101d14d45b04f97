//! Deny mode, and what every other way of asking says in the same case.

mod common;

use std::net::TcpListener;

use actix_web::http::StatusCode;
use actix_web::middleware::Condition;
use actix_web::test::{TestRequest, call_service, init_service, read_body};
use actix_web::{App, HttpServer, web};
use common::{BOTH, get_all};
use toa_actix::test::{with_client, with_client_addr};
use toa_actix::{ClientAddr, Provenance, RealClient, RequireToa, on_connect};

const CLIENT: &str = "[2001:db8::7]:41234";
const BALANCER: &str = "[::ffff:10.0.0.9]:5000";
const NOT_WIRED_UP: &str = "toa-actix is not wired up: add `.on_connect(toa_actix::on_connect)` \
    to the HttpServer, before `.bind`";

fn routes(config: &mut web::ServiceConfig) {
    config
        .route(
            "/",
            web::get().to(|c: RealClient| async move { c.to_string() }),
        )
        .route(
            "/maybe",
            web::get().to(|c: Option<RealClient>| async move { format!("{c:?}") }),
        )
        .service(
            web::resource("/deny")
                .wrap(RequireToa::new())
                .to(async || "passed"),
        );
}

fn refused(reason: &str) -> (StatusCode, String) {
    let sentence = format!("only clients of the load balancer are served here: {reason}");
    (StatusCode::FORBIDDEN, sentence)
}

/// Extractor, optional extractor and middleware in each case that there is.
#[actix_web::test]
async fn each_case_has_its_answer() {
    use Provenance::{Accept, Failed, Invalid, NoSource, NotSent, Toa, Untrusted};
    let app = init_service(App::new().configure(routes)).await;
    let ok = |body: &str| (StatusCode::OK, body.to_owned());
    let some = |client: &str| ok(&format!("Some(RealClient({client}))"));
    let not_wired_up = (StatusCode::INTERNAL_SERVER_ERROR, NOT_WIRED_UP.to_owned());
    let peer = |provenance, reason| {
        let expected = [ok(BALANCER), some(BALANCER), refused(reason)];
        (Some((BALANCER, provenance)), expected)
    };
    for (case, expected) in [
        (
            Some((CLIENT, Toa)),
            [ok(CLIENT), some(CLIENT), ok("passed")],
        ),
        peer(NotSent, "no option sent"),
        peer(Untrusted, "peer not trusted"),
        peer(Invalid, "option invalid"),
        peer(NoSource, "no source"),
        peer(Accept, "third-party module, as accepted"),
        peer(Failed(0), "broken answer from the source"),
        (None, [not_wired_up.clone(), ok("None"), not_wired_up]),
    ] {
        for (path, expected) in ["/", "/maybe", "/deny"].into_iter().zip(expected) {
            let request = TestRequest::with_uri(path).to_request();
            let request = match case {
                None => request,
                Some((client, provenance)) => {
                    let (client, peer) = (client.parse().unwrap(), BALANCER.parse().unwrap());
                    with_client_addr(request, ClientAddr::mock(client, peer, provenance))
                }
            };
            let response = call_service(&app, request).await;
            let status = response.status();
            let body = String::from_utf8(read_body(response).await.to_vec()).unwrap();
            assert_eq!((status, body), expected, "{case:?} {path}");
        }
    }
}

#[actix_web::test]
async fn exempt_paths_are_served_to_everybody_and_match_as_a_whole() {
    let deny = RequireToa::new()
        .with_exempt_path("/health")
        .with_exempt_path("/v1/ready");
    let app = App::new()
        .default_service(web::to(async || "served"))
        .wrap(deny);
    let app = init_service(app).await;
    let peer = BALANCER.parse().unwrap();
    let probe = ClientAddr::mock(peer, peer, Provenance::NotSent);
    for (path, served) in [
        ("/health", true),
        ("/health?verbose=1", true),
        ("/v1/ready", true),
        ("/health/", false),
        ("/healthy", false),
        ("/health/../admin", false),
        ("//health", false),
        ("/%68ealth", false),
        ("/Health", false),
        ("/ready", false),
        ("/", false),
    ] {
        let request = with_client_addr(TestRequest::with_uri(path).to_request(), probe);
        let status = call_service(&app, request).await.status();
        let expected = if served {
            StatusCode::OK
        } else {
            StatusCode::FORBIDDEN
        };
        assert_eq!(status, expected, "{path}");
    }
    // Not wired up: the first health check is to find it.
    let request = TestRequest::with_uri("/health").to_request();
    let response = call_service(&app, request).await;
    assert_eq!(response.status(), StatusCode::INTERNAL_SERVER_ERROR);
    assert_eq!(read_body(response).await, NOT_WIRED_UP);
}

#[test]
#[should_panic(expected = "the exempt path \"health\" can never match: start it with a slash")]
fn an_exempt_path_that_could_never_match_is_refused_when_configured() {
    let _ = RequireToa::new().with_exempt_path("health");
}

#[actix_web::test]
async fn only_the_wrapped_part_of_an_app_denies() {
    let answer = || web::get().to(async || "served");
    let app = App::new()
        .service(
            web::scope("/admin")
                .wrap(RequireToa::new())
                .route("", answer()),
        )
        .service(
            web::scope("/switched-off")
                .wrap(Condition::new(false, RequireToa::new()))
                .route("", answer()),
        )
        .route("/", answer());
    let app = init_service(app).await;
    let peer = BALANCER.parse().unwrap();
    let direct = ClientAddr::mock(peer, peer, Provenance::NotSent);
    for (path, status) in [
        ("/admin", StatusCode::FORBIDDEN),
        ("/switched-off", StatusCode::OK),
        ("/", StatusCode::OK),
    ] {
        let request = TestRequest::with_uri(path).to_request();
        let response = call_service(&app, with_client_addr(request, direct)).await;
        assert_eq!(response.status(), status, "{path}");
    }
    let request = TestRequest::with_uri("/admin").to_request();
    let request = with_client(request, ([203, 0, 113, 7], 41234));
    assert_eq!(call_service(&app, request).await.status(), StatusCode::OK);
}

#[actix_web::test]
async fn over_real_sockets_a_direct_connection_is_refused() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let reason = match toa_core::detect_source(&listener) {
        toa_core::SourceKind::None => "no source",
        _ => "no option sent",
    };
    let addr = listener.local_addr().unwrap();
    let server = HttpServer::new(|| {
        let deny = RequireToa::new().with_exempt_path("/maybe");
        App::new().configure(routes).wrap(deny)
    });
    let server = server.workers(1).on_connect(on_connect);
    actix_web::rt::spawn(server.listen_auto_h2c(listener).unwrap().run());
    for http in BOTH {
        let (local, answers) = get_all(addr, http, &["/", "/maybe", "/"]).await;
        let (status, body) = refused(reason);
        let refused = (http::StatusCode::from_u16(status.as_u16()).unwrap(), body);
        let client = format!("Some(RealClient({}))", toa_core::to_mapped(local));
        let exempt = (http::StatusCode::OK, client);
        assert_eq!(answers, [refused.clone(), exempt, refused], "{http:?}");
    }
}

#[cfg(unix)]
#[actix_web::test]
async fn a_unix_socket_is_not_the_balancer() {
    let path = std::env::temp_dir().join(format!("toa-actix-deny-{}", std::process::id()));
    let unix = std::os::unix::net::UnixListener::bind(&path).unwrap();
    let server = HttpServer::new(|| App::new().configure(routes)).workers(1);
    let server = server.on_connect(on_connect).listen_uds(unix).unwrap();
    actix_web::rt::spawn(server.run());
    let stream = actix_web::rt::net::UnixStream::connect(&path)
        .await
        .unwrap();
    let answers = common::ask(stream, common::Http::One, &["/deny", "/maybe"]).await;
    std::fs::remove_file(&path).unwrap();
    let (status, body) = refused("unix socket");
    let refused = (http::StatusCode::from_u16(status.as_u16()).unwrap(), body);
    assert_eq!(
        answers,
        [refused, (http::StatusCode::OK, "None".to_owned())]
    );
}
