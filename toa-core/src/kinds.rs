//! Which TCP option kinds are read as TOA.

use std::fmt;
use std::str::FromStr;

/// A set of TCP option kinds that are read as TOA.
///
/// The default is 254 (LVS, DPVS, Huawei), 253 (Huawei IPv6, Tencent NAT64) and
/// 200 (UCloud, Tencent SNAT).
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct OptionKinds([u64; 4]);

/// Kinds with a standard meaning in segments that reach an open connection, from
/// the IANA registry "TCP Option Kind Numbers": an address read out of one of
/// them would be made of something else.
const ASSIGNED: &[u8] = &[0, 1, 2, 3, 4, 5, 8, 19, 28, 29, 30, 34, 69];

/// Why a set of kinds was refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ParseOptionKindsError {
    /// The kind means something else in TCP.
    #[error(
        "tcp option kind {0} has a standard meaning: use the kind your balancer sends, such as 254, 253 or 200"
    )]
    Assigned(u8),
    /// Not a number from 0 to 255.
    #[error("{0:?} is not a tcp option kind: give numbers from 0 to 255, such as 254,253,200")]
    NotAKind(String),
    /// No kind at all: nothing could ever be found.
    #[error("no tcp option kind given: give at least one, such as 254")]
    Empty,
}

impl OptionKinds {
    /// A set of these kinds.
    ///
    /// # Errors
    /// When there is none, or one of them has a standard meaning in TCP.
    pub fn new(kinds: impl IntoIterator<Item = u8>) -> Result<Self, ParseOptionKindsError> {
        let mut set = Self([0; 4]);
        for kind in kinds {
            if ASSIGNED.contains(&kind) {
                return Err(ParseOptionKindsError::Assigned(kind));
            }
            set.insert(kind);
        }
        if set.0 == [0; 4] {
            Err(ParseOptionKindsError::Empty)
        } else {
            Ok(set)
        }
    }

    const fn insert(&mut self, kind: u8) {
        self.0[(kind >> 6) as usize] |= 1 << (kind & 63);
    }

    /// Whether `kind` is one of them.
    #[must_use]
    pub const fn contains(&self, kind: u8) -> bool {
        self.0[(kind >> 6) as usize] & 1 << (kind & 63) != 0
    }

    /// The kinds in descending order, as operators list them.
    pub fn iter(&self) -> impl Iterator<Item = u8> {
        let set = *self;
        (0..=u8::MAX).rev().filter(move |&kind| set.contains(kind))
    }
}

impl Default for OptionKinds {
    fn default() -> Self {
        let mut set = Self([0; 4]);
        set.insert(254);
        set.insert(253);
        set.insert(200);
        set
    }
}

impl fmt::Debug for OptionKinds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.iter()).finish()
    }
}

impl fmt::Display for OptionKinds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, kind) in self.iter().enumerate() {
            write!(f, "{}{kind}", if i == 0 { "" } else { "," })?;
        }
        Ok(())
    }
}

impl FromStr for OptionKinds {
    type Err = ParseOptionKindsError;

    fn from_str(text: &str) -> Result<Self, ParseOptionKindsError> {
        let kinds = text
            .split(',')
            .map(str::trim)
            .filter(|kind| !kind.is_empty())
            .map(|kind| {
                kind.parse()
                    .map_err(|_| ParseOptionKindsError::NotAKind(kind.to_owned()))
            })
            .collect::<Result<Vec<u8>, _>>()?;
        Self::new(kinds)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_kinds_are_those_of_the_known_balancers() {
        assert_eq!(OptionKinds::default().to_string(), "254,253,200");
    }

    #[test]
    fn a_kind_with_a_standard_meaning_is_refused_by_number() {
        for kind in [0, 1, 2, 3, 4, 5, 8, 19, 28, 29, 30, 34, 69] {
            assert_eq!(
                OptionKinds::new([254, kind]),
                Err(ParseOptionKindsError::Assigned(kind))
            );
        }
    }

    #[test]
    fn nonsense_is_quoted_in_the_error() {
        for nonsense in ["256", "-1", "x", "2.5"] {
            let error = nonsense.parse::<OptionKinds>().unwrap_err().to_string();
            assert!(error.contains(nonsense), "{error}");
        }
        assert_eq!("".parse::<OptionKinds>(), Err(ParseOptionKindsError::Empty));
        assert_eq!(
            " , ".parse::<OptionKinds>(),
            Err(ParseOptionKindsError::Empty)
        );
    }

    #[test]
    fn what_is_printed_is_read_back() {
        let kinds = OptionKinds::new([77, 255, 128, 63, 64]).unwrap();
        assert_eq!(kinds.to_string(), "255,128,77,64,63");
        assert_eq!(kinds.to_string().parse(), Ok(kinds));
    }
}
