//! Each reply of a source, and whom it makes the client.

use super::*;
use crate::abi::{INFO_HAS_ADDR, INFO_HAS_VIRTUAL, INFO_PEERNAME};
use crate::trust::TrustedPeers;

const CLIENT: &str = "[2001:db8::7]:41234";
const BALANCER: &str = "[::ffff:10.0.0.9]:5000";
const STRANGER: &str = "[::ffff:203.0.113.9]:5000";

fn addr(text: &str) -> SocketAddrV6 {
    text.parse().unwrap()
}

/// `struct toa_info` byte by byte; the client is [`CLIENT`] where `flags` say that it is set.
fn info(flags: u32, peer: &str) -> ToaInfo {
    info_of(flags, CLIENT, peer)
}

fn info_of(flags: u32, client: &str, peer: &str) -> ToaInfo {
    let (client, peer) = (addr(client), addr(peer));
    let mut bytes = [0; 48];
    bytes[0..2].copy_from_slice(&1u16.to_ne_bytes());
    bytes[4..8].copy_from_slice(&flags.to_ne_bytes());
    if flags & INFO_HAS_ADDR != 0 {
        bytes[8..24].copy_from_slice(&client.ip().octets());
        bytes[40..42].copy_from_slice(&client.port().to_be_bytes());
    }
    bytes[24..40].copy_from_slice(&peer.ip().octets());
    bytes[42..44].copy_from_slice(&peer.port().to_be_bytes());
    ToaInfo::from_bytes(&bytes).unwrap()
}

fn third_party(client: &str) -> SourceReply {
    let client = addr(client);
    let mut bytes = [0xaa; 20];
    bytes[..16].copy_from_slice(&client.ip().octets());
    bytes[16..18].copy_from_slice(&client.port().to_be_bytes());
    SourceReply::Peer(ToaNat64Peer::from_bytes(&bytes).unwrap())
}

#[test]
fn every_reply_has_its_client_and_provenance() {
    const OURS: u32 = INFO_TRUST_ENFORCED;
    let default = Policy::new();
    let other = Policy::new().with_trusted_peers("10.9.0.0/16".parse().unwrap());
    let any = Policy::new().with_trusted_peers(TrustedPeers::insecure_any());
    let from_toa = |peer| ClientAddr::from_toa(addr(CLIENT), addr(peer));
    let from_peer = |peer, reason| ClientAddr::from_peer(addr(peer), reason);
    use Provenance::*;
    for (what, reply, accepted, policy, expected) in [
        (
            "ours",
            SourceReply::Info(info(OURS | INFO_HAS_ADDR, BALANCER)),
            BALANCER,
            &default,
            from_toa(BALANCER),
        ),
        (
            "ours, accept() rewritten",
            SourceReply::Info(info(OURS | INFO_HAS_ADDR | INFO_PEERNAME, BALANCER)),
            CLIENT,
            &default,
            from_toa(BALANCER),
        ),
        (
            "ours trusts whom it likes",
            SourceReply::Info(info(OURS | INFO_HAS_ADDR, STRANGER)),
            STRANGER,
            &default,
            from_toa(STRANGER),
        ),
        (
            "a source of ours that leaves trust to us",
            SourceReply::Info(info(INFO_HAS_ADDR, STRANGER)),
            STRANGER,
            &default,
            from_peer(STRANGER, Untrusted),
        ),
        (
            "the code trusts less than the source",
            SourceReply::Info(info(OURS | INFO_HAS_ADDR, BALANCER)),
            BALANCER,
            &other,
            from_peer(BALANCER, Untrusted),
        ),
        (
            "the code's set is held against the true peer",
            SourceReply::Info(info(OURS | INFO_HAS_ADDR | INFO_PEERNAME, BALANCER)),
            CLIENT,
            &other,
            from_peer(BALANCER, Untrusted),
        ),
        (
            "ours, none",
            SourceReply::Info(info(OURS, BALANCER)),
            BALANCER,
            &default,
            from_peer(BALANCER, NotSent),
        ),
        (
            "ours, untrusted",
            SourceReply::Info(info(OURS | INFO_UNTRUSTED, STRANGER)),
            STRANGER,
            &default,
            from_peer(STRANGER, Untrusted),
        ),
        (
            "what the source refused stays refused",
            SourceReply::Info(info(OURS | INFO_UNTRUSTED, STRANGER)),
            STRANGER,
            &any,
            from_peer(STRANGER, Untrusted),
        ),
        (
            "ours, invalid",
            SourceReply::Info(info(OURS | INFO_INVALID, BALANCER)),
            BALANCER,
            &default,
            from_peer(BALANCER, Invalid),
        ),
        (
            "ours, foreign",
            SourceReply::Info(info(OURS | INFO_FOREIGN, BALANCER)),
            BALANCER,
            &any,
            from_peer(BALANCER, Foreign),
        ),
        (
            "ours, a virtual address where the option is refused",
            SourceReply::Info(info(OURS | INFO_INVALID | INFO_HAS_VIRTUAL, BALANCER)),
            BALANCER,
            &any,
            from_peer(BALANCER, Invalid),
        ),
        (
            "ours, implausible",
            SourceReply::Info(info(OURS | INFO_IMPLAUSIBLE, BALANCER)),
            BALANCER,
            &any,
            from_peer(BALANCER, Implausible),
        ),
        (
            "ours, untrusted before implausible",
            SourceReply::Info(info(OURS | INFO_UNTRUSTED | INFO_IMPLAUSIBLE, STRANGER)),
            STRANGER,
            &any,
            from_peer(STRANGER, Untrusted),
        ),
        (
            "ours, an address that it refused all the same",
            SourceReply::Info(info(OURS | INFO_HAS_ADDR | INFO_UNTRUSTED, BALANCER)),
            BALANCER,
            &any,
            from_peer(BALANCER, Untrusted),
        ),
        (
            "ours, without the true peer, accept() rewritten",
            SourceReply::Info(info(OURS | INFO_HAS_ADDR | INFO_PEERNAME, "[::]:0")),
            CLIENT,
            &any,
            from_peer(CLIENT, FromAccept),
        ),
        (
            "ours, an answer of zeros",
            SourceReply::Info(ToaInfo::default()),
            BALANCER,
            &default,
            from_peer(BALANCER, NotSent),
        ),
        (
            "ours, address of zeros",
            SourceReply::Info(info_of(OURS | INFO_HAS_ADDR, "[::]:41234", BALANCER)),
            BALANCER,
            &default,
            from_peer(BALANCER, Invalid),
        ),
        (
            "third party",
            third_party(CLIENT),
            BALANCER,
            &default,
            from_toa(BALANCER),
        ),
        (
            "third party, stranger",
            third_party(CLIENT),
            STRANGER,
            &default,
            from_peer(STRANGER, Untrusted),
        ),
        (
            "third party, any",
            third_party(CLIENT),
            STRANGER,
            &any,
            from_toa(STRANGER),
        ),
        (
            "third party, zeros",
            third_party("[::]:0"),
            BALANCER,
            &default,
            from_peer(BALANCER, Invalid),
        ),
        (
            "third party, loopback",
            third_party("[::ffff:127.0.0.1]:80"),
            BALANCER,
            &any,
            from_peer(BALANCER, Invalid),
        ),
        (
            "third party, accept() rewritten",
            third_party(CLIENT),
            CLIENT,
            &default,
            from_peer(CLIENT, FromAccept),
        ),
        (
            "third party, none",
            SourceReply::NotSent,
            BALANCER,
            &default,
            from_peer(BALANCER, NotSent),
        ),
        (
            "third party, holds IPv4",
            SourceReply::Accepted,
            STRANGER,
            &default,
            from_peer(STRANGER, FromAccept),
        ),
        (
            "nobody",
            SourceReply::NoSource,
            BALANCER,
            &any,
            from_peer(BALANCER, NoSource),
        ),
        (
            "odd errno",
            SourceReply::Failed(1),
            BALANCER,
            &any,
            from_peer(BALANCER, Failed(1)),
        ),
    ] {
        assert_eq!(reply.decide(addr(accepted), policy), expected, "{what}");
    }
}
