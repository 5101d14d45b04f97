//! The eBPF source of TOA addresses and its loader.
