//! The path that the client asked for, where axum's `Router::nest` has cut it.

use std::borrow::Cow;

use http::request::Parts;

#[cfg(feature = "axum-0_8")]
pub(crate) fn full_path(parts: &Parts) -> Cow<'_, str> {
    use axum::extract::NestedPath;
    let path = parts.uri.path();
    match parts.extensions.get::<NestedPath>() {
        None => path.into(),
        Some(prefix) => format!("{}{path}", prefix.as_str().trim_end_matches('/')).into(),
    }
}

#[cfg(not(feature = "axum-0_8"))]
pub(crate) fn full_path(parts: &Parts) -> Cow<'_, str> {
    parts.uri.path().into()
}
