//! The toa command: load, unload, status, lb.
fn main() {}
