//! The whole story of each live connection, found by what tonic tells of it.
//!
//! tonic's requests know their connection by [`TcpConnectInfo`] alone, and an
//! information type of ours in its place would break `remote_addr()` and
//! `peer_certs()`. So the story waits here, under the two addresses in there, for as
//! long as its connection lives.
//!
//! Two live connections can have the same two addresses: one client, from one port,
//! through two balancers, or through one and past it. Then both are told the story
//! that vouches least, so that nobody gets in on the strength of another connection.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{LazyLock, PoisonError, RwLock, RwLockWriteGuard};

use tonic::transport::server::TcpConnectInfo;

use crate::client_addr::ClientAddr;

type Key = (Option<SocketAddr>, SocketAddr);

type Stories = HashMap<Key, Vec<ClientAddr>>;

static STORIES: LazyLock<RwLock<Stories>> = LazyLock::new(RwLock::default);

/// Keeps one connection's story while it lives.
#[derive(Debug)]
pub(super) struct Live {
    local: Option<SocketAddr>,
    client: ClientAddr,
}

impl Live {
    pub(super) fn new(local: Option<SocketAddr>, client: ClientAddr) -> Self {
        let live = Self { local, client };
        stories().entry(live.key()).or_default().push(client);
        live
    }

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

impl Drop for Live {
    fn drop(&mut self) {
        let mut stories = stories();
        let key = self.key();
        if let Some(same) = stories.get_mut(&key) {
            if let Some(mine) = same.iter().position(|story| *story == self.client) {
                same.swap_remove(mine);
            }
            if same.is_empty() {
                stories.remove(&key);
            }
        }
    }
}

/// The story of the live connection that tonic describes so, if it is one of ours.
pub(crate) fn find(info: &TcpConnectInfo) -> Option<ClientAddr> {
    let key = (info.local_addr, info.remote_addr?);
    let stories = STORIES.read().unwrap_or_else(PoisonError::into_inner);
    let same = stories.get(&key)?;
    same.iter().min_by_key(|story| story.is_from_toa()).copied()
}

/// How many live connections of the listener at `local` have a story.
#[cfg(test)]
pub(super) fn count(local: SocketAddr) -> usize {
    let stories = stories();
    let of_local = stories.iter().filter(|((at, _), _)| *at == Some(local));
    of_local.map(|(_, same)| same.len()).sum()
}

fn stories() -> RwLockWriteGuard<'static, Stories> {
    STORIES.write().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use toa_core::Provenance;

    use super::*;

    const CLIENT: &str = "[2001:db8::7]:41234";

    fn story(peer: &str, provenance: Provenance) -> ClientAddr {
        ClientAddr::mock(CLIENT.parse().unwrap(), peer.parse().unwrap(), provenance)
    }

    #[test]
    fn a_story_lives_as_long_as_its_connection() {
        let local = Some("[2001:db8::1]:1".parse().unwrap());
        let client = story("[fd00::9]:5000", Provenance::Toa);
        let live = Live::new(local, client);
        let info = live.connect_info();
        assert_eq!(info.remote_addr().unwrap().to_string(), CLIENT);
        assert_eq!(find(&info), Some(client));
        drop(live);
        assert_eq!(find(&info), None);
        assert!(!stories().contains_key(&(local, CLIENT.parse().unwrap())));
    }

    #[test]
    fn a_connection_past_the_balancer_is_not_vouched_for_by_one_through_it() {
        let local = Some("[2001:db8::1]:2".parse().unwrap());
        let through = story("[fd00::9]:5000", Provenance::Toa);
        let past = story(CLIENT, Provenance::NotSent);
        for [first, second] in [[through, past], [past, through]] {
            let first_live = Live::new(local, first);
            let second_live = Live::new(local, second);
            let info = first_live.connect_info();
            assert_eq!(find(&info), Some(past));
            drop(first_live);
            assert_eq!(find(&info), Some(second));
            drop(second_live);
            assert_eq!(find(&info), None);
        }
    }

    #[test]
    fn connections_of_others_are_unknown() {
        let local = Some("[2001:db8::1]:3".parse().unwrap());
        let _live = Live::new(local, story("[fd00::9]:5000", Provenance::Toa));
        for (local_addr, remote_addr) in [
            (local, None),
            (None, Some(CLIENT.parse().unwrap())),
            (local, Some("[2001:db8::7]:41235".parse().unwrap())),
            (
                Some("[2001:db8::1]:4".parse().unwrap()),
                Some(CLIENT.parse().unwrap()),
            ),
        ] {
            let info = TcpConnectInfo {
                local_addr,
                remote_addr,
            };
            assert_eq!(find(&info), None);
        }
    }
}
