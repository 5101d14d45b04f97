//! The kinds of trouble, for programs: the sentences may change, these names stay.

use std::fmt;

use serde::Serialize;

/// Something that is wrong.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Problem {
    pub(crate) kind: ProblemKind,
    /// A sentence for people, with what to do.
    pub(crate) text: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

macro_rules! kinds {
    ($($(#[$doc:meta])* $name:ident = $text:literal,)*) => {
        /// What kind of trouble it is.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
        pub(crate) enum ProblemKind {
            $($(#[$doc])* #[serde(rename = $text)] $name,)*
        }

        impl ProblemKind {
            /// Each of them.
            pub(crate) const ALL: &[Self] = &[$(Self::$name,)*];

            /// Its name, in JSON and in metrics.
            pub(crate) const fn as_str(self) -> &'static str {
                match self { $(Self::$name => $text,)* }
            }

            pub(super) const fn told(self, text: String) -> Problem {
                Problem { kind: self, text }
            }
        }
    };
}

kinds! {
    /// No source is loaded.
    NoSource = "no_source",
    /// One is loaded, and does not cover what was asked about.
    NotCovered = "not_covered",
    /// A module and an eBPF source are loaded.
    TwoSources = "two_sources",
    /// A third party's module answers.
    ThirdParty = "third_party",
    /// The cgroup that a source covered was removed.
    CgroupGone = "cgroup_gone",
    /// A load ended half way.
    Interrupted = "interrupted",
    /// A source ends with a process, such as a demo.
    EndsWithProcess = "ends_with_process",
    /// A source was loaded by another version of this command.
    OtherVersion = "other_version",
    /// Everybody's option is believed.
    StrangersTrusted = "strangers_trusted",
    /// No connection brought an address.
    NoAddresses = "no_addresses",
    /// Options of a kind or format that the source does not read.
    NotRead = "not_read",
    /// Options of peers that are not trusted.
    Untrusted = "untrusted",
    /// Options that say nothing that can be.
    Invalid = "invalid",
    /// Options that no balancer can have written.
    Implausible = "implausible",
    /// Options that came only after the handshake.
    Late = "late",
    /// The kernel could not keep an address.
    Lost = "lost",
}
