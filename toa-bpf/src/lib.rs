//! The eBPF source of TOA addresses and its loader.
//!
//! ```no_run
//! use toa_bpf::{Config, attach};
//!
//! let balancers = "10.1.0.0/16".parse()?;
//! let source = attach(&Config::new(balancers))?; // answers until it is dropped
//! println!("{:?}", source.status()?.counters);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! [`attach`] is for demos and tests: the source goes with the process, also when
//! that is killed. [`load`] is for hosts: it pins the source below /sys/fs/bpf, where
//! it stays until [`unload`] or a reboot.
//!
//! Loading needs Linux 5.10, cgroup v2 and root (for [`attach`] CAP_BPF, CAP_PERFMON
//! and CAP_NET_ADMIN are enough); asking for the address needs nothing. No clang, no kernel headers and no BTF of
//! the kernel are needed: the compiled program travels in this crate, and one
//! object serves all kernels.
//!
//! # Why aya
//!
//! Both were tried against all that is needed. libbpf-rs 0.27 loads the object, attaches
//! and pins all four programs by itself, but wants a C compiler and the headers of libelf
//! and zlib to build, and both libraries wherever the result runs. aya 0.14 is Rust alone;
//! the calls it lacks for cgroup links (create, pin, replace, look at) are a few lines
//! around bpf(2), and going that way treats all four programs alike.
//!
//! # What it costs others
//!
//! While a getsockopt program is attached, each getsockopt call of the covered
//! processes takes some 0.4 us longer. [`Config::with_cgroup`] confines that to the
//! services that need it.

mod config;
mod connection;
mod diagnosis;
mod error;
mod event;
mod status;

#[cfg(all(target_os = "linux", target_endian = "little"))]
#[path = "loader/mod.rs"]
mod imp;
#[cfg(not(all(target_os = "linux", target_endian = "little")))]
#[path = "unsupported.rs"]
mod imp;

pub use config::Config;
pub use connection::{Connection, ConnectionState, Judgement};
pub use diagnosis::{Recent, Unread, UnreadReason};
pub use error::Error;
pub use event::{Event, What};
pub use imp::{
    Attached, Connections, Pins, Watch, answering_program, attach, cgroup_programs, connections,
    watch,
};
pub use status::{CgroupProgram, Counters, Lifetime, Loaded, ProgramStatus, Scope, Status};

/// Loads the source so that it outlives this process; see [`Pins::load`].
///
/// # Errors
/// When the host lacks something; the error says what, and the cure.
pub fn load(config: &Config) -> Result<Loaded, Error> {
    Pins::default().load(config)
}

/// Removes all loaded sources; says whether there were any. See [`Pins::unload`].
///
/// # Errors
/// When something cannot be removed.
pub fn unload() -> Result<bool, Error> {
    Pins::default().unload()
}

/// All sources that the kernel has, whoever loaded them. See [`Pins::sources`].
///
/// # Errors
/// When the kernel does not tell; it needs CAP_SYS_ADMIN.
pub fn status() -> Result<Vec<Status>, Error> {
    Pins::default().sources()
}
