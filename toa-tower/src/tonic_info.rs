//! What tonic's server says of a request's connection.

use http::Extensions;

use crate::client_addr::ClientAddr;

/// Under TLS too: tonic inserts the inner connection's information as well.
#[cfg(feature = "tonic")]
pub(crate) fn get(extensions: &Extensions) -> Option<ClientAddr> {
    extensions.get().and_then(crate::tonic::live::find)
}

#[cfg(not(feature = "tonic"))]
pub(crate) const fn get(_: &Extensions) -> Option<ClientAddr> {
    None
}

/// Lets `remote_addr()` of a request tell a made-up client, unless it tells a real one.
#[cfg(feature = "tonic")]
pub(crate) fn mock(extensions: &mut Extensions, client: ClientAddr) {
    crate::tonic::publish_connect_info(extensions, client);
}

#[cfg(not(feature = "tonic"))]
pub(crate) const fn mock(_: &mut Extensions, _: ClientAddr) {}
