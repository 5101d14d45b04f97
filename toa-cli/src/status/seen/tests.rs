use super::*;
use crate::module_diagnosis::Diagnosis;

fn texts(seen: &Seen<'_>) -> Vec<String> {
    let troubles = seen.troubles().into_iter();
    troubles.map(|trouble| trouble.text).collect()
}

fn now() -> u64 {
    SystemTime::UNIX_EPOCH.elapsed().unwrap().as_secs()
}

fn unread(reason: UnreadReason, kind: u8, length: u8, peer: &str, count: u64) -> Unread {
    Unread {
        reason,
        kind,
        length,
        network: format!("{peer}/24")
            .parse::<ipnet::IpNet>()
            .unwrap()
            .trunc(),
        count,
        last_seen: now(),
        last_peer: peer.parse().unwrap(),
    }
}

fn seen<'a>(recent: &Recent, unread: &'a [Unread], formats: &str) -> Seen<'a> {
    let settings = (formats.parse().unwrap(), "10.1.0.0/16".parse().unwrap());
    Seen::of_recent(
        recent,
        unread,
        Some(settings),
        "toa load --format ".to_owned(),
    )
}

fn recent(fill: impl FnOnce(&mut Recent)) -> Recent {
    let mut recent = Recent::default();
    recent.since = Some(now() - 950);
    fill(&mut recent);
    recent
}

#[test]
fn shares_are_told_in_words_and_never_rounded_away() {
    let busy = recent(|recent| {
        recent.toa = 9_600;
        recent.not_sent = 390;
        recent.foreign = 1;
        recent.untrusted = 9;
        recent.late = 2;
    });
    assert_eq!(
        seen(&busy, &[], "toa").shares(),
        "in the last 16 minutes, of 10000 connections: 96 % with a client's address, 4 % without \
         an option, under 1 % in a format that is not configured, under 1 % from a peer that is \
         not trusted; an option in later data: 2"
    );
    let nearly = recent(|recent| {
        recent.toa = 999;
        recent.lost = 1;
    });
    let shares = seen(&nearly, &[], "toa").shares();
    assert!(
        shares.contains("over 99 % with a client's address, under 1 % lost"),
        "{shares}"
    );
    assert_eq!(
        seen(&Recent::default(), &[], "toa").shares(),
        "no connections"
    );
}

#[test]
fn each_trouble_of_the_last_minutes_is_told_with_what_to_do() {
    use UnreadReason::{Implausible, Invalid, Late, Untrusted};
    let none_sent = recent(|recent| recent.not_sent = 5);
    let late = recent(|recent| (recent.not_sent, recent.late) = (5, 5));
    let untrusted = recent(|recent| recent.untrusted = 2);
    let invalid = recent(|recent| recent.invalid = 3);
    let implausible = recent(|recent| recent.implausible = 4);
    let lost = recent(|recent| recent.lost = 1);
    let from = |reason| [unread(reason, 254, 8, "198.51.100.7", 2)];
    for (recent, unread, words) in [
        (
            none_sent,
            vec![],
            &[
                "none of the 5 connections in the last 16 minutes",
                "SYN",
                "`toa watch`",
                "`with_saved_syn()`",
            ][..],
        ),
        (
            late,
            from(Late).into(),
            &[
                "5 connections in the last 16 minutes",
                "from 198.51.100.0/24",
                "TCP_DEFER_ACCEPT",
            ],
        ),
        (
            untrusted,
            from(Untrusted).into(),
            &[
                "2 options in the last 16 minutes",
                "from 198.51.100.0/24",
                "--trust",
                "forge",
            ],
        ),
        (
            invalid,
            from(Invalid).into(),
            &["3 options", "malformed", "from 198.51.100.0/24", "tcpdump"],
        ),
        (
            implausible,
            from(Implausible).into(),
            &["4 options", "a client behind it fills the list"],
        ),
        (lost, vec![], &["1 connections in the last 16 minutes lost"]),
    ] {
        let seen = seen(&recent, &unread, "toa");
        let troubles = texts(&seen);
        assert_eq!(troubles.len(), 1, "{troubles:?}");
        for word in words {
            assert!(troubles[0].contains(word), "{troubles:?} has {word}");
        }
        let forge = troubles[0].contains("forge");
        assert_eq!(forge, recent.untrusted > 0, "{troubles:?}");
    }
}

#[test]
fn a_trouble_that_is_over_is_not_told_nor_one_that_is_none() {
    let fine = recent(|recent| (recent.toa, recent.not_sent) = (9, 5));
    let mut long_ago = unread(UnreadReason::Foreign, 254, 16, "10.1.0.7", 1_000);
    long_ago.last_seen = now() - 2_000;
    assert_eq!(
        texts(&seen(&fine, &[long_ago], "toa")),
        Vec::<String>::new()
    );
    assert_eq!(
        texts(&seen(&Recent::default(), &[], "toa")),
        Vec::<String>::new()
    );
    // A few clients whose kernel asks for Fast Open, and an option of no known format.
    let odd = recent(|recent| (recent.toa, recent.foreign) = (9, 5));
    for option in [(254, 4), (254, 6), (253, 12), (77, 3)] {
        let odd_option = unread(UnreadReason::Foreign, option.0, option.1, "10.1.0.7", 5);
        assert_eq!(
            texts(&seen(&odd, &[odd_option], "toa")),
            Vec::<String>::new()
        );
    }
}

/// The last column: what a load is told, or why not.
#[test]
fn an_option_of_another_format_names_the_format_to_configure() {
    use UnreadReason::{Foreign, UnknownKind};
    let came = recent(|recent| recent.not_sent = 7);
    for (formats, reason, (kind, length), words) in [
        (
            "toa",
            Foreign,
            (254, 16),
            "option 254/16 came 7 times from 10.1.0.0/24, which is the format ttgw: if your balancer sends it, `toa load --format toa,ttgw` reads it",
        ),
        (
            "toa",
            UnknownKind,
            (252, 20),
            "format vtoa: if your balancer sends it, `toa load --format toa,vtoa` reads it",
        ),
        (
            "toa",
            UnknownKind,
            (28, 7),
            "format cip: if your balancer sends it, `toa load --format toa,cip` reads it",
        ),
        (
            "toa",
            UnknownKind,
            (28, 19),
            "format cip: if your balancer sends it, `toa load --format toa,cip` reads it",
        ),
        (
            "cip",
            UnknownKind,
            (254, 8),
            "format toa or vtoa: if your balancer sends it, `toa load --format toa,cip` reads it",
        ),
        (
            "toa@252",
            Foreign,
            (249, 40),
            "format vtoa: if your balancer sends it, `toa load --format vtoa` reads it, instead of toa@252",
        ),
        (
            "toa",
            UnknownKind,
            (77, 8),
            "no format that this version knows: if your balancer sends it, ask its maker what it holds; if that is a port and an address, `toa load --format toa,toa@77` reads it",
        ),
        ("toa", UnknownKind, (77, 9), "ask its maker what it holds"),
    ] {
        let unread = [unread(reason, kind, length, "10.1.0.7", 7)];
        let seen = seen(&came, &unread, formats);
        let troubles = texts(&seen);
        assert_eq!(troubles.len(), 1, "{troubles:?}");
        assert!(troubles[0].contains(words), "{troubles:?} has {words}");
        assert!(!troubles[0].contains("forge"), "{troubles:?}");
    }
}

#[test]
fn a_strangers_odd_option_is_no_reason_to_read_another_format() {
    let few = recent(|recent| recent.toa = 7);
    let unread = [unread(UnreadReason::Foreign, 254, 16, "198.51.100.7", 7)];
    assert_eq!(texts(&seen(&few, &unread, "toa")), Vec::<String>::new());
}

#[test]
fn where_options_of_untrusted_peers_are_all_it_is_not_said_that_none_came() {
    let none_read = recent(|recent| recent.not_sent = 7);
    let vtoa = unread(UnreadReason::UnknownKind, 252, 20, "198.51.100.7", 7);
    let cookie = unread(UnreadReason::UnknownKind, 254, 12, "198.51.100.7", 7);
    for (option, formats, words) in [
        (
            vtoa,
            "toa",
            "came from 198.51.100.0/24, which is not trusted",
        ),
        (cookie, "cip", "brought an option: check that the balancer"),
    ] {
        let unread = [option];
        let troubles = texts(&seen(&none_read, &unread, formats));
        assert_eq!(troubles.len(), 1, "{troubles:?}");
        assert!(troubles[0].contains(words), "{troubles:?} has {words}");
    }
}

#[test]
fn of_many_networks_the_first_are_named() {
    let untrusted = recent(|recent| recent.untrusted = 9);
    let unread: Vec<_> = (1..=5)
        .map(|n| unread(UnreadReason::Untrusted, 254, 8, &format!("198.51.{n}.7"), 1))
        .collect();
    let troubles = texts(&seen(&untrusted, &unread, "toa"));
    let words = "from 198.51.1.0/24, 198.51.2.0/24, 198.51.3.0/24 and 2 more";
    assert!(troubles[0].contains(words), "{troubles:?}");
}

#[test]
fn users_of_the_module_are_told_its_parameters() {
    let recent = recent(|recent| (recent.foreign, recent.untrusted) = (7, 2));
    let unread = vec![
        unread(UnreadReason::Foreign, 254, 16, "10.1.0.7", 7),
        unread(UnreadReason::Untrusted, 254, 8, "198.51.100.7", 2),
    ];
    let mut module = Module::mock(&[], Some(Diagnosis { recent, unread }));
    for (name, value) in [("formats", "toa"), ("trusted", "10.1.0.0/16")] {
        module.parameters.insert(name.to_owned(), value.to_owned());
    }
    let troubles = texts(&Seen::by_module(&module));
    let [formats, trusted] = &troubles[..] else {
        panic!("{troubles:?}")
    };
    for word in ["`formats=toa,ttgw`", "/sys/module/toa/parameters/formats"] {
        assert!(formats.contains(word), "{formats} has {word}");
    }
    for word in ["trusted=", "/etc/modprobe.d/toa.conf", "198.51.100.0/24"] {
        assert!(trusted.contains(word), "{trusted} has {word}");
    }
    assert!(!troubles.concat().contains("--"), "{troubles:?}");
}
