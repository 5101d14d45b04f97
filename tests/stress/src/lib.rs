//! A source and the servers behind it under attack, under injected faults, and under both
//! for an hour.
#![forbid(unsafe_code)]

#[cfg(target_os = "linux")]
mod attempt;
#[cfg(target_os = "linux")]
mod balanced;
#[cfg(target_os = "linux")]
mod kernel;
#[cfg(target_os = "linux")]
pub mod soak;
#[cfg(target_os = "linux")]
pub mod storm;

#[cfg(target_os = "linux")]
pub use balanced::{Balancing, forward};
