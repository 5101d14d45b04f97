//! A packet storm against the live kernel: random and mutated segments of all
//! kinds, with the source loaded, in a sandbox. Every connection that they open is
//! compared with toa-core's own reading of the segment that completed it.

mod address_path;
mod expectation;
mod inject;
mod listeners;
mod random;
mod report;
mod run;
mod strangers;

pub use address_path::{AddressPath, option};
pub use report::Report;
pub use run::{Options, run};
pub use strangers::Strangers;
