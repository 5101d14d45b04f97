//! Measures what TOA costs: `cargo run --release -p toa-bench`.

pub mod child;
pub mod options;
pub mod report;
pub mod section;
pub mod source;
