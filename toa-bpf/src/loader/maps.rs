//! The layouts of `bpf/maps.h`.
#![expect(
    unsafe_code,
    reason = "aya's marker for plain old data is an unsafe trait"
)]

use aya::Pod;

use crate::Config;

const VERSION_LEN: usize = 16;

/// `struct toa_config`
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub(crate) struct RawConfig {
    kinds: [u64; 4],
    trust_any: u8,
    peername: u8,
    zero: [u8; 6],
    version: [u8; VERSION_LEN],
}
const _: () = assert!(size_of::<RawConfig>() == 56);

// SAFETY: repr(C) without padding, and any bytes are a valid value.
unsafe impl Pod for RawConfig {}

impl RawConfig {
    pub(crate) fn new(config: &Config) -> Self {
        let mut kinds = [0; 4];
        for kind in config.kinds.iter() {
            kinds[usize::from(kind >> 6)] |= 1 << (kind & 63);
        }
        let mut version = [0; VERSION_LEN];
        for (to, from) in version.iter_mut().zip(env!("CARGO_PKG_VERSION").bytes()) {
            *to = from;
        }
        Self {
            kinds,
            trust_any: config.trusted.is_any().into(),
            peername: config.peername.into(),
            zero: [0; 6],
            version,
        }
    }

    pub(crate) fn kinds(&self) -> Vec<u8> {
        (0..=u8::MAX)
            .rev()
            .filter(|kind| self.kinds[usize::from(kind >> 6)] & 1 << (kind & 63) != 0)
            .collect()
    }

    pub(crate) const fn trust_any(&self) -> bool {
        self.trust_any != 0
    }

    pub(crate) const fn peername(&self) -> bool {
        self.peername != 0
    }

    pub(crate) fn version(&self) -> String {
        let used = self
            .version
            .iter()
            .position(|&b| b == 0)
            .unwrap_or(VERSION_LEN);
        String::from_utf8_lossy(&self.version[..used]).into_owned()
    }
}
