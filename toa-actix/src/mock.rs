//! Made-up clients that tests leave with their requests.

use actix_web::HttpMessage;

use crate::client::ClientAddr;

#[derive(Clone, Copy, Debug)]
struct Mock(ClientAddr);

pub(crate) fn get(request: &impl HttpMessage) -> Option<ClientAddr> {
    request.extensions().get().map(|&Mock(client)| client)
}

pub(crate) fn insert(request: &impl HttpMessage, client: ClientAddr) {
    request.extensions_mut().insert(Mock(client));
}
