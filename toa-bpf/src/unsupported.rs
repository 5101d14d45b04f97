//! The same interface where there is no eBPF: every call says so.

use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::{CgroupProgram, Config, Connection, Error, Event, Loaded, Status};

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

/// Fails on this platform.
///
/// # Errors
/// Always [`Error::Unsupported`].
pub fn cgroup_programs() -> Result<Vec<CgroupProgram>, Error> {
    Err(Error::Unsupported)
}

/// The open connections; they are not known on this platform.
#[derive(Debug)]
pub struct Connections(std::convert::Infallible);

/// Fails on this platform.
///
/// # Errors
/// Always [`Error::Unsupported`].
pub fn connections() -> Result<Connections, Error> {
    Err(Error::Unsupported)
}

impl Connections {
    /// Never called: there is no value of this type.
    pub fn sources(&self) -> impl ExactSizeIterator<Item = &Status> {
        [].iter()
    }

    /// Never called: there is no value of this type.
    #[must_use]
    pub fn is_interrupted(&self) -> bool {
        match self.0 {}
    }
}

impl Iterator for Connections {
    type Item = Result<Connection, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        match self.0 {}
    }
}

/// Observers of sources; there are none on this platform.
#[derive(Debug)]
pub struct Watch(std::convert::Infallible);

/// Fails on this platform.
///
/// # Errors
/// Always [`Error::Unsupported`].
pub fn watch() -> Result<Watch, Error> {
    Err(Error::Unsupported)
}

impl Watch {
    /// Never called: there is no value of this type.
    pub fn sources(&self) -> impl ExactSizeIterator<Item = &Status> {
        [].iter()
    }

    /// Never called: there is no value of this type.
    #[must_use]
    pub fn is_watched(&self, _: usize) -> bool {
        match self.0 {}
    }

    /// Never called: there is no value of this type.
    ///
    /// # Errors
    /// None.
    pub fn next(&mut self, _: Duration) -> Result<Option<Event>, Error> {
        match self.0 {}
    }

    /// Never called: there is no value of this type.
    ///
    /// # Errors
    /// None.
    pub fn take_lost(&mut self) -> Result<u64, Error> {
        match self.0 {}
    }

    /// Never called: there is no value of this type.
    ///
    /// # Errors
    /// None.
    pub fn is_current(&self) -> Result<bool, Error> {
        match self.0 {}
    }
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
