//! A packet storm against the live kernel: random and mutated segments of all
//! kinds, with the source loaded, in a network namespace of their own. Whatever
//! connection comes of them is judged by toa-core's own reading of the segment
//! that completed it.

mod chaos;
mod gusts;
mod judge;
mod kernel;
pub mod packet;
mod report;
mod run;
mod side;
mod town;

pub use report::Report;
pub use run::{Options, run};
pub use side::{Side, option};
