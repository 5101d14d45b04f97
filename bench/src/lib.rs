//! Measures what TOA costs: `cargo run --release -p toa-bench`.

mod accept;
mod app;
pub mod child;
mod load;
mod methods;
pub mod options;
mod process;
pub mod report;
mod request;
mod sandbox;
pub mod section;
pub mod source;
mod spread;
mod system_calls;
mod turns;
mod watch;
