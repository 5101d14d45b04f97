//! The hook that asks who is on the other side of each connection.

use std::any::Any;
use std::sync::{Arc, LazyLock, Once};

use actix_web::dev::Extensions;
use toa_core::{Policy, Resolver};

use crate::connection::Connection;
use crate::stream::tcp_stream;

/// Reads the client of each connection, with one system call; give it to
/// `HttpServer::on_connect`, **before** `bind`: actix copies the hook into each
/// `bind*` and `listen*` call, so a later one is not heard.
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
        let Some(stream) = tcp_stream(connection) else {
            data.insert(Connection::Unknown);
            return;
        };
        self.detected.call_once(|| {
            self.resolver.detect(stream);
        });
        let pending = self.resolver.ask(stream);
        data.insert(Connection::new(Arc::clone(&self.resolver), pending));
    }
}
