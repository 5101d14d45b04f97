//! What an enemy, a bad day and an hour of both do to a source and the servers behind it.
#![forbid(unsafe_code)]

#[cfg(target_os = "linux")]
mod kernel;
#[cfg(target_os = "linux")]
pub mod soak;
#[cfg(target_os = "linux")]
pub mod storm;
