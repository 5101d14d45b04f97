//! What a trusted set reads, holds and says.

use super::*;
use proptest::prelude::*;

#[test]
fn private_space_is_trusted_up_to_its_edges_and_no_further() {
    let private = TrustedPeers::default();
    for inside in [
        "10.0.0.0",
        "10.255.255.255",
        "172.16.0.0",
        "172.31.255.255",
        "192.168.0.0",
        "192.168.255.255",
        "100.64.0.0",
        "100.127.255.255",
        "fc00::",
        "fdff:ffff::1",
        "::ffff:10.0.0.1",
    ] {
        assert!(private.contains(inside.parse().unwrap()), "{inside}");
    }
    for outside in [
        "9.255.255.255",
        "11.0.0.0",
        "172.15.255.255",
        "172.32.0.0",
        "192.167.255.255",
        "192.169.0.0",
        "100.63.255.255",
        "100.128.0.0",
        "169.254.7.7",
        "127.0.0.1",
        "::ffff:127.0.0.1",
        "fbff::1",
        "fe00::",
        "fe80::1",
        "::",
        "::1",
        "203.0.113.7",
        "2001:db8::1",
        "::ffff:203.0.113.7",
    ] {
        assert!(!private.contains(outside.parse().unwrap()), "{outside}");
    }
}

#[test]
fn link_local_and_loopback_are_trusted_where_they_are_named() {
    for (text, inside, outside) in [
        (
            "link-local",
            &["169.254.0.0", "169.254.255.255", "fe80::", "febf:ffff::1"][..],
            &[
                "169.253.255.255",
                "169.255.0.0",
                "fe7f::1",
                "fec0::",
                "127.0.0.1",
            ][..],
        ),
        (
            "loopback",
            &["127.0.0.0", "127.255.255.255", "::1", "::ffff:127.0.0.1"],
            &["126.255.255.255", "128.0.0.0", "::", "::2", "fe80::1"],
        ),
        (
            "private, loopback,203.0.113.0/24",
            &["10.0.0.1", "fd00::1", "127.0.0.1", "::1", "203.0.113.7"],
            &["169.254.0.1", "fe80::1", "203.0.114.1"],
        ),
    ] {
        let set: TrustedPeers = text.parse().unwrap();
        for peer in inside {
            assert!(set.contains(peer.parse().unwrap()), "{peer} in {text}");
        }
        for peer in outside {
            assert!(!set.contains(peer.parse().unwrap()), "{peer} in {text}");
        }
    }
}

#[test]
fn a_set_that_strangers_are_in_is_told_from_one_of_balancers() {
    for text in [
        "any",
        "0.0.0.0/0",
        "::/0",
        "0.0.0.0/0,::/0",
        "0.0.0.0/1",
        "64.0.0.0/2,128.0.0.0/3,192.0.0.0/3",
        "2000::/3",
        "2000::/4",
        "10.0.0.0/8,2000::/5,2800::/5,fc00::/7",
    ] {
        let set: TrustedPeers = text.parse().unwrap();
        assert!(set.includes_strangers(), "{text}");
    }
    for text in [
        "none",
        "private,link-local,loopback",
        "64.0.0.0/2",
        "8000::/1",
        "fc00::/7,2000::/5",
        "203.0.113.0/24,2001:db8::/32",
    ] {
        let set: TrustedPeers = text.parse().unwrap();
        assert!(!set.includes_strangers(), "{text}");
    }
}

#[test]
fn nonsense_is_refused_and_quoted() {
    for (text, quoted) in [
        ("10.0.0.0/33", "10.0.0.0/33"),
        ("balancer", "balancer"),
        ("10.0.0.0/8,any", "any"),
        ("10.0.0.0/8,none", "none"),
        ("private,any", "any"),
        ("Private", "Private"),
        ("10.0.0.1/8", "write 10.0.0.0/8"),
        ("", "no trusted network"),
        (",", "no trusted network"),
    ] {
        let error = text.parse::<TrustedPeers>().unwrap_err().to_string();
        assert!(error.contains(quoted), "{error}");
    }
}

#[test]
fn what_is_printed_is_read_back() {
    for text in [
        "any",
        "none",
        "10.0.0.0/8",
        "10.0.0.0/8,fd00::/8",
        "10.1.2.3/32",
    ] {
        let set: TrustedPeers = text.parse().unwrap();
        assert_eq!(set.to_string(), text);
    }
    assert_eq!(
        TrustedPeers::private().to_string().parse::<TrustedPeers>(),
        "private,private".parse()
    );
}

#[test]
fn nobody_is_trusted_by_the_empty_set() {
    for peer in ["127.0.0.1", "10.0.0.1", "::1", "203.0.113.7"] {
        assert!(!TrustedPeers::none().contains(peer.parse().unwrap()));
    }
    assert_eq!("none".parse(), Ok(TrustedPeers::none()));
    assert_eq!(TrustedPeers::none(), TrustedPeers::from_iter([]));
    assert!(!TrustedPeers::private().is_none() && !TrustedPeers::insecure_any().is_none());
}

#[test]
fn a_mapped_network_is_the_ipv4_network_it_maps() {
    let set: TrustedPeers = "::ffff:10.0.0.0/104".parse().unwrap();
    assert!(set.contains("10.9.9.9".parse().unwrap()));
    assert!(!set.contains("11.0.0.0".parse().unwrap()));
}

proptest! {
    #[test]
    fn membership_agrees_with_asking_each_network(
        nets in proptest::collection::vec((any::<u32>(), 0u8..=32), 0..20),
        ip: u32,
    ) {
        let nets: Vec<IpNet> = nets.into_iter()
            .map(|(ip, len)| IpNet::V4(Ipv4Net::new(ip.into(), len).unwrap().trunc()))
            .collect();
        let ip = IpAddr::V4(ip.into());
        let set: TrustedPeers = nets.iter().copied().collect();
        prop_assert_eq!(set.contains(ip), nets.iter().any(|net| net.contains(&ip)));
    }
}
