//! Families of series as the text that Prometheus reads.

use std::fmt;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric, prometheus_text};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::registry::Registry;

/// The labels of one series.
pub(super) type Labels = Vec<(&'static str, String)>;

/// Series of one name, in the order in which they are shown.
#[derive(Debug)]
pub(super) struct Family {
    /// Without the `_total` that a counter gets.
    pub(super) name: &'static str,
    /// A sentence without its full stop.
    pub(super) help: &'static str,
    pub(super) kind: Kind,
    pub(super) series: Vec<(Labels, u64)>,
}

#[derive(Clone, Copy, Debug)]
pub(super) enum Kind {
    Counter,
    Gauge,
}

/// The Prometheus text format, version 0.0.4.
pub(super) fn text(families: Vec<Family>) -> String {
    let mut registry = Registry::default();
    registry.register_collector(Box::new(Families(families)));
    let mut text = String::new();
    prometheus_text::encode(&mut text, &registry).expect("a String takes what it is given");
    text
}

/// What the kernel told at one time, so none of it is kept for the next.
#[derive(Debug)]
struct Families(Vec<Family>);

impl Collector for Families {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        for family in self.0.iter().filter(|family| !family.series.is_empty()) {
            family.encode(&mut encoder)?;
        }
        Ok(())
    }
}

impl Family {
    fn encode(&self, encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
        let kind = match self.kind {
            Kind::Counter => MetricType::Counter,
            Kind::Gauge => MetricType::Gauge,
        };
        let help = format!("{}.", self.help);
        let mut family = encoder.encode_descriptor(self.name, &help, None, kind)?;
        for (labels, value) in &self.series {
            let series = family.encode_family(labels)?;
            match self.kind {
                Kind::Counter => ConstCounter::new(*value).encode(series)?,
                Kind::Gauge => {
                    ConstGauge::new(i64::try_from(*value).unwrap_or(i64::MAX)).encode(series)?;
                }
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_help_and_values_stand_as_prometheus_reads_them() {
        let odd = "/a \"b\"\\c\nd".to_owned();
        let families = vec![
            Family {
                name: "toa_things",
                help: "What was counted",
                kind: Kind::Counter,
                series: vec![
                    (vec![("cgroup", odd), ("outcome", "toa".to_owned())], 2),
                    (vec![], u64::MAX),
                ],
            },
            Family {
                name: "toa_nothing",
                help: "A family without series",
                kind: Kind::Gauge,
                series: Vec::new(),
            },
            Family {
                name: "toa_up",
                help: "Whether",
                kind: Kind::Gauge,
                series: vec![(vec![], 0)],
            },
        ];
        assert_eq!(
            text(families),
            "# HELP toa_things_total What was counted.\n\
             # TYPE toa_things_total counter\n\
             toa_things_total{cgroup=\"/a \\\"b\\\"\\\\c\\nd\",outcome=\"toa\"} 2\n\
             toa_things_total 18446744073709551615\n\
             # HELP toa_up Whether.\n\
             # TYPE toa_up gauge\n\
             toa_up 0\n"
        );
    }
}
