//! Settings from the environment.

use std::error::Error;
use std::ffi::OsString;
use std::str::FromStr;

use crate::mode::Mode;
use crate::policy::Policy;

/// An environment variable with a value that means nothing.
#[derive(Debug, thiserror::Error)]
#[error("the environment variable {variable} has the value {value:?}: correct it or unset it")]
pub struct EnvError {
    variable: &'static str,
    value: String,
    source: Box<dyn Error + Send + Sync>,
}

impl EnvError {
    /// The variable's name.
    #[must_use]
    pub const fn variable(&self) -> &'static str {
        self.variable
    }

    /// Its value.
    #[must_use]
    pub fn value(&self) -> &str {
        &self.value
    }
}

impl Policy {
    /// The variable that [`from_env`](Self::from_env) reads.
    pub const ENV: &'static str = "TOA_TRUSTED_PEERS";

    /// The policy that the environment variable `TOA_TRUSTED_PEERS` asks for, in the
    /// words that [`Policy`] parses from; the default when it is not set.
    ///
    /// # Errors
    /// When it is set to something else, the empty text included: a misspelt policy
    /// must not pass for the default.
    pub fn from_env() -> Result<Self, EnvError> {
        read(Self::ENV, std::env::var_os(Self::ENV))
    }
}

impl Mode {
    /// The variable that [`from_env`](Self::from_env) reads.
    pub const ENV: &'static str = "TOA_MODE";

    /// The mode that the environment variable `TOA_MODE` asks for; the default when
    /// it is not set.
    ///
    /// # Errors
    /// When it is set to something else, the empty text included.
    pub fn from_env() -> Result<Self, EnvError> {
        read(Self::ENV, std::env::var_os(Self::ENV))
    }
}

fn read<T>(variable: &'static str, value: Option<OsString>) -> Result<T, EnvError>
where
    T: Default + FromStr<Err: Error + Send + Sync + 'static>,
{
    let Some(value) = value else {
        return Ok(T::default());
    };
    let outcome = match value.to_str() {
        Some(text) => text.parse().map_err(Into::into),
        None => Err("it is not unicode".into()),
    };
    outcome.map_err(|source| EnvError {
        variable,
        value: value.to_string_lossy().into_owned(),
        source,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn policy(value: &str) -> Result<Policy, EnvError> {
        read(Policy::ENV, Some(value.into()))
    }

    #[test]
    fn an_unset_variable_is_the_default() {
        assert_eq!(read::<Policy>(Policy::ENV, None).unwrap(), Policy::new());
        assert_eq!(read::<Mode>(Mode::ENV, None).unwrap(), Mode::Fallback);
    }

    #[test]
    fn a_variable_that_is_set_is_obeyed() {
        let peers = "10.1.0.0/16,fd00::/8";
        let expected = Policy::new().with_trusted_peers(peers.parse().unwrap());
        assert_eq!(policy(peers).unwrap(), expected);
        let mode: Mode = read(Mode::ENV, Some("require".into())).unwrap();
        assert_eq!(mode, Mode::Require);
    }

    #[test]
    fn nonsense_is_an_error_that_names_variable_and_value_and_has_the_reason_for_its_source() {
        for (value, reason) in [
            ("", "no trusted network given"),
            ("balancer", "\"balancer\" is not a network"),
            ("10.0.0.1/8", "10.0.0.1/8 has bits set"),
            ("source,10.0.0.0/8", "\"source\" stands for a whole set"),
        ] {
            let error = policy(value).unwrap_err();
            assert_eq!((error.variable(), error.value()), (Policy::ENV, value));
            assert_eq!(
                error.to_string(),
                format!(
                    "the environment variable TOA_TRUSTED_PEERS has the value {value:?}: \
                     correct it or unset it"
                )
            );
            let source = error.source().unwrap().to_string();
            assert!(source.starts_with(reason), "{source}");
        }
    }

    #[cfg(unix)]
    #[test]
    fn a_value_that_is_not_unicode_is_an_error_and_not_the_default() {
        use std::os::unix::ffi::OsStringExt;
        let value = OsString::from_vec(b"10.0.0.\xff".to_vec());
        let error = read::<Policy>(Policy::ENV, Some(value)).unwrap_err();
        assert_eq!(error.source().unwrap().to_string(), "it is not unicode");
        assert_eq!(error.value(), "10.0.0.\u{fffd}");
    }
}
