//! The source, loaded and unloaded repeatedly.

use std::cell::{Cell, RefCell};
use std::collections::BTreeSet;
use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context;
use toa_bpf::{Attached, Config};
use toa_core::TrustedPeers;

use super::expectation::SourceState;

/// How long a program may still run on another CPU after it was detached.
const GRACE: Duration = Duration::from_millis(100);

#[derive(Debug)]
pub(crate) struct Source {
    cgroup: PathBuf,
    attached: RefCell<Option<Attached>>,
    epoch: Cell<u64>,
    loaded: Cell<Option<bool>>,
    /// A socket outside the cgroup: only another source would answer for it.
    probe: TcpListener,
    foreign: Cell<bool>,
    programs: RefCell<BTreeSet<u32>>,
    maps: RefCell<BTreeSet<u32>>,
    loads: Cell<u64>,
    counted: Cell<Counted>,
}

/// The counters, summed over all loads.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Counted {
    pub(crate) found: u64,
    pub(crate) untrusted: u64,
    pub(crate) invalid: u64,
    pub(crate) store_failed: u64,
}

impl Source {
    pub(crate) fn new(cgroup: &Path) -> anyhow::Result<Self> {
        Ok(Self {
            cgroup: cgroup.to_owned(),
            attached: RefCell::default(),
            epoch: Cell::new(0),
            loaded: Cell::new(None),
            probe: TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
                .context("cannot open a socket to ask for a source with")?,
            foreign: Cell::new(false),
            programs: RefCell::default(),
            maps: RefCell::default(),
            loads: Cell::new(0),
            counted: Cell::default(),
        })
    }

    pub(crate) fn state(&self) -> SourceState {
        SourceState {
            epoch: self.epoch.get(),
            loaded: self.loaded.get().filter(|_| !self.foreign.get()),
        }
    }

    pub(crate) fn loads(&self) -> u64 {
        self.loads.get()
    }

    pub(crate) fn counted(&self) -> Counted {
        self.counted.get()
    }

    pub(crate) async fn load(&self) -> anyhow::Result<()> {
        self.now(None);
        let config = Config::new(TrustedPeers::private()).with_cgroup(&self.cgroup);
        // The verifier takes long; connections go on meanwhile.
        let attached = tokio::task::spawn_blocking(move || toa_bpf::attach(&config)).await??;
        let programs = attached.status()?.programs;
        self.programs
            .borrow_mut()
            .extend(programs.iter().map(|program| program.program_id));
        self.note_maps();
        self.attached.replace(Some(attached));
        self.loads.set(self.loads.get() + 1);
        self.now(Some(true));
        Ok(())
    }

    pub(crate) async fn unload(&self) -> anyhow::Result<()> {
        self.now(None);
        if let Some(attached) = self.attached.take() {
            let counters = attached.status()?.counters;
            let mut counted = self.counted.get();
            counted.found += counters.syn_recv_sock_toa;
            counted.untrusted += counters.untrusted;
            counted.invalid += counters.invalid;
            counted.store_failed += counters.store_failed;
            self.counted.set(counted);
            drop(attached);
        }
        tokio::time::sleep(GRACE).await;
        self.now(Some(false));
        Ok(())
    }

    /// Looks for another source, attached above our cgroup. While there is one, no state of
    /// ours is certain.
    pub(crate) fn detect_other_source(&self) -> bool {
        let there = toa_core::source_info(&self.probe).is_ok();
        if self.foreign.replace(there) != there {
            self.epoch.set(self.epoch.get() + 1);
        }
        there
    }

    /// How many programs and maps of all loads are still in the kernel.
    pub(crate) fn objects(&self) -> usize {
        let (programs, maps) = (self.programs.borrow(), self.maps.borrow());
        let alive = aya::programs::loaded_programs()
            .flatten()
            .filter(|program| programs.contains(&program.id()))
            .count();
        let alive_maps = aya::maps::loaded_maps()
            .flatten()
            .filter(|map| maps.contains(&map.id()))
            .count();
        alive + alive_maps
    }

    fn note_maps(&self) {
        let programs = self.programs.borrow();
        let maps = aya::programs::loaded_programs()
            .flatten()
            .filter(|program| programs.contains(&program.id()))
            .filter_map(|program| program.map_ids().ok().flatten())
            .flatten();
        self.maps.borrow_mut().extend(maps);
    }

    fn now(&self, loaded: Option<bool>) {
        self.epoch.set(self.epoch.get() + 1);
        self.loaded.set(loaded);
    }
}
