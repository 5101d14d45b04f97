use proptest::prelude::*;

use super::*;

/// The number of `established`, and of `TIME_WAIT`.
const ESTABLISHED: u8 = 1;
const TIME_WAIT: u8 = 6;

fn framed(kind: u16, flags: u16, body: &[u8]) -> Vec<u8> {
    let mut message = ((HEADER + body.len()) as u32).to_ne_bytes().to_vec();
    message.extend(kind.to_ne_bytes());
    message.extend(flags.to_ne_bytes());
    message.extend([0; 8]);
    message.extend(body);
    message.resize(aligned(message.len()), 0);
    message
}

fn socket_body(family: i32, state: u8, storages: &[(u32, &[u8])]) -> Vec<u8> {
    let mut body = vec![0; SOCKET];
    (body[0], body[1]) = (family as u8, state);
    body[4..6].copy_from_slice(&3000u16.to_be_bytes());
    body[6..8].copy_from_slice(&4711u16.to_be_bytes());
    body[8..12].copy_from_slice(&[10, 0, 0, 1]);
    body[24..28].copy_from_slice(&[10, 0, 0, 9]);
    body[68..72].copy_from_slice(&77u32.to_ne_bytes());
    // What every kernel adds, asked or not.
    attribute(&mut body, 8, &[0]);
    let mut nested = Vec::new();
    for (id, value) in storages {
        let mut storage = Vec::new();
        attribute(&mut storage, SK_DIAG_BPF_STORAGE_MAP_ID, &id.to_ne_bytes());
        attribute(&mut storage, 1, &[]);
        attribute(&mut storage, SK_DIAG_BPF_STORAGE_MAP_VALUE, value);
        attribute(&mut nested, SK_DIAG_BPF_STORAGE, &storage);
    }
    let kind = INET_DIAG_SK_BPF_STORAGES | NLA_F_NESTED;
    attribute(&mut body, kind, &nested);
    body
}

#[test]
fn a_request_names_family_states_and_maps() {
    let plain = request(libc::AF_INET6 as u8, &[]);
    assert_eq!(plain.len(), HEADER + REQUEST);
    let asked = request(libc::AF_INET6 as u8, &[7, 9]);
    let (kind, flags, body, rest) = message(&asked).unwrap();
    assert_eq!((kind, flags), (20, 0x301));
    assert_eq!(&body[..4], [10, 6, 0, 0]);
    assert_eq!(u32_at(body, 4), Some(0b1011_0011_0010));
    let maps = find(&body[REQUEST..], INET_DIAG_REQ_SK_BPF_STORAGES).unwrap();
    let maps: Vec<_> = attributes(maps).collect();
    assert_eq!(
        maps,
        [(1, &7u32.to_ne_bytes()[..]), (1, &9u32.to_ne_bytes())]
    );
    assert!(rest.is_empty());
}

#[test]
fn a_socket_is_read_with_what_each_map_keeps() {
    let body = socket_body(libc::AF_INET, ESTABLISHED, &[(3, &[1; 32]), (5, &[2; 5])]);
    let answer = framed(SOCK_DIAG_BY_FAMILY, 2, &body);
    let found: Vec<_> = messages(&answer).collect();
    let [(Message::Socket(socket), false)] = &found[..] else {
        panic!("{found:?}");
    };
    assert_eq!(socket.local, "10.0.0.1:3000".parse().unwrap());
    assert_eq!(socket.peer, "10.0.0.9:4711".parse().unwrap());
    assert_eq!(
        (socket.state, socket.inode),
        (ConnectionState::Established, 77)
    );
    let stored: Vec<_> = socket.stored().collect();
    assert_eq!(stored, [(3, &[1; 32][..]), (5, &[2; 5])]);
}

#[test]
fn ipv4_on_an_ipv6_socket_is_ipv4() {
    let mut body = socket_body(libc::AF_INET6, ESTABLISHED, &[]);
    let mapped: Ipv6Addr = "::ffff:10.0.0.1".parse().unwrap();
    body[8..24].copy_from_slice(&mapped.octets());
    body[24..40].copy_from_slice(&Ipv6Addr::LOCALHOST.octets());
    let Message::Socket(socket) = socket(&body) else {
        panic!("{body:?}");
    };
    assert_eq!(socket.local, "10.0.0.1:3000".parse().unwrap());
    assert_eq!(socket.peer, "[::1]:4711".parse().unwrap());
}

#[test]
fn the_end_its_errno_and_a_changed_table_are_seen() {
    let ok = framed(NLMSG_DONE, 0, &0i32.to_ne_bytes());
    let refused = framed(NLMSG_ERROR, NLM_F_DUMP_INTR, &(-1i32).to_ne_bytes());
    let waiting = framed(
        SOCK_DIAG_BY_FAMILY,
        0,
        &socket_body(libc::AF_INET, TIME_WAIT, &[]),
    );
    let answer = [waiting, ok, refused].concat();
    let found: Vec<_> = messages(&answer).collect();
    let expected = [
        (Message::Other, false),
        (Message::End(0), false),
        (Message::End(libc::EPERM), true),
    ];
    assert_eq!(found, expected);
}

#[test]
fn a_message_that_is_cut_short_is_malformed_and_the_last() {
    let whole = framed(
        SOCK_DIAG_BY_FAMILY,
        0,
        &socket_body(libc::AF_INET, ESTABLISHED, &[]),
    );
    for len in 1..whole.len() {
        let found: Vec<_> = messages(&whole[..len]).collect();
        assert_eq!(found, [(Message::Malformed, false)], "{len}");
    }
    let short = framed(SOCK_DIAG_BY_FAMILY, 0, &[0; SOCKET - 1]);
    let found: Vec<_> = messages(&short).collect();
    assert_eq!(found, [(Message::Malformed, false)]);
    let no_errno = framed(NLMSG_DONE, 0, &[0; 3]);
    assert_eq!(messages(&no_errno).count(), 1);
}

/// An answer of the kernel with any bytes changed, so that most of it still looks right.
fn damaged() -> impl Strategy<Value = Vec<u8>> {
    let body = socket_body(libc::AF_INET, ESTABLISHED, &[(3, &[1; 32]), (5, &[2; 32])]);
    let socket = framed(SOCK_DIAG_BY_FAMILY, 2, &body);
    let done = framed(NLMSG_DONE, 2, &0i32.to_ne_bytes());
    let whole = [&socket[..], &socket, &done].concat();
    let changes = prop::collection::vec((0..whole.len(), any::<u8>()), 0..12);
    (changes, 0..=whole.len()).prop_map(move |(changes, len)| {
        let mut bytes = whole.clone();
        for (at, byte) in changes {
            bytes[at] = byte;
        }
        bytes.truncate(len);
        bytes
    })
}

proptest! {
    #[test]
    fn no_answer_makes_the_reader_panic_or_run_for_ever(
        bytes in prop_oneof![prop::collection::vec(any::<u8>(), 0..600), damaged()],
    ) {
        let mut seen = 0;
        for (message, _) in messages(&bytes) {
            seen += 1;
            if let Message::Socket(socket) = message {
                for (_, value) in socket.stored() {
                    prop_assert!(value.len() < bytes.len());
                    // What is kept is read no matter what it is.
                    let _ = super::super::stored::Stored::read(value, socket.peer.port());
                }
            }
        }
        prop_assert!(seen <= bytes.len());
    }

    #[test]
    fn what_a_map_keeps_comes_back_byte_for_byte(
        maps in prop::collection::vec((any::<u32>(), prop::collection::vec(any::<u8>(), 0..80)), 0..5),
    ) {
        let maps: Vec<(u32, &[u8])> = maps.iter().map(|(id, value)| (*id, &value[..])).collect();
        let answer = framed(SOCK_DIAG_BY_FAMILY, 2, &socket_body(libc::AF_INET, ESTABLISHED, &maps));
        let found = messages(&answer).next();
        let Some((Message::Socket(socket), _)) = found else {
            return Err(TestCaseError::fail(format!("{found:?}")));
        };
        prop_assert_eq!(socket.stored().collect::<Vec<_>>(), maps);
    }
}
