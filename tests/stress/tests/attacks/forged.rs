//! Options that the client itself wrote.

use std::net::SocketAddr;

use toa_stress::storm::option;

use crate::backend::{Expected, WITH_ADDRESS, WITHOUT, on_every_path};

#[test]
fn an_option_from_an_untrusted_address_is_refused() {
    on_every_path(|backend| {
        let forged = option(backend.path.client(1));
        backend.expect_from(backend.untrusted_peer(), &forged, Expected::Untrusted);
        backend.expect_counted(&[WITHOUT, ("untrusted", 1)]);
        backend.expect_still_works();
    });
}

#[test]
fn an_option_behind_the_balancers_own_is_not_read() {
    on_every_path(|backend| {
        let (genuine, forged) = ("203.0.113.1:1111", "203.0.113.66:6666");
        let (genuine6, forged6) = ("[2001:db8::1]:1111", "[2001:db8::66]:6666");
        // What fits in 40 bytes. getpeername() has no place for IPv6 on an AF_INET
        // socket, so the genuine one is of the path's client family.
        let of_v4 = [(genuine, forged), (genuine, forged6)];
        let of_v6 = [(genuine6, forged), (genuine6, forged6)];
        for (genuine, forged) in match backend.path.client(0) {
            SocketAddr::V4(_) => of_v4,
            SocketAddr::V6(_) => of_v6,
        } {
            let genuine: SocketAddr = genuine.parse().unwrap();
            for kind in [254, 253, 200] {
                let mut options = option(genuine);
                let mut second = option(forged.parse().unwrap());
                second[0] = kind;
                options.extend(second);
                // Behind 20 bytes there is no room for 20 more: it is not even believed.
                if genuine.is_ipv4() {
                    backend.expect_from(
                        backend.trusted_peer(),
                        &options,
                        Expected::Client(genuine),
                    );
                    backend.expect_counted(&[WITH_ADDRESS]);
                } else {
                    backend.expect_from(backend.trusted_peer(), &options, Expected::Implausible);
                    backend.expect_counted(&[WITHOUT, ("implausible", 1)]);
                }
            }
        }
    });
}

#[test]
fn a_list_filled_so_that_the_balancers_option_has_no_room_is_refused() {
    on_every_path(|backend| {
        let forged = option(backend.path.client(1));
        let room = 40 - forged.len();
        let unread = [&[252, room as u8], &[0; 40][..room - 2]].concat();
        for filler in [vec![1; room], vec![0; room], unread] {
            let full = [&forged[..], &filler].concat();
            backend.expect_from(backend.trusted_peer(), &full, Expected::Implausible);
            backend.expect_counted(&[WITHOUT, ("implausible", 1)]);
        }
        backend.expect_still_works();
    });
}

#[test]
fn garbage_behind_the_balancers_option_does_not_hide_it() {
    on_every_path(|backend| {
        // Behind an IPv6 one any garbage leaves the balancer no room.
        let genuine = "203.0.113.1:1111".parse().unwrap();
        for garbage in [
            [254, 3, 0, 0], // a wrong length
            [253, 1, 1, 1], // a length that stands still
            [1, 1, 0, 254], // end of list, then a kind alone
            [1, 1, 1, 254], // a kind as the very last byte
        ] {
            let mut options = option(genuine);
            options.extend(garbage);
            let mut peer = backend.trusted_peer();
            peer.syn(&[]).unwrap();
            peer.syn_ack().unwrap();
            peer.ack(&options).unwrap();
            // Kernels with TCP-MD5 or TCP-AO drop a list that does not parse; then
            // there is no connection yet, and the balancer's next segment makes one.
            peer.data(&option(genuine), b"hello").unwrap();
            let stream = backend.accept();
            backend.expect(&stream, &peer, Expected::Client(genuine));
            backend.expect_counted(&[WITH_ADDRESS]);
        }
    });
}

#[test]
fn an_address_that_no_client_has_is_refused() {
    on_every_path(|backend| {
        for forged in [
            "127.0.0.1:22",
            "127.255.255.254:22",
            "[::1]:22",
            "0.0.0.0:22",
            "[::]:22",
            "224.0.0.1:22",
            "[ff02::1]:22",
            "255.255.255.255:22",
        ] {
            let forged = option(forged.parse().unwrap());
            backend.expect_from(backend.trusted_peer(), &forged, Expected::Invalid);
            backend.expect_counted(&[WITHOUT, ("invalid", 1)]);
        }
    });
}

#[test]
fn loopback_in_mapped_form_is_refused() {
    on_every_path(|backend| {
        for v4 in [[127, 0, 0, 1], [0, 0, 0, 0], [224, 0, 0, 1], [255; 4]] {
            let mut forged = vec![253, 20, 0, 22];
            forged.extend([0; 10]);
            forged.extend([0xff, 0xff]);
            forged.extend(v4);
            backend.expect_from(backend.trusted_peer(), &forged, Expected::Invalid);
            backend.expect_counted(&[WITHOUT, ("invalid", 1)]);
        }
    });
}

#[test]
fn an_invalid_option_from_an_untrusted_address_is_not_even_judged() {
    on_every_path(|backend| {
        let forged = option("127.0.0.1:22".parse().unwrap());
        backend.expect_from(backend.untrusted_peer(), &forged, Expected::Untrusted);
        backend.expect_counted(&[WITHOUT, ("untrusted", 1)]);
    });
}

#[test]
fn the_claim_to_be_the_balancer_itself_changes_no_trust() {
    on_every_path(|backend| {
        // What the option says is a client, never a peer.
        let claimed = SocketAddr::new(backend.path.trusted(1), 4711);
        backend.expect_from(
            backend.untrusted_peer(),
            &option(claimed),
            Expected::Untrusted,
        );
        backend.expect_counted(&[WITHOUT, ("untrusted", 1)]);
    });
}
