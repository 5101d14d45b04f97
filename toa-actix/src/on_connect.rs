//! The hook that asks who is on the other side of each connection.

use std::any::Any;
use std::sync::Arc;

use actix_web::dev::Extensions;
use actix_web::rt::net::TcpStream;
use toa_core::Resolver;

use crate::client::ClientAddr;
use crate::known::{ClientAddrError, Connection};
use crate::stream::Stream;

/// A hook that reads the client of each connection as it opens; give it to
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
/// let toa = toa_actix::on_connect();
/// HttpServer::new(App::new)
///     .on_connect(move |connection, data| {
///         data.insert(Opened(std::time::Instant::now()));
///         toa(connection, data);
///     })
///     .bind("[::]:3000")?
///     .run()
///     .await
/// # }
/// ```
///
/// It costs one system call per connection behind one of our sources. actix does not hand
/// over what `accept()` returned, so any other source, and none, costs a further
/// `getpeername()`; and once a second, where none of ours answers, one more call looks
/// whether another source is there. The log warns once when there is none. A source that
/// comes, goes or changes later is noticed.
pub fn on_connect() -> impl Fn(&dyn Any, &mut Extensions) + Clone + Send + Sync + 'static {
    on_connect_with(Resolver::new())
}

/// [`on_connect`] with a [`Policy`](toa_core::Policy) of your own, or a [`Resolver`].
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
///
/// A resolver can read the option in the SYN where no source answers. It is told the listening
/// socket, so that comes first. Read what [`SavedSyn`](toa_core::SavedSyn) says about who can
/// forge that.
///
/// ```no_run
/// # async fn run() -> Result<(), Box<dyn std::error::Error>> {
/// use actix_web::{App, HttpServer};
/// use toa_actix::{Resolver, SavedSyn, on_connect_with};
///
/// let saved_syn = SavedSyn::insecure_trusting("100.125.0.0/16".parse()?);
/// let listener = std::net::TcpListener::bind("[::]:3000")?;
/// let resolver = Resolver::new().with_saved_syn(saved_syn, &listener)?;
/// HttpServer::new(App::new)
///     .on_connect(on_connect_with(resolver))
///     .listen(listener)?
///     .run()
///     .await?;
/// # Ok(())
/// # }
/// ```
pub fn on_connect_with(
    resolver: impl Into<Resolver>,
) -> impl Fn(&dyn Any, &mut Extensions) + Clone + Send + Sync + 'static {
    let resolver = Arc::new(resolver.into());
    hook(move |stream| {
        let client = resolver.resolve_connected(stream).map(ClientAddr::from);
        client.map_err(|_| ClientAddrError::PeerGone)
    })
}

/// A hook that leaves what `resolve` says of each TCP connection, and of any other why it
/// has no client.
pub(crate) fn hook<F>(
    resolve: F,
) -> impl Fn(&dyn Any, &mut Extensions) + Clone + Send + Sync + 'static
where
    F: Fn(&TcpStream) -> Result<ClientAddr, ClientAddrError> + Clone + Send + Sync + 'static,
{
    move |connection: &dyn Any, data: &mut Extensions| {
        data.insert(Connection(match Stream::of(connection) {
            Stream::Tcp(stream) => resolve(stream),
            Stream::Unix => Err(ClientAddrError::UnixSocket),
            Stream::Unknown => Err(ClientAddrError::UnknownStream),
        }));
    }
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use actix_web::rt::net::TcpStream;
    use toa_core::{SourceKind, detect_source};

    use super::*;

    fn known(connection: &dyn Any) -> Result<ClientAddr, ClientAddrError> {
        let mut data = Extensions::new();
        on_connect()(connection, &mut data);
        let Connection(known) = data.get().unwrap();
        *known
    }

    #[actix_web::test]
    async fn a_connection_that_was_reset_is_not_called_miswired() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let addr = listener.local_addr().unwrap();
        let client = TcpStream::connect(addr).await.unwrap();
        let (accepted, _) = listener.accept().unwrap();
        accepted.set_nonblocking(true).unwrap();
        let accepted = TcpStream::from_std(accepted).unwrap();
        let local = client.local_addr().unwrap();
        assert_eq!(known(&accepted).unwrap().client_canonical(), local);
        client.set_zero_linger().unwrap();
        drop(client);
        accepted.readable().await.unwrap();
        let told = known(&accepted).map(|client| client.client_canonical());
        let expected = match detect_source(&listener) {
            // Ours keep the peer's address with the socket.
            SourceKind::Ebpf | SourceKind::Module => Ok(local),
            _ => Err(ClientAddrError::PeerGone),
        };
        assert_eq!(told, expected);
    }

    #[test]
    fn a_stream_of_another_type_is_unknown() {
        assert_eq!(known(&"a stream"), Err(ClientAddrError::UnknownStream));
    }
}
