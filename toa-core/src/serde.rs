//! Settings in configuration files, as the text that they parse from or as a list of its
//! words; and what is known of a connection, for logs and sessions.

use std::borrow::Cow;
use std::fmt::{self, Display};
use std::marker::PhantomData;
use std::net::SocketAddr;
use std::str::FromStr;

use serde::de::{Deserialize, Deserializer, Error, SeqAccess, Visitor};
use serde::ser::{Serialize, Serializer};

use crate::addr::to_mapped;
use crate::client_addr::{ClientAddr, Provenance};
use crate::format::OptionFormats;
use crate::policy::Policy;
use crate::trust::TrustedPeers;

/// Takes a text, or a list of words for the text that they make with commas.
struct Words<T> {
    expected: &'static str,
    made: PhantomData<T>,
}

impl<'de, T: FromStr<Err: Display>> Visitor<'de> for Words<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.expected)
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<T, E> {
        text.parse().map_err(E::custom)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<T, A::Error> {
        let mut words = Vec::new();
        while let Some(word) = list.next_element::<String>()? {
            words.push(word);
        }
        self.visit_str(&words.join(","))
    }
}

macro_rules! as_words {
    ($($made:ty: $expected:literal),* $(,)?) => {$(
        impl Serialize for $made {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $made {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                deserializer.deserialize_any(Words { expected: $expected, made: PhantomData })
            }
        }
    )*};
}

as_words! {
    TrustedPeers: "`private`, `any`, `none`, CIDRs separated by commas, or a list of CIDRs",
    Policy: "`source`, `private`, `any`, `none`, CIDRs separated by commas, or a list of CIDRs",
    OptionFormats: "names of formats separated by commas, or a list of them",
}

impl Serialize for Provenance {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for Provenance {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Cow::<str>::deserialize(deserializer)?;
        text.parse().map_err(D::Error::custom)
    }
}

/// How a [`ClientAddr`] is written: addresses as text, IPv4 as IPv4.
#[derive(serde::Serialize, serde::Deserialize)]
#[serde(rename = "ClientAddr")]
struct Written {
    client: SocketAddr,
    peer: SocketAddr,
    provenance: Provenance,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    virtual_addr: Option<SocketAddr>,
}

impl Serialize for ClientAddr {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        Written {
            client: self.client_canonical(),
            peer: self.peer_canonical(),
            provenance: self.provenance(),
            virtual_addr: self.virtual_addr(),
        }
        .serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for ClientAddr {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let Written {
            client,
            peer,
            provenance,
            virtual_addr,
        } = Written::deserialize(deserializer)?;
        Ok(Self::new(to_mapped(client), to_mapped(peer), provenance)
            .with_virtual_addr(virtual_addr.map(to_mapped)))
    }
}

#[cfg(test)]
mod tests {
    use std::fmt::Debug;

    use serde::de::DeserializeOwned;

    use super::*;

    fn reads<T: DeserializeOwned + Serialize + PartialEq + Debug>(table: &[(&str, T)]) {
        for (json, expected) in table {
            let read: T = serde_json::from_str(json).unwrap();
            assert_eq!(&read, expected, "{json}");
            let written = serde_json::to_string(&read).unwrap();
            assert_eq!(
                &serde_json::from_str::<T>(&written).unwrap(),
                expected,
                "{written}"
            );
        }
    }

    fn refuses<T: DeserializeOwned + Debug>(table: &[(&str, &str)]) {
        for (json, reason) in table {
            let error = serde_json::from_str::<T>(json).unwrap_err().to_string();
            assert!(error.contains(reason), "{json}: {error}");
        }
    }

    #[test]
    fn settings_are_read_from_text_and_from_lists_and_written_as_text() {
        let peers: TrustedPeers = "10.1.0.0/16,fd00::7".parse().unwrap();
        reads(&[
            (r#""private""#, TrustedPeers::private()),
            (r#""none""#, TrustedPeers::none()),
            (r#""10.1.0.0/16, fd00::7""#, peers.clone()),
            (r#"["10.1.0.0/16", "fd00::7"]"#, peers.clone()),
        ]);
        reads(&[
            (r#""source""#, Policy::new()),
            (r#""any""#, TrustedPeers::insecure_any().into()),
            (r#"["fd00::7", "10.1.0.0/16"]"#, peers.into()),
        ]);
        let formats: OptionFormats = "cip,toa@77".parse().unwrap();
        reads(&[
            (r#""toa@77, cip""#, formats.clone()),
            (r#"["cip", "toa@77"]"#, formats),
        ]);
    }

    #[test]
    fn nonsense_is_refused_with_the_value() {
        refuses::<TrustedPeers>(&[
            (r#""balancer""#, "\"balancer\" is not a network"),
            (r#"["10.0.0.0/8", "any"]"#, "\"any\" stands for a whole set"),
            ("[]", "no trusted network given"),
            ("10", "expected `private`"),
            (r#"{"cidr": "10.0.0.0/8"}"#, "expected `private`"),
        ]);
        refuses::<Policy>(&[
            (r#""10.0.0.1/8""#, "10.0.0.1/8 has bits set"),
            (r#"["source", "any"]"#, "\"source\" stands for a whole set"),
            (r#"["", "source"]"#, "\"source\" stands for a whole set"),
        ]);
        refuses::<OptionFormats>(&[
            (r#"["toa", "254"]"#, "\"254\" is not a format"),
            ("[254]", "expected a string"),
            (r#""toa@8""#, "tcp option kind 8 has a standard meaning"),
            ("[]", "no format given"),
        ]);
    }

    #[test]
    fn a_client_is_written_with_its_provenance_and_read_back() {
        let client = ClientAddr::new(
            "[2001:db8::7]:41234".parse().unwrap(),
            "[::ffff:10.0.0.9]:5000".parse().unwrap(),
            Provenance::Toa,
        );
        let json = r#"{"client":"[2001:db8::7]:41234","peer":"10.0.0.9:5000","provenance":"toa"}"#;
        assert_eq!(serde_json::to_string(&client).unwrap(), json);
        reads(&[(json, client)]);
        let with_virtual =
            client.with_virtual_addr(Some("[::ffff:10.0.8.208]:443".parse().unwrap()));
        let json = json.replace('}', r#","virtual_addr":"10.0.8.208:443"}"#);
        reads(&[(&json, with_virtual)]);
        reads(&[(r#""not_sent""#, Provenance::NotSent)]);
        refuses::<Provenance>(&[
            (r#""none""#, "\"none\" is not a provenance"),
            ("7", "expected a string"),
        ]);
        refuses::<ClientAddr>(&[
            (r#"{"client":"[2001:db8::7]:41234"}"#, "missing field"),
            (
                r#"{"client":"2001:db8::7","peer":"10.0.0.9:5000","provenance":"toa"}"#,
                "invalid socket address",
            ),
        ]);
    }
}
