//! The moments at which other programs on the cgroup asked to be called stay theirs.
#![cfg(target_os = "linux")]
#![expect(unsafe_code, reason = "programs of others are loaded by bpf(2)")]
#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

mod host;
mod raw_bpf;

use std::io::Read;

use host::{CLIENT, Host};
use raw_bpf::{
    ADD_NUMBER, CALL, EXIT, Insn, JUMP_UNLESS_EQUAL, LOAD_WORD, Link, SET_NUMBER, SET_REGISTER,
    SOCKOPS, STORE_WORD_NUMBER,
};
use socket2::SockRef;
use toa_bpf::attach;

const PASSIVE_ESTABLISHED: i32 = 5;
const STATE: i32 = 10;
const PARSE_HEADER: i32 = 13;
const SETSOCKOPT: i32 = 49;
const CB_FLAGS_SET: i32 = 59;
const STATE_FLAG: i32 = 1 << 2;
const PARSE_UNKNOWN_FLAG: i32 = 1 << 5;
const SEEN: i32 = 5;

/// Asks for a callback when a connection opens, and marks the socket's priority when it comes.
fn program(flag: i32, callback: i32) -> Vec<Insn> {
    vec![
        Insn(SET_REGISTER, 6 | 1 << 4, 0, 0),
        Insn(LOAD_WORD, 7 | 1 << 4, 0, 0),
        Insn(JUMP_UNLESS_EQUAL, 7, 2, PASSIVE_ESTABLISHED),
        Insn(SET_NUMBER, 2, 0, flag),
        Insn(CALL, 0, 0, CB_FLAGS_SET),
        Insn(JUMP_UNLESS_EQUAL, 7, 8, callback),
        Insn(STORE_WORD_NUMBER, 10, -4, SEEN),
        Insn(SET_REGISTER, 1 | 6 << 4, 0, 0),
        Insn(SET_NUMBER, 2, 0, libc::SOL_SOCKET),
        Insn(SET_NUMBER, 3, 0, libc::SO_PRIORITY),
        Insn(SET_REGISTER, 4 | 10 << 4, 0, 0),
        Insn(ADD_NUMBER, 4, 0, -4),
        Insn(SET_NUMBER, 5, 0, 4),
        Insn(CALL, 0, 0, SETSOCKOPT),
        Insn(SET_NUMBER, 0, 0, 1),
        Insn(EXIT, 0, 0, 0),
    ]
}

#[test]
fn a_callback_that_another_program_asked_for_still_comes() {
    let Some(host) = Host::enter_or_skip() else {
        return;
    };
    for (flag, callback) in [(STATE_FLAG, STATE), (PARSE_UNKNOWN_FLAG, PARSE_HEADER)] {
        let program = raw_bpf::load(SOCKOPS, &program(flag, callback));
        // It runs first: what it asks for could be lost behind it.
        let _theirs = Link::create(SOCKOPS, &program, &host.cgroup);
        let _ours = attach(&host.config()).unwrap();
        let listener = host.listener();
        for in_ack in [&CLIENT[..], &[]] {
            let (mut stream, _, mut peer) = host.open(&listener, [192, 168, 7, 7], in_ack);
            peer.data(&[99, 4, 0, 0], b"x").unwrap();
            peer.fin(&[]).unwrap();
            stream.read_to_end(&mut Vec::new()).unwrap();
            let priority = priority(&stream);
            assert_eq!(priority, SEEN, "{callback} after {in_ack:?}");
        }
    }
}

fn priority(stream: &std::net::TcpStream) -> i32 {
    let priority = SockRef::from(stream).priority().unwrap();
    priority.cast_signed()
}
