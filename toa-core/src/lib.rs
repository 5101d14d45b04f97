//! TOA (TCP Option Address): option codec, socket interface, trust and the accept-time lookup.
