//! Every text that configures: any is survived, what is read is written and read back
//! the same, and what is refused is refused by name.
#![no_main]

use std::error::Error;
use std::fmt::{Debug, Display};
use std::str::FromStr;

use libfuzzer_sys::fuzz_target;
use serde::{Serialize, de::DeserializeOwned};
use toa_core::{
    OptionFormats, ParseOptionFormatsError, ParseTrustedPeersError, Policy, TrustedPeers,
};

trait Setting:
    FromStr<Err: Error> + Display + Debug + PartialEq + Serialize + DeserializeOwned
{
}

impl<T> Setting for T where
    T: FromStr<Err: Error> + Display + Debug + PartialEq + Serialize + DeserializeOwned
{
}

fn written_and_read_back<T: Setting>(value: &T) {
    assert_eq!(value.to_string().parse().ok().as_ref(), Some(value));
    let json = serde_json::to_string(value).expect("a setting can be written");
    assert_eq!(serde_json::from_str(&json).ok().as_ref(), Some(value));
}

/// As a text, as a JSON string and as a JSON list of its words the same comes of it.
fn text<T: Setting>(text: &str, names_what_is_wrong: impl FnOnce(&T::Err)) {
    let read = text.parse::<T>();
    match &read {
        Ok(value) => written_and_read_back(value),
        Err(error) => names_what_is_wrong(error),
    }
    let json = serde_json::to_string(text).expect("a text can be written");
    assert_eq!(serde_json::from_str::<T>(&json).ok(), read.ok());
    let words: Vec<&str> = text.split(',').collect();
    let list = serde_json::to_string(&words).expect("a list can be written");
    let read = text.parse::<T>().ok();
    assert_eq!(serde_json::from_str::<T>(&list).ok(), read);
}

fn json<T: Setting>(json: &[u8]) {
    match serde_json::from_slice::<T>(json) {
        Ok(value) => written_and_read_back(&value),
        Err(error) => assert!(!error.to_string().is_empty()),
    }
}

fn quotes(error: &impl Display, word: &str, text: &str) {
    assert!(text.contains(word), "{word:?} is no word of {text:?}");
    let message = error.to_string();
    assert!(message.contains(&format!("{word:?}")), "{message}");
}

fn trust_error(error: &ParseTrustedPeersError, text: &str) {
    match error {
        ParseTrustedPeersError::NotANetwork(word) | ParseTrustedPeersError::NotAlone(word) => {
            quotes(error, word, text)
        }
        ParseTrustedPeersError::HostBits(net, whole) => {
            assert!(error.to_string().contains(&net.to_string()));
            assert!(whole.to_string().parse::<TrustedPeers>().is_ok());
        }
        ParseTrustedPeersError::Empty => {
            assert!(text.chars().all(|c| c == ',' || c.is_whitespace()))
        }
        other => panic!("unknown to this target: {other:?}"),
    }
}

fn formats_error(error: &ParseOptionFormatsError, text: &str) {
    match error {
        ParseOptionFormatsError::Unknown(word) => quotes(error, word, text),
        ParseOptionFormatsError::Assigned(kind) => {
            assert!(error.to_string().contains(&kind.to_string()));
            assert!(text.contains(&kind.to_string()));
        }
        ParseOptionFormatsError::Ambiguous { kind, len } => {
            let said = error.to_string();
            assert!(said.contains(&kind.to_string()) && said.contains(&len.to_string()));
        }
        ParseOptionFormatsError::Empty => {
            assert!(text.chars().all(|c| c == ',' || c.is_whitespace()))
        }
        other => panic!("unknown to this target: {other:?}"),
    }
}

/// A network's first and last address are inside. One in mapped form is IPv4, and never
/// in an IPv6 network.
fn edges_are_inside(peers: &TrustedPeers) {
    for net in peers.nets() {
        for edge in [net.network(), net.broadcast()] {
            let is_mapped = edge.to_canonical() != edge;
            assert_ne!(peers.contains(edge), is_mapped, "{edge} in {net}");
        }
    }
    assert!(!peers.is_any() || peers.nets().next().is_none());
}

fuzz_target!(|input: &[u8]| {
    if let Ok(words) = str::from_utf8(input) {
        text::<TrustedPeers>(words, |error| trust_error(error, words));
        text::<Policy>(words, |error| trust_error(error, words));
        text::<OptionFormats>(words, |error| formats_error(error, words));
        if let Ok(peers) = words.parse() {
            edges_are_inside(&peers);
        }
    }
    json::<TrustedPeers>(input);
    json::<Policy>(input);
    json::<OptionFormats>(input);
});
