//! The command line, and the parts of the report that it names.

use clap::{Parser, ValueEnum};

use crate::child::Role;
use crate::options::Options;
use crate::section::Section;
use crate::{accept, methods, request, source, system_calls};

/// Measures what TOA costs. Without PART it measures everything and writes
/// docs/benchmarks.md; with it, it prints the figures of these parts.
///
/// Needs root, cgroup v2, strace and valgrind. It works in a network namespace and
/// cgroups of its own, which it removes.
#[derive(Debug, Parser)]
#[command(args_conflicts_with_subcommands = true)]
pub struct Arguments {
    /// What to measure.
    #[arg(value_enum)]
    pub parts: Vec<Part>,
    /// How.
    #[command(flatten)]
    pub options: Options,
    /// What a process started by this one does.
    #[command(subcommand)]
    pub role: Option<Role>,
}

/// A part of the report.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Part {
    /// New connections per second, axum and actix.
    Accept,
    /// System calls per connection.
    SystemCalls,
    /// Requests per second.
    Request,
    /// Layer and extractor alone.
    Layer,
    /// Compared with X-Forwarded-For and PROXY v2.
    Methods,
    /// The eBPF source and the kernel module themselves.
    Source,
}

impl Arguments {
    /// The parts to measure: those named, or all.
    #[must_use]
    pub fn parts(&self) -> &[Part] {
        if self.parts.is_empty() {
            Part::value_variants()
        } else {
            &self.parts
        }
    }
}

impl Part {
    /// Measures it.
    ///
    /// # Errors
    /// When something that it needs is missing; the error says what.
    pub fn measure(self, options: &Options) -> anyhow::Result<Vec<Section>> {
        let section = match self {
            Self::Accept => accept::measure(options),
            Self::SystemCalls => system_calls::measure(options),
            Self::Request => request::measure_rate(options),
            Self::Layer => request::measure_alone(options),
            Self::Methods => methods::measure(options),
            Self::Source => return source::sections(options),
        };
        Ok(vec![section?])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_part_is_measured_when_none_is_named() {
        let arguments = Arguments::try_parse_from(["toa-bench", "--quick"]).expect("valid");
        assert_eq!(arguments.parts(), Part::value_variants());
        let arguments = Arguments::try_parse_from(["toa-bench", "source"]).expect("valid");
        assert_eq!(arguments.parts(), [Part::Source]);
    }
}
