//! The formats: how each balancer writes a client's address into a TCP option.
//!
//! An option is read by kind **and** length. A [`Layout`] is what the bytes of one
//! length mean; a [format](OptionFormat) is what operators name, a set of layouts under
//! their kinds. Both tables stand here alone: `include/toa_formats.h`, which the eBPF
//! program and the kernel module are built with, is made from them.

use std::fmt;
use std::str::FromStr;

/// What the bytes of an option of one length mean. Offsets count from the option's kind
/// byte; ports and addresses are in network order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
#[non_exhaustive]
pub enum Layout {
    /// Port, IPv4 address.
    Toa4,
    /// Port, IPv6 address.
    Toa6,
    /// Port, IPv4 address, virtual network, virtual IPv4 address and port, padding.
    Vtoa4,
    /// Virtual port and IPv4 address alone, beside a [`Toa4`](Self::Toa4).
    Vip4,
    /// Port, IPv6 address, virtual network, virtual IPv6 address.
    Vtoa6,
    /// Version 1, IPv4 address.
    Cip4,
    /// Version 1, IPv6 address.
    Cip6,
    /// Port, IPv4 address, padding, virtual port and IPv4 address.
    Ttgw,
}

/// Where the fields of a layout are; 0 for one that it has not.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Fields {
    pub(crate) len: u8,
    pub(crate) port: u8,
    pub(crate) addr: u8,
    pub(crate) virtual_port: u8,
    pub(crate) virtual_addr: u8,
    /// Bytes of each address.
    pub(crate) addr_len: u8,
    /// What the byte behind the length must be.
    pub(crate) version: u8,
}

impl Layout {
    pub(crate) const ALL: [Self; 8] = [
        Self::Toa4,
        Self::Toa6,
        Self::Vtoa4,
        Self::Vip4,
        Self::Vtoa6,
        Self::Cip4,
        Self::Cip6,
        Self::Ttgw,
    ];

    pub(crate) const fn fields(self) -> Fields {
        let [
            len,
            port,
            addr,
            virtual_port,
            virtual_addr,
            addr_len,
            version,
        ] = match self {
            Self::Toa4 => [8, 2, 4, 0, 0, 4, 0],
            Self::Toa6 => [20, 2, 4, 0, 0, 16, 0],
            Self::Vtoa4 => [20, 2, 4, 16, 12, 4, 0],
            Self::Vip4 => [8, 0, 0, 2, 4, 4, 0],
            Self::Vtoa6 => [40, 2, 4, 0, 24, 16, 0],
            Self::Cip4 => [7, 0, 3, 0, 0, 4, 1],
            Self::Cip6 => [19, 0, 3, 0, 0, 16, 1],
            Self::Ttgw => [16, 2, 4, 10, 12, 4, 0],
        };
        Fields {
            len,
            port,
            addr,
            virtual_port,
            virtual_addr,
            addr_len,
            version,
        }
    }

    /// The length of the option, its kind and length bytes included.
    #[must_use]
    pub const fn option_len(self) -> usize {
        self.fields().len as usize
    }

    pub(crate) const fn bit(self) -> u16 {
        1 << self as u8
    }
}

/// One way to write a client's address, by the name that operators use.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum OptionFormat {
    /// `toa`: kinds 254, 253 and 200 with 8 bytes for IPv4 and 20 for IPv6. LVS, iQIYI
    /// DPVS, Huawei, Tencent and UCloud.
    Toa,
    /// `vtoa`: 252 with 20 bytes, 249 with 40, and 250 with 8 beside 254 with 8. Alibaba.
    Vtoa,
    /// `cip`: 28 with 7 or 19 bytes, without a port. NetScaler, Akamai, Alibaba's CDN.
    Cip,
    /// `ttgw`: 254 with 16 bytes, as discussed at iqiyi/dpvs PR 746.
    Ttgw,
    /// `toa@KIND`: the layouts of `toa` under one other kind.
    ToaAt(u8),
}

impl OptionFormat {
    /// Those with a name of their own.
    pub const NAMED: [Self; 4] = [Self::Toa, Self::Vtoa, Self::Cip, Self::Ttgw];

    /// Whether it reads options of this kind and length.
    #[must_use]
    pub fn reads(self, kind: u8, len: usize) -> bool {
        let bindings = self.bindings();
        let mut of_kind = bindings.iter().filter(|(bound, _)| *bound == kind);
        of_kind.any(|(_, layout)| layout.option_len() == len)
    }

    /// The layouts that it is made of, each with its kind.
    fn bindings(self) -> Vec<(u8, Layout)> {
        use Layout::{Cip4, Cip6, Toa4, Toa6, Ttgw, Vip4, Vtoa4, Vtoa6};
        let toa_at = |kind| [(kind, Toa4), (kind, Toa6)];
        match self {
            Self::Toa => TOA_KINDS.into_iter().flat_map(toa_at).collect(),
            Self::Vtoa => vec![(252, Vtoa4), (254, Toa4), (KIND_VIP, Vip4), (249, Vtoa6)],
            Self::Cip => vec![(28, Cip4), (28, Cip6)],
            Self::Ttgw => vec![(254, Ttgw)],
            Self::ToaAt(kind) => toa_at(kind).into(),
        }
    }
}

/// The kind of [`Layout::Vip4`].
pub(crate) const KIND_VIP: u8 = 250;

/// The kinds of [`OptionFormat::Toa`].
const TOA_KINDS: [u8; 3] = [254, 253, 200];

/// Kinds with a standard meaning in segments that reach an open connection, from
/// the IANA registry "TCP Option Kind Numbers": an address read out of one of
/// them would be made of something else.
pub(crate) const ASSIGNED_KINDS: [u8; 13] = [0, 1, 2, 3, 4, 5, 8, 19, 28, 29, 30, 34, 69];

/// Why a set of formats was refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ParseOptionFormatsError {
    /// Not the name of a format.
    #[error(
        "{0:?} is not a format: write toa, vtoa, cip or ttgw, or toa@KIND with a tcp option kind from 0 to 255, such as toa@200"
    )]
    Unknown(String),
    /// `toa@KIND` with a kind that means something else in TCP.
    #[error(
        "tcp option kind {0} has a standard meaning: use the kind your balancer sends, such as toa@254"
    )]
    Assigned(u8),
    /// Two formats that would read the same bytes differently.
    #[error(
        "two of these formats read kind {kind} with length {len}, each in its own way: give the one that your balancer sends"
    )]
    Ambiguous {
        /// The kind that both are under.
        kind: u8,
        /// The length that both have.
        len: usize,
    },
    /// No format at all: nothing could ever be found.
    #[error("no format given: give at least one, such as toa")]
    Empty,
}

/// The formats that are read, in one pass: a mask of layouts for each option kind.
///
/// ```
/// use toa_core::OptionFormats;
///
/// let formats: OptionFormats = "toa,cip".parse()?;
/// assert_eq!(formats.to_string(), "toa,cip");
/// assert!("vtoa,toa@252".parse::<OptionFormats>().is_err()); // 252 with 20 bytes, twice
/// # Ok::<(), toa_core::ParseOptionFormatsError>(())
/// ```
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct OptionFormats {
    by_kind: [u16; 256],
}

impl OptionFormats {
    /// A set of these formats.
    ///
    /// # Errors
    /// When there is none, two read the same bytes differently, or a kind of
    /// [`ToaAt`](OptionFormat::ToaAt) has a standard meaning in TCP.
    pub fn new(
        formats: impl IntoIterator<Item = OptionFormat>,
    ) -> Result<Self, ParseOptionFormatsError> {
        let mut set = Self { by_kind: [0; 256] };
        for format in formats {
            if let OptionFormat::ToaAt(kind) = format
                && ASSIGNED_KINDS.contains(&kind)
            {
                return Err(ParseOptionFormatsError::Assigned(kind));
            }
            for (kind, layout) in format.bindings() {
                let len = layout.option_len();
                if set.layout(kind, len).is_some_and(|other| other != layout) {
                    return Err(ParseOptionFormatsError::Ambiguous { kind, len });
                }
                set.by_kind[usize::from(kind)] |= layout.bit();
            }
        }
        if set.by_kind == [0; 256] {
            Err(ParseOptionFormatsError::Empty)
        } else {
            Ok(set)
        }
    }

    /// From what [`by_kind`](Self::by_kind) gave; `None` when no set of formats has these
    /// masks.
    #[must_use]
    pub fn from_by_kind(by_kind: [u16; 256]) -> Option<Self> {
        let masks = Self { by_kind };
        let set = Self::new(masks.iter()).ok()?;
        (set == masks).then_some(set)
    }

    /// For each option kind the layouts that are read under it, bit n for the layout of
    /// number n in `toa_formats.h`.
    #[must_use]
    pub const fn by_kind(&self) -> &[u16; 256] {
        &self.by_kind
    }

    /// Whether options of this kind are read at all.
    #[must_use]
    pub const fn contains_kind(&self, kind: u8) -> bool {
        self.by_kind[kind as usize] != 0
    }

    /// What an option of this kind and length is read as.
    #[must_use]
    pub fn layout(&self, kind: u8, len: usize) -> Option<Layout> {
        let mask = self.by_kind[usize::from(kind)];
        Layout::ALL
            .into_iter()
            .find(|layout| mask & layout.bit() != 0 && layout.option_len() == len)
    }

    /// The format that an option of this kind and length is read as, the first of several.
    #[must_use]
    pub fn format_of(&self, kind: u8, len: usize) -> Option<OptionFormat> {
        self.iter().find(|format| format.reads(kind, len))
    }

    /// Whether the virtual address may stand in an option of its own.
    pub(crate) fn reads_vip(&self) -> bool {
        self.layout(KIND_VIP, Layout::Vip4.option_len()) == Some(Layout::Vip4)
    }

    /// The formats, as operators list them.
    pub fn iter(&self) -> impl Iterator<Item = OptionFormat> {
        let has = |kind: u8, layout: Layout| self.by_kind[usize::from(kind)] & layout.bit() != 0;
        let is_toa = TOA_KINDS.into_iter().all(|kind| has(kind, Layout::Toa6));
        let at_other_kinds = (0..=u8::MAX)
            .rev()
            .filter(move |kind| has(*kind, Layout::Toa6) && !(is_toa && TOA_KINDS.contains(kind)));
        let named = [
            (OptionFormat::Toa, is_toa),
            (OptionFormat::Vtoa, has(252, Layout::Vtoa4)),
            (OptionFormat::Cip, has(28, Layout::Cip4)),
            (OptionFormat::Ttgw, has(254, Layout::Ttgw)),
        ];
        named
            .into_iter()
            .filter_map(|(format, is_read)| is_read.then_some(format))
            .chain(at_other_kinds.map(OptionFormat::ToaAt))
    }
}

impl Default for OptionFormats {
    /// `toa`.
    fn default() -> Self {
        Self::new([OptionFormat::Toa]).expect("the format is unambiguous")
    }
}

impl fmt::Display for OptionFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Toa => f.write_str("toa"),
            Self::Vtoa => f.write_str("vtoa"),
            Self::Cip => f.write_str("cip"),
            Self::Ttgw => f.write_str("ttgw"),
            Self::ToaAt(kind) => write!(f, "toa@{kind}"),
        }
    }
}

impl FromStr for OptionFormat {
    type Err = ParseOptionFormatsError;

    fn from_str(text: &str) -> Result<Self, ParseOptionFormatsError> {
        let mut named = Self::NAMED.into_iter();
        if let Some(format) = named.find(|format| format.to_string() == text) {
            return Ok(format);
        }
        text.strip_prefix("toa@")
            .filter(|kind| kind.bytes().all(|byte| byte.is_ascii_digit()))
            .and_then(|kind| kind.parse().ok())
            .map(Self::ToaAt)
            .ok_or_else(|| ParseOptionFormatsError::Unknown(text.to_owned()))
    }
}

impl fmt::Debug for OptionFormats {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.iter()).finish()
    }
}

impl fmt::Display for OptionFormats {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, format) in self.iter().enumerate() {
            write!(f, "{}{format}", if i == 0 { "" } else { "," })?;
        }
        Ok(())
    }
}

impl FromStr for OptionFormats {
    type Err = ParseOptionFormatsError;

    /// Names separated by commas; spaces around them, and empty ones, do not matter.
    fn from_str(text: &str) -> Result<Self, ParseOptionFormatsError> {
        let names = text.split(',').map(str::trim);
        let formats = names
            .filter(|name| !name.is_empty())
            .map(str::parse)
            .collect::<Result<Vec<_>, _>>()?;
        Self::new(formats)
    }
}

#[cfg(test)]
mod tests;
