//! Without tonic no request has a `remote_addr()`.

use http::Request;

pub(crate) const fn tell_tonic<B>(_: &mut Request<B>) {}

#[cfg(feature = "test-util")]
pub(crate) const fn insert(_: &mut http::Extensions, _: crate::ClientAddr) {}
