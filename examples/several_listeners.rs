//! One app on several listeners, of which only some are behind the balancer.
//!
//!     cargo run --example several_listeners [ADDRESS:PORT]
//!
//! | listener | answer |
//! |---|---|
//! | ADDRESS:PORT, two sockets that share it by SO_REUSEPORT | `first: [fd74:6f61::1]:41234 (toa, peer 10.116.111.16:5000)` or `second: ..` through the balancer |
//! | ADDRESS:PORT+1, beside the balancer: no option is believed | `direct: 10.116.111.16:5000 (untrusted)`, even through a balancer |
//! | the Unix socket `toa-PORT.sock` in the temporary directory | `unix: a local program` |
//!
//! Run it as root to see all of it, as `axum_demo` tells.

#[cfg(not(unix))]
fn main() {
    eprintln!("this example needs Unix sockets and SO_REUSEPORT");
}

#[cfg(unix)]
#[tokio::main]
async fn main() -> anyhow::Result<()> {
    unix::run().await
}

#[cfg(unix)]
mod unix {
    use std::io;
    use std::net::SocketAddr;

    use anyhow::Context;
    use axum::Router;
    use axum::routing::get;
    use socket2::{Domain, Socket, Type};
    use toa_examples::Stage;
    use toa_tower::{ClientAddr, Policy, ToaLayer, ToaListener, TrustedPeers, UnixClient};
    use tokio::net::UnixListener;
    use tokio::task::JoinSet;

    /// The app; each listener has a copy that knows the listener's name.
    fn app(listener: &'static str) -> Router {
        let who = async move |client: Option<ClientAddr>| match client {
            Some(client) => format!("{listener}: {client}\n"),
            None => format!("{listener}: a local program\n"),
        };
        Router::new().route("/", get(who)).layer(ToaLayer)
    }

    pub(crate) async fn run() -> anyhow::Result<()> {
        toa_examples::log_to_stderr();
        let addr = toa_examples::listen_addr()?;
        let beside = SocketAddr::new(addr.ip(), addr.port() + 1);
        let path = std::env::temp_dir().join(format!("toa-{}.sock", addr.port()));
        println!("beside    curl http://127.0.0.1:{}/", beside.port());
        println!(
            "unix      curl --unix-socket {} http://unix/",
            path.display()
        );
        let _stage = Stage::set_up(addr.port())?;
        let mut servers = JoinSet::new();

        let listener = ToaListener::bind(beside)
            .await?
            .with_policy(Policy::new().with_trusted_peers(TrustedPeers::none()));
        servers.spawn(serve(listener, "direct"));

        let _ = std::fs::remove_file(&path);
        let listener = UnixListener::bind(&path)
            .with_context(|| format!("cannot listen on {}", path.display()))?;
        let local = app("unix").into_make_service_with_connect_info::<UnixClient>();
        servers.spawn(async { axum::serve(listener, local).await });

        for name in ["first", "second"] {
            let listener = ToaListener::from_std(shared(addr)?)?;
            servers.spawn(serve(listener, name));
        }
        while let Some(ended) = servers.join_next().await {
            ended??;
        }
        Ok(())
    }

    async fn serve(listener: ToaListener, name: &'static str) -> io::Result<()> {
        let app = app(name);
        axum::serve(
            listener,
            app.into_make_service_with_connect_info::<ClientAddr>(),
        )
        .await
    }

    /// A listener on an address that others listen on as well: the kernel deals the
    /// connections out among them.
    fn shared(addr: SocketAddr) -> io::Result<std::net::TcpListener> {
        let socket = Socket::new(Domain::for_address(addr), Type::STREAM, None)?;
        socket.set_reuse_address(true)?;
        socket.set_reuse_port(true)?;
        socket.bind(&addr.into())?;
        socket.listen(1024)?;
        Ok(socket.into())
    }
}
