//! Without axum nobody tells `ConnectInfo`.

use http::Extensions;

use crate::client::ClientAddr;

pub(crate) const fn get(_: &Extensions) -> Option<&ClientAddr> {
    None
}

pub(crate) const fn get_mock(_: &Extensions) -> Option<&ClientAddr> {
    None
}

pub(crate) const fn is_unix(_: &Extensions) -> bool {
    false
}

#[cfg(feature = "test-util")]
pub(crate) fn insert(extensions: &mut Extensions, client: ClientAddr) {
    extensions.insert(client);
}
