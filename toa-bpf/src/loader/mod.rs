//! The loader.

mod attach;
mod host;
mod lock;
mod maps;
mod memlock;
mod object;
mod pins;
mod quirks;
mod status;
mod sys;

pub use attach::{Attached, attach};
pub use pins::Pins;
