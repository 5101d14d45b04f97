//! A laptop load balancer that inserts TOA, and hand-made TCP peers, for trying and testing.
