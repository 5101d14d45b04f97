//! Every text that configures: any is survived, what is read is written and read back
//! the same, and what is refused is refused by name.
#![no_main]

use std::error::Error;
use std::ffi::OsString;
use std::fmt::{Debug, Display};
use std::os::unix::ffi::OsStringExt;
use std::str::FromStr;

use libfuzzer_sys::fuzz_target;
use serde::{Serialize, de::DeserializeOwned};
use toa_core::{
    EnvError, KindsError, Mode, ModeError, OptionKinds, Policy, TrustError, TrustedPeers,
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

fn trust_error(error: &TrustError, text: &str) {
    match error {
        TrustError::NotANetwork(word) | TrustError::NotAlone(word) => quotes(error, word, text),
        TrustError::HostBits(net, whole) => {
            assert!(error.to_string().contains(&net.to_string()));
            assert!(whole.to_string().parse::<TrustedPeers>().is_ok());
        }
        TrustError::Empty => assert!(text.chars().all(|c| c == ',' || c.is_whitespace())),
        other => panic!("unknown to this target: {other:?}"),
    }
}

fn kinds_error(error: &KindsError, text: &str) {
    match error {
        KindsError::NotAKind(word) => quotes(error, word, text),
        KindsError::Assigned(kind) => {
            assert!(error.to_string().contains(&kind.to_string()));
            assert!(text.contains(&kind.to_string()));
        }
        KindsError::Empty => assert!(text.chars().all(|c| c == ',' || c.is_whitespace())),
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

/// The variable has the value; what is read is what `parse` makes of it.
fn environment<T: Setting>(
    variable: &str,
    value: &[u8],
    read: impl FnOnce() -> Result<T, EnvError>,
) {
    let value = OsString::from_vec(value.to_vec());
    // SAFETY: this program has one thread.
    unsafe { std::env::set_var(variable, &value) };
    let expected = value.to_str().and_then(|text| text.parse::<T>().ok());
    match read() {
        Ok(setting) => assert_eq!(Some(setting), expected),
        Err(error) => {
            assert_eq!(expected, None);
            assert_eq!(
                (error.variable(), error.value()),
                (variable, &*value.to_string_lossy())
            );
            let message = error.to_string();
            assert!(message.contains(variable));
            assert!(
                message.contains(&format!("{:?}", error.value())),
                "{message}"
            );
            assert!(error.source().is_some());
        }
    }
}

fuzz_target!(|input: &[u8]| {
    if let Ok(words) = str::from_utf8(input) {
        text::<TrustedPeers>(words, |error| trust_error(error, words));
        text::<Policy>(words, |error| trust_error(error, words));
        text::<OptionKinds>(words, |error| kinds_error(error, words));
        text::<Mode>(words, |error: &ModeError| quotes(error, words, words));
        if let Ok(peers) = words.parse() {
            edges_are_inside(&peers);
        }
    }
    json::<TrustedPeers>(input);
    json::<Policy>(input);
    json::<OptionKinds>(input);
    json::<Mode>(input);
    // No variable can hold a zero byte.
    if !input.contains(&0) {
        environment(Policy::ENV, input, Policy::from_env);
        environment(Mode::ENV, input, Mode::from_env);
    }
});
