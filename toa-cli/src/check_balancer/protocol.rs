//! What the two halves say to each other: one JSON object a line.
//!
//! The lines come from whoever reaches the port, so their length is bounded and everything
//! unexpected is an error.

use std::fmt;
use std::fs::File;
use std::io::{self, BufRead, ErrorKind, Read, Write};
use std::str::FromStr;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use toa_core::ClientAddr;

/// Longest line, with its end.
pub(super) const MAX_LINE: usize = 512;

/// From the probe.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "request", rename_all = "snake_case", deny_unknown_fields)]
pub(super) enum Request {
    /// Opens a connection to ask on. `token` is the first half.
    Hello { token: String, session: u64 },
    /// The first and only line of a connection that is a case of this session.
    Case { session: u64, number: u8 },
    /// Whom did the source see on the connection of this case?
    Report { number: u8 },
    /// Let the kernel answer with SYN cookies, or no longer.
    Cookies { on: bool },
}

/// From the backend.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "reply", rename_all = "snake_case", deny_unknown_fields)]
pub(super) enum Reply {
    /// `token` is the second half; the rest is what is known of this connection.
    Agreed {
        token: String,
        source: String,
        seen: ClientAddr,
    },
    /// Nobody, when no connection of this case was accepted.
    Report { seen: Option<ClientAddr> },
    /// Done.
    Done,
}

/// What the operator carries from the backend to the probe. The probe shows one half, and
/// a server that does not know the other has not agreed to anything.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Token {
    pub(super) of_probe: String,
    pub(super) of_backend: String,
}

/// Hexadecimal digits of each half.
const HALF: usize = 16;

impl Token {
    pub(super) fn random() -> io::Result<Self> {
        Ok(Self {
            of_probe: format!("{:016x}", random()?),
            of_backend: format!("{:016x}", random()?),
        })
    }
}

impl fmt::Display for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.of_probe, self.of_backend)
    }
}

impl FromStr for Token {
    type Err = anyhow::Error;

    fn from_str(text: &str) -> anyhow::Result<Self> {
        let is_half =
            |half: &str| half.len() == HALF && half.bytes().all(|digit| digit.is_ascii_hexdigit());
        match text.split_once('-') {
            Some((of_probe, of_backend)) if is_half(of_probe) && is_half(of_backend) => Ok(Self {
                of_probe: of_probe.to_owned(),
                of_backend: of_backend.to_owned(),
            }),
            _ => anyhow::bail!(
                "{text:?} is not a token: copy the one that `toa check-balancer serve` printed"
            ),
        }
    }
}

/// From the kernel's generator.
pub(super) fn random() -> io::Result<u64> {
    let mut bytes = [0; 8];
    File::open("/dev/urandom")?.read_exact(&mut bytes)?;
    Ok(u64::from_ne_bytes(bytes))
}

/// The message as it is sent.
pub(super) fn line(message: &impl Serialize) -> io::Result<Vec<u8>> {
    let mut line = serde_json::to_vec(message)?;
    line.push(b'\n');
    Ok(line)
}

pub(super) fn send(to: &mut impl Write, message: &impl Serialize) -> io::Result<()> {
    to.write_all(&line(message)?)
}

/// The next message. `UnexpectedEof` when the other side has closed.
pub(super) fn receive<T: DeserializeOwned>(from: &mut impl BufRead) -> io::Result<T> {
    let mut line = Vec::new();
    from.take(MAX_LINE as u64).read_until(b'\n', &mut line)?;
    match line.split_last() {
        None => Err(ErrorKind::UnexpectedEof.into()),
        Some((b'\n', message)) => serde_json::from_slice(message)
            .map_err(|error| io::Error::new(ErrorKind::InvalidData, error)),
        Some(_) => Err(io::Error::new(
            ErrorKind::InvalidData,
            "the line is too long, or cut off",
        )),
    }
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;
    use toa_core::Provenance;

    use super::*;

    fn seen() -> ClientAddr {
        let address = |text: &str| toa_core::to_mapped(text.parse().unwrap());
        ClientAddr::mock(
            address("203.0.113.66:6666"),
            address("10.0.0.1:40000"),
            Provenance::Implausible,
        )
    }

    fn request() -> impl Strategy<Value = Request> {
        prop_oneof![
            ("[0-9a-f]{16}", any::<u64>())
                .prop_map(|(token, session)| Request::Hello { token, session }),
            (any::<u64>(), any::<u8>())
                .prop_map(|(session, number)| Request::Case { session, number }),
            any::<u8>().prop_map(|number| Request::Report { number }),
            any::<bool>().prop_map(|on| Request::Cookies { on }),
        ]
    }

    proptest! {
        #[test]
        fn what_is_sent_is_received(requests in vec(request(), 1..5)) {
            let mut bytes = Vec::new();
            for request in &requests {
                send(&mut bytes, request).unwrap();
            }
            let mut from = &bytes[..];
            for request in requests {
                prop_assert_eq!(receive::<Request>(&mut from).unwrap(), request);
            }
            let end = receive::<Request>(&mut from).unwrap_err();
            prop_assert_eq!(end.kind(), ErrorKind::UnexpectedEof);
        }

        #[test]
        fn any_bytes_give_a_message_or_an_error(bytes in vec(any::<u8>(), 0..2000)) {
            let mut from = &bytes[..];
            let _ = receive::<Request>(&mut from);
            prop_assert!(bytes.len() - from.len() <= MAX_LINE);
            let _ = receive::<Reply>(&mut &bytes[..]);
        }

        #[test]
        fn a_changed_byte_is_another_message_or_an_error(
            request in request(), at in any::<prop::sample::Index>(), byte in any::<u8>(),
        ) {
            let mut bytes = line(&request).unwrap();
            let at = at.index(bytes.len());
            bytes[at] = byte;
            let _ = receive::<Request>(&mut &bytes[..]);
        }

        #[test]
        fn any_text_is_a_token_or_refused(text in ".{0,40}") {
            if let Ok(token) = text.parse::<Token>() {
                prop_assert_eq!(token.to_string(), text);
            }
        }
    }

    #[test]
    fn a_line_without_an_end_is_refused_after_its_longest_length() {
        for bytes in [&b"{\"request\":\"report\""[..], &[b' '; 4 * MAX_LINE]] {
            let mut from = bytes;
            let error = receive::<Request>(&mut from).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::InvalidData);
            assert!(bytes.len() - from.len() <= MAX_LINE);
        }
    }

    #[test]
    fn every_message_fits_a_line() {
        let token = "0123456789abcdef".to_owned();
        let source = "a third-party module".to_owned();
        let agreed = Reply::Agreed {
            token,
            source,
            seen: seen(),
        };
        for reply in [agreed, Reply::Report { seen: Some(seen()) }, Reply::Done] {
            let bytes = line(&reply).unwrap();
            assert!(bytes.len() < MAX_LINE, "{}", bytes.len());
            assert_eq!(receive::<Reply>(&mut &bytes[..]).unwrap(), reply);
        }
    }

    #[test]
    fn a_token_is_read_as_it_is_printed_and_nothing_else_is() {
        let token = Token::random().unwrap();
        assert_eq!(token.to_string().parse::<Token>().unwrap(), token);
        assert_ne!(token, Token::random().unwrap());
        for text in [
            "",
            "-",
            "0123456789abcdef",
            "0123456789abcdef-0123456789abcde",
        ] {
            let error = text.parse::<Token>().unwrap_err().to_string();
            assert!(error.contains("check-balancer serve"), "{error}");
        }
    }
}
