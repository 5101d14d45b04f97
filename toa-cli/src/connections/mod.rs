//! What `toa list` and `toa watch` have in common: connections, which of them are wanted, whose
//! they are, and how they are shown.

pub(crate) mod filter;
pub(crate) mod process;
pub(crate) mod row;
