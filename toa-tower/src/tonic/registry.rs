//! The clients of the live connections of one listener, found by what tonic tells of them.
//!
//! tonic's requests know their connection by [`TcpConnectInfo`] alone, and an
//! information type of ours in its place would break `remote_addr()` and
//! `peer_certs()`. So the client is kept here, under the two addresses in there, for as
//! long as its connection lives.
//!
//! Two live connections can have the same two addresses: one client, from one port,
//! through two balancers, or through one and past it. Then both are told the one that
//! vouches least, so that nobody gets in on the strength of another connection.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, PoisonError, RwLock, RwLockWriteGuard};

use tonic::transport::server::TcpConnectInfo;

use crate::client::ClientAddr;

type Key = (Option<SocketAddr>, SocketAddr);

type Clients = HashMap<Key, Vec<ClientAddr>>;

/// Shared by a listener, its connections and its layers.
#[derive(Clone, Debug, Default)]
pub(super) struct Registry(Arc<RwLock<Clients>>);

/// Keeps one connection's client in the registry while it lives.
#[derive(Debug)]
pub(super) struct Registered {
    registry: Registry,
    local: Option<SocketAddr>,
    client: ClientAddr,
}

impl Registry {
    pub(super) fn register(&self, local: Option<SocketAddr>, client: ClientAddr) -> Registered {
        let registered = Registered {
            registry: self.clone(),
            local,
            client,
        };
        let mut clients = self.write();
        clients.entry(registered.key()).or_default().push(client);
        registered
    }

    /// The client of the live connection that tonic describes so, if it is one of this
    /// listener's.
    pub(super) fn find(&self, info: &TcpConnectInfo) -> Option<ClientAddr> {
        let key = (info.local_addr, info.remote_addr?);
        let clients = self.0.read().unwrap_or_else(PoisonError::into_inner);
        let same = clients.get(&key)?;
        same.iter()
            .min_by_key(|client| client.is_from_toa())
            .copied()
    }

    fn write(&self) -> RwLockWriteGuard<'_, Clients> {
        self.0.write().unwrap_or_else(PoisonError::into_inner)
    }

    /// How many live connections are known.
    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.write().values().map(Vec::len).sum()
    }
}

impl Registered {
    pub(super) const fn client(&self) -> ClientAddr {
        self.client
    }

    pub(super) fn connect_info(&self) -> TcpConnectInfo {
        TcpConnectInfo {
            local_addr: self.local,
            remote_addr: Some(self.client.client_canonical()),
        }
    }

    fn key(&self) -> Key {
        (self.local, self.client.client_canonical())
    }
}

impl Drop for Registered {
    fn drop(&mut self) {
        let mut clients = self.registry.write();
        let key = self.key();
        if let Some(same) = clients.get_mut(&key) {
            if let Some(mine) = same.iter().position(|client| *client == self.client) {
                same.swap_remove(mine);
            }
            if same.is_empty() {
                clients.remove(&key);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use toa_core::Provenance;

    use super::*;

    const CLIENT: &str = "[2001:db8::7]:41234";

    fn local() -> Option<SocketAddr> {
        Some("[2001:db8::1]:1".parse().unwrap())
    }

    fn known(peer: &str, provenance: Provenance) -> ClientAddr {
        ClientAddr::mock(CLIENT.parse().unwrap(), peer.parse().unwrap(), provenance)
    }

    #[test]
    fn a_client_is_known_as_long_as_its_connection_lives() {
        let registry = Registry::default();
        let client = known("[fd00::9]:5000", Provenance::Toa);
        let registered = registry.register(local(), client);
        let info = registered.connect_info();
        assert_eq!(info.remote_addr().unwrap().to_string(), CLIENT);
        assert_eq!(registry.find(&info), Some(client));
        assert_eq!(Registry::default().find(&info), None);
        drop(registered);
        assert_eq!(registry.find(&info), None);
        assert_eq!(registry.len(), 0);
    }

    #[test]
    fn a_connection_past_the_balancer_is_not_vouched_for_by_one_through_it() {
        let registry = Registry::default();
        let through = known("[fd00::9]:5000", Provenance::Toa);
        let past = known(CLIENT, Provenance::NotSent);
        for [first, second] in [[through, past], [past, through]] {
            let first_connection = registry.register(local(), first);
            let second_connection = registry.register(local(), second);
            let info = first_connection.connect_info();
            assert_eq!(registry.find(&info), Some(past));
            drop(first_connection);
            assert_eq!(registry.find(&info), Some(second));
            drop(second_connection);
            assert_eq!(registry.find(&info), None);
        }
    }

    #[test]
    fn connections_of_others_are_unknown() {
        let registry = Registry::default();
        let _live = registry.register(local(), known("[fd00::9]:5000", Provenance::Toa));
        for (local_addr, remote_addr) in [
            (local(), None),
            (None, Some(CLIENT)),
            (local(), Some("[2001:db8::7]:41235")),
            (Some("[2001:db8::1]:4".parse().unwrap()), Some(CLIENT)),
        ] {
            let info = TcpConnectInfo {
                local_addr,
                remote_addr: remote_addr.map(|addr| addr.parse().unwrap()),
            };
            assert_eq!(registry.find(&info), None);
        }
    }
}
