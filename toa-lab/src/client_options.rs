//! What of a client's own option list goes on to the backend.
//!
//! A source believes the first TOA option of a segment that a trusted balancer sent.
//! So the balancer passes on none that it did not write itself, in no segment at all:
//! which of them completes the handshake, only the backend knows (under SYN cookies
//! the balancer can be wrong about it).

use crate::packet::TCP_MAX_OPTIONS_LEN;

const END_OF_LIST: u8 = 0;
const NO_OPERATION: u8 = 1;

/// A copy of a client's option list. Its length is a multiple of four.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ClientOptions {
    bytes: [u8; TCP_MAX_OPTIONS_LEN],
    len: usize,
}

impl ClientOptions {
    /// As the client wrote it; `options` has at most 40 bytes.
    pub(crate) fn copy_of(options: &[u8]) -> ClientOptions {
        let mut bytes = [NO_OPERATION; TCP_MAX_OPTIONS_LEN];
        bytes[..options.len()].copy_from_slice(options);
        ClientOptions {
            bytes,
            len: options.len(),
        }
    }

    pub(crate) fn as_slice(&self) -> &[u8] {
        &self.bytes[..self.len]
    }

    pub(crate) fn as_mut_slice(&mut self) -> &mut [u8] {
        &mut self.bytes[..self.len]
    }

    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// Overwrites the options of these kinds with no-operations, whatever their length,
    /// so that everything else stays where it is. What follows the end of the list becomes
    /// zeros (RFC 9293, section 3.1), and everything from a malformed option on becomes
    /// no-operations: a reader that walks the list in another way finds no option there.
    pub(crate) fn overwrite(&mut self, is_overwritten: impl Fn(u8) -> bool) {
        let mut rest = self.as_mut_slice();
        loop {
            rest = match next(rest) {
                Next::Nothing => return,
                Next::End => return rest.fill(END_OF_LIST),
                Next::Malformed => return rest.fill(NO_OPERATION),
                Next::NoOperation => &mut rest[1..],
                Next::Option(len) => {
                    let (option, after) = rest.split_at_mut(len);
                    if is_overwritten(option[0]) {
                        option.fill(NO_OPERATION);
                    }
                    after
                }
            };
        }
    }

    /// Removes the padding, when that makes the list shorter: the options that mean
    /// something move together, in their order. What [`overwrite`](Self::overwrite) has
    /// overwritten is padding too.
    pub(crate) fn remove_padding(&mut self) {
        let mut kept = [NO_OPERATION; TCP_MAX_OPTIONS_LEN];
        let mut len = 0;
        let mut rest = self.as_slice();
        loop {
            rest = match next(rest) {
                Next::Nothing | Next::End | Next::Malformed => break,
                Next::NoOperation => &rest[1..],
                Next::Option(size) => {
                    kept[len..len + size].copy_from_slice(&rest[..size]);
                    len += size;
                    &rest[size..]
                }
            };
        }
        let padded = len.next_multiple_of(4);
        if padded < self.len {
            (self.bytes, self.len) = (kept, padded);
        }
    }
}

/// What an option list begins with.
enum Next {
    Nothing,
    End,
    NoOperation,
    /// An option of this length that lies within the list.
    Option(usize),
    /// A length that is missing, stands still or runs over the end.
    Malformed,
}

fn next(list: &[u8]) -> Next {
    match *list {
        [] => Next::Nothing,
        [END_OF_LIST, ..] => Next::End,
        [NO_OPERATION, ..] => Next::NoOperation,
        [_, len, ..] if (2..=list.len()).contains(&usize::from(len)) => Next::Option(len.into()),
        _ => Next::Malformed,
    }
}
