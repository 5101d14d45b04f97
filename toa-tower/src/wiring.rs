//! How an address travels through a request's extensions, and what is said when
//! it did not set out.
//!
//! The listener half leaves what it knows of the connection: axum's `ConnectInfo`,
//! tonic's, or [`ClientAddr`] itself where [`AddClientAddr`](crate::AddClientAddr)
//! serves. The layer turns each of them into [`ClientAddr`], the one extension that
//! handlers and inner layers read.

use std::sync::atomic::{AtomicBool, Ordering};

use http::Extensions;

use crate::client_addr::ClientAddr;
use crate::{connect_info, tonic_info};

/// Which half of the wiring is missing; the rejection of the extractors.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NotWiredUp {
    /// The listener is ours, but no layer.
    #[error("toa-tower is not wired up: the layer is missing, add `.layer(ToaLayer)` to the app")]
    Layer,
    /// The layer is there, but the connection does not come from our listener.
    #[error(
        "toa-tower is not wired up: the listener half is missing, serve a `ToaListener` with \
         `app.into_make_service_with_connect_info::<ClientAddr>()`, or wrap each connection's \
         service in `AddClientAddr`; with axum-server use `ToaAcceptor`, with tonic \
         `ToaIncoming`"
    )]
    Listener,
    /// Neither is there.
    #[error(
        "toa-tower is not wired up: layer and listener half are missing, add `.layer(ToaLayer)` \
         to the app and serve a `ToaListener` with \
         `app.into_make_service_with_connect_info::<ClientAddr>()`"
    )]
    LayerAndListener,
}

/// Left by a layer that found nothing, so that an extractor knows of the layer.
#[derive(Clone, Copy, Debug)]
struct LayerWithoutListener;

/// What the request's connection is known to be: the listener's word, else what
/// another layer, or a mock, has already put there.
pub(crate) fn known(extensions: &Extensions) -> Option<ClientAddr> {
    connect_info::get(extensions)
        .or_else(|| tonic_info::get(extensions))
        .or_else(|| extensions.get().copied())
}

/// [`known`], or the sentence for the program's author, which is logged.
pub(crate) fn known_or_log(extensions: &Extensions) -> Result<ClientAddr, NotWiredUp> {
    known(extensions).ok_or_else(|| {
        let missing = NotWiredUp::diagnose(extensions);
        missing.log();
        missing
    })
}

/// Lets extractors, handlers and inner layers see `client`. One extension and no
/// more, as each is an allocation; none where it is there already.
pub(crate) fn publish(extensions: &mut Extensions, client: ClientAddr) {
    if extensions.get() != Some(&client) {
        extensions.insert(client);
    }
}

/// What a layer does when nothing is [`known`].
pub(crate) fn publish_nothing(extensions: &mut Extensions) {
    NotWiredUp::Listener.log();
    extensions.insert(LayerWithoutListener);
}

impl NotWiredUp {
    /// The half that is missing, for extensions without a [`ClientAddr`].
    pub(crate) fn diagnose(extensions: &Extensions) -> Self {
        if extensions.get::<LayerWithoutListener>().is_some() {
            Self::Listener
        } else if connect_info::get(extensions)
            .or_else(|| tonic_info::get(extensions))
            .is_some()
        {
            Self::Layer
        } else {
            Self::LayerAndListener
        }
    }

    /// Logs the sentence, the first time only. Once per process and not per layer:
    /// axum may build a layer's service anew for each request, and a stranger must
    /// not be able to fill the log.
    pub(crate) fn log(self) {
        static LOGGED: [AtomicBool; 3] = [const { AtomicBool::new(false) }; 3];
        if !LOGGED[self as usize].swap(true, Ordering::Relaxed) {
            tracing::error!("{self}");
        }
    }
}
