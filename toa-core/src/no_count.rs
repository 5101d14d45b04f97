//! Without the feature `metrics` nothing is counted and nothing is spent.

use crate::client_addr::Provenance;

pub(crate) const fn connection(_: Provenance) {}
