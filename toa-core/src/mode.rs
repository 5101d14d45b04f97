//! What becomes of connections that did not come through the balancer.

use std::fmt;
use std::str::FromStr;

/// What an application does with a request whose client no balancer vouches for.
/// The deny layers of `toa-tower` and `toa-actix` carry it out.
///
/// Parses from `fallback` and `require`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Mode {
    /// It is served, with the TCP peer for a client.
    #[default]
    Fallback,
    /// It is refused.
    Require,
}

/// A text that is not a mode.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0:?} is not a mode: write `fallback` to serve everybody or `require` to refuse what did not \
     come through the balancer"
)]
pub struct ModeError(pub(crate) String);

impl Mode {
    /// Every mode there is.
    const ALL: [Self; 2] = [Self::Fallback, Self::Require];

    /// Whether requests that did not come through the balancer are refused; for
    /// `tower::util::option_layer(mode.is_require().then(..))` and the like.
    #[must_use]
    pub const fn is_require(self) -> bool {
        matches!(self, Self::Require)
    }

    const fn word(self) -> &'static str {
        match self {
            Self::Fallback => "fallback",
            Self::Require => "require",
        }
    }
}

impl fmt::Display for Mode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

impl FromStr for Mode {
    type Err = ModeError;

    fn from_str(text: &str) -> Result<Self, ModeError> {
        Self::ALL
            .into_iter()
            .find(|mode| mode.word() == text.trim())
            .ok_or_else(|| ModeError(text.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_printed_is_read_back() {
        for mode in Mode::ALL {
            assert_eq!(mode.to_string().parse(), Ok(mode));
        }
        assert_eq!(Mode::default(), Mode::Fallback);
        assert!(Mode::Require.is_require() && !Mode::Fallback.is_require());
    }

    #[test]
    fn nonsense_is_quoted_in_the_error() {
        for nonsense in ["", "deny", "Require", "require,fallback"] {
            let error = nonsense.parse::<Mode>().unwrap_err().to_string();
            let quoted = format!("{nonsense:?} is not a mode: write `fallback`");
            assert!(error.starts_with(&quoted), "{error}");
        }
    }
}
