//! A packet storm against the live kernel.

mod ground;
pub mod packet;
mod side;

pub use ground::Ground;
pub use side::{Side, option};
