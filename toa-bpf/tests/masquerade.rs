//! A stranger whose connection passes a hop that rewrites the sender and hands the options
//! on, as kube-proxy's masquerade does: the peer is the node, in private space.
#![cfg(target_os = "linux")]

mod host;

use host::{CLIENT, CLIENT_ADDR, Host, client_of};
use toa_bpf::{Config, attach};

const NODE: [u8; 4] = [10, 9, 0, 1];
const BALANCER: [u8; 4] = [10, 125, 0, 7];

#[test]
fn a_stranger_behind_a_masquerade_is_believed_by_the_word_private_alone() {
    let Some(host) = Host::enter_or_skip() else {
        return;
    };
    let listener = host.listener();
    for (trust, believed) in [
        ("10.125.0.0/16", false),
        ("10.125.0.7,loopback,link-local", false),
        ("none", false),
        ("private", true),
    ] {
        let config = Config::new(trust.parse().unwrap()).with_cgroup(&host.cgroup);
        let source = attach(&config).unwrap();
        let (stranger, ..) = host.open(&listener, NODE, &CLIENT);
        let seen = client_of(&stranger);
        assert_eq!(seen.as_deref(), believed.then_some(CLIENT_ADDR), "{trust}");
        let untrusted = source.status().unwrap().counters.untrusted;
        assert_eq!(untrusted, u64::from(!believed), "{trust}");
        let (client, ..) = host.open(&listener, BALANCER, &CLIENT);
        let seen = client_of(&client);
        assert_eq!(seen.is_some(), trust != "none", "the balancer, {trust}");
    }
}
