//! The hook that asks who is on the other side of each connection.

use std::any::Any;
use std::sync::{Arc, LazyLock, Once};

use actix_web::dev::Extensions;
use toa_core::{Policy, Resolver};

use crate::connection::Connection;
use crate::error::Unavailable;
use crate::stream::Stream;

/// Reads the client of each connection, with one system call; give it to
/// `HttpServer::on_connect`, **before** `bind`: actix copies the hook into each
/// `bind*` and `listen*` call, so a later one is not heard.
///
/// Under TLS the feature of the TLS library must be enabled (`rustls-0_23`, `openssl`).
///
/// There is one hook per server. Where you have your own, call this one from it:
///
/// ```no_run
/// # async fn run() -> std::io::Result<()> {
/// # struct Opened(std::time::Instant);
/// # use actix_web::{App, HttpServer};
/// HttpServer::new(App::new)
///     .on_connect(|connection, data| {
///         data.insert(Opened(std::time::Instant::now()));
///         toa_actix::on_connect(connection, data);
///     })
///     .bind("[::]:3000")?
///     .run()
///     .await
/// # }
/// ```
///
/// The first connection finds out, with two calls more at most, which source is
/// there, and the log warns once when there is none. A source that is loaded later
/// is picked up.
pub fn on_connect(connection: &dyn Any, data: &mut Extensions) {
    static HOOK: LazyLock<Hook> = LazyLock::new(|| Hook::new(Policy::default()));
    HOOK.call(connection, data);
}

/// [`on_connect`] with a [`Policy`] of your own.
///
/// ```no_run
/// # async fn run() -> Result<(), Box<dyn std::error::Error>> {
/// use actix_web::{App, HttpServer};
/// use toa_actix::{Policy, on_connect_with};
///
/// let policy = Policy::new().with_trusted_peers("10.1.0.0/16".parse()?);
/// HttpServer::new(App::new)
///     .on_connect(on_connect_with(policy))
///     .bind("[::]:3000")?
///     .run()
///     .await?;
/// # Ok(())
/// # }
/// ```
pub fn on_connect_with(
    policy: Policy,
) -> impl Fn(&dyn Any, &mut Extensions) + Clone + Send + Sync + 'static {
    let hook = Arc::new(Hook::new(policy));
    move |connection: &dyn Any, data: &mut Extensions| hook.call(connection, data)
}

struct Hook {
    resolver: Arc<Resolver>,
    detected: Once,
}

impl Hook {
    fn new(policy: Policy) -> Self {
        Self {
            resolver: Arc::new(Resolver::new(policy)),
            detected: Once::new(),
        }
    }

    fn call(&self, connection: &dyn Any, data: &mut Extensions) {
        let stream = match Stream::of(connection) {
            Stream::Tcp(stream) => stream,
            Stream::Unix => return other(data, Unavailable::UnixSocket),
            Stream::Unknown => return other(data, Unavailable::UnknownStream),
        };
        self.detected.call_once(|| {
            self.resolver.detect(stream);
        });
        let pending = self.resolver.ask(stream);
        data.insert(Connection::new(Arc::clone(&self.resolver), pending));
    }
}

fn other(data: &mut Extensions, why: Unavailable) {
    data.insert(Connection::Other(why));
}
