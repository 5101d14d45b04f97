//! `cargo run --release -p toa-bench`: measures, and writes docs/benchmarks.md.

pub mod section;

fn main() {}
