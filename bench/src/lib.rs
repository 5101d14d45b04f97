//! Measures what TOA costs: `cargo run --release -p toa-bench`.

mod accept;
mod app;
pub mod child;
mod interleaved;
mod load;
mod methods;
pub mod options;
pub mod parts;
mod process;
pub mod report;
mod request;
mod sandbox;
pub mod section;
pub mod source;
mod spread;
mod system_calls;
mod tools;
