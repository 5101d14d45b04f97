//! The same interface where there is no eBPF: every call says so.

use std::path::{Path, PathBuf};

use crate::{Config, Error, Loaded, Status};

/// A source that lives with its process; there is none on this platform.
#[derive(Debug)]
pub struct Attached(std::convert::Infallible);

/// Fails on this platform.
///
/// # Errors
/// Always [`Error::Unsupported`].
pub fn attach(_: &Config) -> Result<Attached, Error> {
    Err(Error::Unsupported)
}

/// Fails on this platform.
///
/// # Errors
/// Always [`Error::Unsupported`].
pub fn answering_program(_: Option<&Path>) -> Result<Option<u32>, Error> {
    Err(Error::Unsupported)
}

impl Attached {
    /// Never called: there is no value of this type.
    ///
    /// # Errors
    /// None.
    pub fn status(&self) -> Result<Status, Error> {
        match self.0 {}
    }
}

/// The directory that would hold a source.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Pins(());

impl Pins {
    /// The default directory.
    #[must_use]
    pub fn at(_: impl Into<PathBuf>) -> Self {
        Self(())
    }

    /// Fails on this platform.
    ///
    /// # Errors
    /// Always [`Error::Unsupported`].
    pub fn load(&self, _: &Config) -> Result<Loaded, Error> {
        Err(Error::Unsupported)
    }

    /// Fails on this platform.
    ///
    /// # Errors
    /// Always [`Error::Unsupported`].
    pub fn unload(&self) -> Result<bool, Error> {
        Err(Error::Unsupported)
    }

    /// Fails on this platform.
    ///
    /// # Errors
    /// Always [`Error::Unsupported`].
    pub fn unload_cgroup(&self, _: &Path) -> Result<bool, Error> {
        Err(Error::Unsupported)
    }

    /// Fails on this platform.
    ///
    /// # Errors
    /// Always [`Error::Unsupported`].
    pub fn status(&self) -> Result<Vec<Status>, Error> {
        Err(Error::Unsupported)
    }

    /// Fails on this platform.
    ///
    /// # Errors
    /// Always [`Error::Unsupported`].
    pub fn sources(&self) -> Result<Vec<Status>, Error> {
        Err(Error::Unsupported)
    }
}
