//! The embedded object: loaded, configured, not yet attached.

use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::path::PathBuf;

use aya::maps::{Array, MapError};
use aya::programs::{Program, ProgramError};
use aya::{Ebpf, EbpfError, EbpfLoader, Pod};

use super::hooks::HOOKS;
use super::maps::{Nets, RawConfig};
use super::quirks::Quirks;
use super::{host, memlock::Memlock};
use crate::{Config, Counters, Error};

static OBJECT: &[u8] = aya::include_bytes_aligned!("../../bpf/toa.bpf.o");

/// Where the maps are pinned that every load shares with the one before, so that open
/// connections keep their address and operators their counters.
#[derive(Debug)]
pub(crate) struct SharedMaps {
    pub(crate) conns: PathBuf,
    pub(crate) virtuals: PathBuf,
    pub(crate) counters: PathBuf,
    /// `toa_table` and `toa_scope` of `bpf/table.h`.
    pub(crate) table: u32,
    pub(crate) scope: u32,
}

#[derive(Debug)]
pub(crate) struct Object(Ebpf);

impl Object {
    /// Value size and number of entries of the maps that loads share.
    pub(crate) const CONNS_LAYOUT: (u32, u32) = (32, 0);
    pub(crate) const VIRTUALS_LAYOUT: (u32, u32) = (20, 0);
    pub(crate) const COUNTERS_LAYOUT: (u32, u32) = (8, Counters::COUNT);

    /// Loads a new set of programs. What `shared` names is shared with earlier sets.
    pub(crate) fn load(config: &Config, shared: Option<&SharedMaps>) -> Result<Self, Error> {
        host::check()?;
        let _raised = Memlock::raise();
        let nets = Nets::of(&config.trusted);
        let quirks = Quirks::of_this_kernel();
        let (table, scope) = shared.map_or((0, 0), |shared| (shared.table, shared.scope));
        let btf = quirks.btf();
        let sees_others = u8::from(btf.is_some());
        let mut loader = EbpfLoader::new();
        loader
            .btf(btf.as_ref())
            .override_global("toa_copies_failures", &quirks.copies_failures, true)
            .override_global("toa_refuses_large", &quirks.refuses_large, true)
            .override_global("toa_table", &table, true)
            .override_global("toa_scope", &scope, true)
            .override_global("toa_sees_others", &sees_others, true)
            .map_max_entries("toa_trusted4", nets.v4.len().max(1) as u32)
            .map_max_entries("toa_trusted6", nets.v6.len().max(1) as u32);
        if let Some(shared) = shared {
            loader.map_pin_path("toa_conns", shared.conns.as_path());
            loader.map_pin_path("toa_virtuals", shared.virtuals.as_path());
            loader.map_pin_path("toa_counters", shared.counters.as_path());
        }
        let mut this = Self(loader.load(OBJECT).map_err(load_error)?);
        this.configure(config, &nets)?;
        for hook in HOOKS {
            this.load_program(hook.program)?;
        }
        Ok(this)
    }

    fn configure(&mut self, config: &Config, nets: &Nets) -> Result<(), Error> {
        self.fill("toa_config", &[RawConfig::new(config)])?;
        self.fill("toa_trusted4", &nets.v4)?;
        self.fill("toa_trusted6", &nets.v6)
    }

    fn fill<T: Pod>(&mut self, map: &'static str, values: &[T]) -> Result<(), Error> {
        let mut array =
            Array::<_, T>::try_from(self.0.map_mut(map).expect("the object has this map"))
                .map_err(|e| map_error(map, e))?;
        for (index, value) in (0..).zip(values) {
            array.set(index, value, 0).map_err(|e| map_error(map, e))?;
        }
        Ok(())
    }

    fn load_program(&mut self, name: &'static str) -> Result<(), Error> {
        let loaded = match self
            .0
            .program_mut(name)
            .expect("the object has this program")
        {
            Program::SockOps(program) => program.load(),
            Program::CgroupSockopt(program) => program.load(),
            Program::CgroupSockAddr(program) => program.load(),
            _ => unreachable!("the object has programs of these types only"),
        };
        loaded.map_err(|error| program_error(name, error))
    }

    pub(crate) fn program(&self, name: &'static str) -> Result<BorrowedFd<'_>, Error> {
        let program = self.0.program(name).expect("the object has this program");
        program
            .fd()
            .map(AsFd::as_fd)
            .map_err(|error| program_error(name, error))
    }
}

pub(crate) fn map_error(map: &'static str, error: MapError) -> Error {
    Error::Map {
        map,
        source: error.into(),
    }
}

fn refused(what: String, source: io::Error) -> Option<Error> {
    match source.raw_os_error()? {
        libc::EPERM if Memlock::is_charged() => Some(Error::MemoryLimit { what, source }),
        libc::EPERM | libc::EACCES => Some(Error::BpfForbidden { what, source }),
        libc::ENOSYS => Some(Error::BpfDisabled { source }),
        _ => None,
    }
}

pub(crate) fn load_error(error: EbpfError) -> Error {
    if let EbpfError::MapError(MapError::CreateError { name, io_error }) = &error
        && let Some(code) = io_error.raw_os_error()
        && let Some(error) = refused(
            format!("the map {name}"),
            io::Error::from_raw_os_error(code),
        )
    {
        return error;
    }
    Error::ObjectLoad {
        source: error.into(),
    }
}

/// How much of a verifier's log is shown: the reason stands at its end.
const LOG_LINES: usize = 12;

pub(crate) fn program_error(program: &'static str, error: ProgramError) -> Error {
    let ProgramError::LoadError {
        io_error,
        verifier_log,
    } = error
    else {
        return Error::ObjectLoad {
            source: error.into(),
        };
    };
    let log = verifier_log.to_string();
    if !log.trim().is_empty() {
        return Error::ProgramRejected {
            program,
            log: last_lines(&log),
            source: io_error,
        };
    }
    // Without a log it was not the verifier that refused.
    let code = io_error.raw_os_error();
    if code == Some(libc::EINVAL) {
        return Error::BpfDisabled { source: io_error };
    }
    let again = io::Error::from_raw_os_error(code.unwrap_or_default());
    refused(format!("the program {program}"), again).unwrap_or_else(|| Error::ObjectLoad {
        source: io_error.into(),
    })
}

fn last_lines(log: &str) -> String {
    let lines: Vec<&str> = log.trim_end().lines().collect();
    lines[lines.len().saturating_sub(LOG_LINES)..].join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_of_a_long_verifier_log_is_shown() {
        let log: String = (0..100).map(|i| format!("line {i}\n")).collect();
        let shown = last_lines(&log);
        assert!(
            shown.starts_with("line 88\n") && shown.ends_with("line 99"),
            "{shown}"
        );
        assert_eq!(last_lines("short\n"), "short");
    }
}
