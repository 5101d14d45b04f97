//! The option in the SYN, read by the listener itself: each framework, no source.

use std::net::{SocketAddr, TcpListener};
use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::thread::JoinHandle;

use axum::Router;
use axum::routing::get;
use toa_core::{Policy, Resolver, SavedSyn, TrustedPeers};
use toa_examples::who::WhoServer;
use toa_lab::{Balancer, BalancerConfig};
use toa_tower::tonic::ToaIncoming;
use toa_tower::{ClientAddr, ToaAcceptor, ToaLayer, ToaListener};
use tokio::runtime::Runtime;

use crate::support::{PORT, copy_for_everyone, curl, example, sandbox};
use crate::toa_tower::ask_grpc_once;

/// A server on all addresses, until it is dropped.
enum Server {
    Tokio(#[expect(dead_code, reason = "it ends its tasks when it is dropped")] Runtime),
    Actix(actix_web::dev::ServerHandle, Option<JoinHandle<()>>),
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Self::Actix(server, thread) = self {
            drop(server.stop(false));
            thread.take().unwrap().join().unwrap();
        }
    }
}

type Serve = fn(TcpListener, SavedSyn) -> Server;

const HTTP: [(&str, Serve); 3] = [
    ("axum", axum),
    ("axum-server", axum_server),
    ("actix", actix),
];

fn listener() -> TcpListener {
    let listener = TcpListener::bind(("::", PORT)).unwrap();
    listener.set_nonblocking(true).unwrap();
    listener
}

fn runtime() -> Runtime {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .unwrap()
}

fn app() -> Router {
    Router::new()
        .route("/", get(async |client: ClientAddr| client.to_string()))
        .layer(ToaLayer)
}

fn axum(listener: TcpListener, saved_syn: SavedSyn) -> Server {
    axum_with_policy(listener, saved_syn, Policy::new())
}

fn axum_with_policy(listener: TcpListener, saved_syn: SavedSyn, policy: Policy) -> Server {
    let runtime = runtime();
    let listener = toa_listener(&runtime, listener, saved_syn).with_policy(policy);
    runtime.spawn(async {
        let app = app().into_make_service_with_connect_info::<ClientAddr>();
        axum::serve(listener, app).await.unwrap();
    });
    Server::Tokio(runtime)
}

fn toa_listener(runtime: &Runtime, listener: TcpListener, saved_syn: SavedSyn) -> ToaListener {
    let _entered = runtime.enter();
    let listener = ToaListener::from_std(listener).unwrap();
    listener.with_saved_syn(saved_syn).unwrap()
}

fn axum_server(listener: TcpListener, saved_syn: SavedSyn) -> Server {
    let resolver = Resolver::new().with_saved_syn(saved_syn, &listener);
    let acceptor = ToaAcceptor::from(resolver.unwrap());
    let runtime = runtime();
    runtime.spawn(async {
        let server = axum_server::from_tcp(listener).unwrap().acceptor(acceptor);
        server.serve(app().into_make_service()).await.unwrap();
    });
    Server::Tokio(runtime)
}

fn actix(listener: TcpListener, saved_syn: SavedSyn) -> Server {
    use actix_web::{App, HttpServer, web};

    let resolver = Resolver::new().with_saved_syn(saved_syn, &listener);
    let hook = toa_actix::on_connect_with(resolver.unwrap());
    let (started, starting) = mpsc::channel();
    let thread = std::thread::spawn(move || {
        actix_web::rt::System::new().block_on(async {
            let server = HttpServer::new(|| {
                App::new().route(
                    "/",
                    web::get().to(async |client: toa_actix::ClientAddr| client.to_string()),
                )
            });
            let server = server.workers(1).disable_signals().on_connect(hook);
            let server = server.listen_auto_h2c(listener).unwrap().run();
            started.send(server.handle()).unwrap();
            server.await.unwrap();
        });
    });
    Server::Actix(starting.recv().unwrap(), Some(thread))
}

fn tonic(listener: TcpListener, saved_syn: SavedSyn) -> Server {
    let runtime = runtime();
    let listener = toa_listener(&runtime, listener, saved_syn);
    runtime.spawn(async {
        let incoming = ToaIncoming::new(listener);
        let who = WhoServer::new(|request: tonic::Request<()>| {
            let client = ClientAddr::from_extensions(request.extensions());
            Ok(client.unwrap().to_string())
        });
        tonic::transport::Server::builder()
            .layer(incoming.layer())
            .add_service(who)
            .serve_with_incoming(incoming)
            .await
            .unwrap();
    });
    Server::Tokio(runtime)
}

fn with_option_in_syn(config: BalancerConfig) -> Balancer {
    Balancer::start(config.with_option_in_syn(true)).unwrap()
}

fn trusting(balancer: &Balancer) -> SavedSyn {
    let pool = balancer.pool().iter().map(|&ip| ip.into());
    SavedSyn::insecure_trusting(pool.collect())
}

fn url(addr: SocketAddr) -> String {
    format!("http://{addr}/")
}

fn direct() -> SocketAddr {
    ([127, 0, 0, 1], PORT).into()
}

/// What a kept connection is told about itself, three times.
fn told(addr: SocketAddr) -> (SocketAddr, String) {
    let url = url(addr);
    let answers = curl(&["--http1.1"], &[url.as_str(); 3]);
    assert_eq!(answers.iter().map(|it| it.connects).sum::<u32>(), 1);
    assert!(answers.iter().all(|it| it.body == answers[0].body));
    (answers[0].local, answers[0].body.clone())
}

#[test]
fn each_framework_knows_the_client_by_the_syn_alone() {
    for config in [
        BalancerConfig::nat64_to(PORT),
        BalancerConfig::fnat44_to(PORT),
        BalancerConfig::fnat66_to(PORT),
    ] {
        let Some(_sandbox) = sandbox() else { return };
        let balancer = with_option_in_syn(config);
        for (name, serve) in HTTP {
            let _server = serve(listener(), trusting(&balancer));
            let (local, told_client) = told(balancer.virtual_addr());
            let expected = format!("{local} (toa_syn, peer ");
            assert!(told_client.starts_with(&expected), "{name}: {told_client}");
            // The next connection of the same listener has no option.
            let (local, told_client) = told(direct());
            assert_eq!(told_client, format!("{local} (not_sent)"), "{name}");
        }
        let _server = tonic(listener(), trusting(&balancer));
        let (local, told) = ask_grpc_once(&balancer.virtual_addr().to_string());
        assert!(
            told.starts_with(&format!("{local} (toa_syn, peer ")),
            "{told}"
        );
        let (local, told) = ask_grpc_once(&direct().to_string());
        assert_eq!(told, format!("{local} (not_sent)"));
    }
}

#[test]
fn each_format_that_the_service_names_is_read_in_the_syn() {
    let Some(_sandbox) = sandbox() else { return };
    for (format, expected) in [
        ("ttgw", "{client} (toa_syn, peer {peer}, to {asked}"),
        ("vtoa", "{client} (toa_syn, peer {peer}, to {asked}"),
        ("cip", "{ip}:0 (toa_syn, peer {peer}"),
        ("toa@77", "{client} (toa_syn, peer {peer}"),
    ] {
        let config = BalancerConfig::fnat44_to(PORT);
        let balancer = with_option_in_syn(config.with_option_format(format.parse().unwrap()));
        let asked = balancer.virtual_addr();
        let saved_syn = || trusting(&balancer).with_formats(format.parse().unwrap());
        for (name, serve) in HTTP {
            let _server = serve(listener(), saved_syn());
            let (local, told) = told(asked);
            let (_, peer) = told.split_once("peer ").unwrap();
            let peer = peer.split([',', ')']).next().unwrap();
            let expected = expected
                .replace("{client}", &local.to_string())
                .replace("{ip}", &local.ip().to_string())
                .replace("{peer}", peer)
                .replace("{asked}", &asked.to_string());
            assert_eq!(told, expected + ")", "{name}");
        }
        // One that is not named is not read.
        let _server = axum(
            listener(),
            trusting(&balancer).with_formats("toa@78".parse().unwrap()),
        );
        let (_, told) = told(asked);
        assert!(told.ends_with(" (not_sent)"), "{told}");
    }
}

#[test]
fn a_balancer_that_is_not_named_is_not_believed() {
    let Some(_sandbox) = sandbox() else { return };
    let balancer = with_option_in_syn(BalancerConfig::nat64_to(PORT));
    for (name, serve) in HTTP {
        let saved_syn = SavedSyn::insecure_trusting("192.0.2.0/24".parse().unwrap());
        let _server = serve(listener(), saved_syn);
        let (_, told) = told(balancer.virtual_addr());
        assert!(
            told.starts_with("10.116.111.") && told.ends_with(" (untrusted)"),
            "{name}: {told}"
        );
    }
    // A policy narrows what is named.
    let nobody = Policy::new().with_trusted_peers(TrustedPeers::none());
    let _server = axum_with_policy(listener(), trusting(&balancer), nobody);
    let (_, told) = told(balancer.virtual_addr());
    assert!(told.ends_with(" (untrusted)"), "{told}");
}

#[test]
fn under_syn_cookies_nobody_claims_that_no_option_was_sent() {
    let Some(sandbox) = sandbox() else { return };
    let balancer = with_option_in_syn(BalancerConfig::nat64_to(PORT));
    for (name, serve) in HTTP {
        let _server = serve(listener(), trusting(&balancer));
        for (cookies, expected) in [
            ("2", " (no_syn)"),
            ("1", " (toa_syn, peer "),
            ("2", " (no_syn)"),
        ] {
            sandbox.sysctl("net/ipv4/tcp_syncookies", cookies).unwrap();
            let (local, told) = told(balancer.virtual_addr());
            assert!(told.contains(expected), "{name}: {told}");
            assert_eq!(
                told.starts_with(&local.to_string()),
                cookies == "1",
                "{name}: {told}"
            );
        }
    }
}

#[test]
fn a_source_that_answers_is_believed_and_the_syn_is_not_read() {
    let Some(_sandbox) = sandbox() else { return };
    let balancer = with_option_in_syn(BalancerConfig::nat64_to(PORT));
    for (name, serve) in HTTP {
        let _server = serve(listener(), trusting(&balancer));
        assert!(
            told(balancer.virtual_addr()).1.contains("(toa_syn"),
            "{name}"
        );
        // Loaded later, and it trusts nobody.
        let source = toa_bpf::attach(&toa_bpf::Config::new(TrustedPeers::none())).unwrap();
        let (_, told_client) = told(balancer.virtual_addr());
        assert!(
            told_client.ends_with(" (untrusted)"),
            "{name}: {told_client}"
        );
        drop(source);
        assert!(
            told(balancer.virtual_addr()).1.contains("(toa_syn"),
            "{name}"
        );
    }
}

/// As a user without privileges, in a user namespace of their own. Some systems keep
/// /dev/net/tun for root; in the mount namespace of this test everybody may open it.
#[test]
fn the_demo_shows_a_real_client_without_any_privilege() {
    let Some(_sandbox) = sandbox() else { return };
    let script = r#"
        mount -t tmpfs none /dev/net
        mknod -m 666 /dev/net/tun c 10 200
        exec setpriv --reuid 65534 --regid 65534 --clear-groups --no-new-privs \
            unshare --user --map-root-user --net sh -c '
                ip link set lo up
                "$0" "[::]:3000" &
                curl --silent --show-error --noproxy "*" --retry 50 --retry-connrefused \
                    --retry-delay 1 --max-time 20 http://127.0.0.1:3000/
                curl -6 --silent --show-error --noproxy "*" --max-time 20 \
                    --write-out "%{local_ip} %{local_port}" "http://[fd74:6f61::2]:3000/"
                kill $!
            ' "$0"
    "#;
    let output = Command::new("unshare")
        .args(["--mount", "sh", "-ec", script])
        .arg(copy_for_everyone(&example("saved_syn_demo")))
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(
        said.contains("balancer  NAT64 on device"),
        "{said}\n{errors}"
    );
    assert!(
        said.contains("you are 127.0.0.1:") && said.contains(" (not_sent)\n"),
        "{said}\n{errors}"
    );
    let (through, local) = said.trim_end().rsplit_once('\n').unwrap();
    let (ip, port) = local.split_once(' ').unwrap();
    let expected = format!("you are [{ip}]:{port} (toa_syn, peer 10.116.111.");
    assert!(through.contains(&expected), "{said}\n{errors}");
}
