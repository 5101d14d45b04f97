//! Which families of series there are.

use super::counted::{Counted, GETPEERNAME};
use super::encode::{Family, Kind, Labels};
use crate::status::{ProblemKind, Report, Source};

/// What is known; `None`: nothing is.
pub(super) fn families(report: Option<&Report>) -> Vec<Family> {
    let known = report.is_some_and(|report| super::unknown(report).is_none());
    let mut families = vec![
        gauge(
            "toa_build_info",
            "The version of this command",
            vec![(label("version", env!("CARGO_PKG_VERSION")), 1)],
        ),
        gauge(
            "toa_up",
            "Whether the kernel told all that was asked; if 0, series are missing",
            vec![(vec![], known.into())],
        ),
    ];
    let Some(report) = report else {
        return families;
    };
    families.push(answers(report));
    families.extend(of_sources(&Counted::all(report)));
    // Of what is not known nothing can be wrong or right.
    if known {
        families.push(problems(report));
    }
    families
}

fn answers(report: &Report) -> Family {
    let sources = [Source::Ebpf, Source::Module, Source::ThirdParty].into_iter();
    gauge(
        "toa_source_answers",
        "Whether this source answers the sockets of this command, or of its --cgroup",
        sources
            .map(|source| {
                let is_it = report.answers == Some(source);
                (label("source", source.as_str()), is_it.into())
            })
            .collect(),
    )
}

fn problems(report: &Report) -> Family {
    let count = |kind| {
        let problems = report.problems.iter();
        problems.filter(|problem| problem.kind == kind).count()
    };
    gauge(
        "toa_problems",
        "What `toa status` finds wrong, by the name that it has in its JSON",
        ProblemKind::ALL
            .iter()
            .map(|&kind| (label("problem", kind.as_str()), count(kind) as u64))
            .collect(),
    )
}

fn of_sources(sources: &[Counted]) -> [Family; 9] {
    let of_each = |value: &dyn Fn(&Counted) -> Option<u64>| {
        let values = sources.iter();
        values
            .filter_map(|source| Some((source.labels.clone(), value(source)?)))
            .collect()
    };
    let info = sources.iter();
    [
        gauge(
            "toa_source_info",
            "A loaded source and its settings",
            info.map(|source| ([&source.labels[..], &source.info].concat(), 1))
                .collect(),
        ),
        gauge(
            "toa_source_loaded_timestamp_seconds",
            "When the source was loaded, in seconds since 1970",
            of_each(&|source| source.since),
        ),
        gauge(
            "toa_source_open_connections",
            "Open connections whose client the source knows",
            of_each(&Counted::open),
        ),
        Family {
            name: "toa_source_connections",
            help: "Accepted connections by what became of the client's address",
            kind: Kind::Counter,
            series: by_label(sources, "outcome", Counted::outcomes),
        },
        Family {
            name: "toa_source_getpeername",
            help: "Calls of getpeername() and accept() by what they showed",
            kind: Kind::Counter,
            series: by_label(sources, "shown", |source| source.by_name(GETPEERNAME)),
        },
        Family {
            name: "toa_source_unread_options",
            help: "Options that gave no address, of the 20 most frequent kinds, reasons and networks",
            kind: Kind::Counter,
            series: sources.iter().flat_map(unread).collect(),
        },
        Family {
            name: "toa_source_late_options",
            help: "Connections without an option to which a trusted peer sent one later",
            kind: Kind::Counter,
            series: of_each(&|source| source.counter(&["late"])),
        },
        Family {
            name: "toa_source_missed_handshakes",
            help: "Handshakes that the hooks of the kernel module did not see",
            kind: Kind::Counter,
            series: of_each(&|source| source.counter(&["probe_missed"])),
        },
        Family {
            name: "toa_source_silent_hooks",
            help: "Self-checks of the kernel module that found a hook silent",
            kind: Kind::Counter,
            series: of_each(&|source| source.counter(&["hooks_silent"])),
        },
    ]
}

fn unread(source: &Counted) -> impl Iterator<Item = (Labels, u64)> {
    source.unread.iter().map(|unread| {
        let mut labels = source.labels.clone();
        labels.extend([
            ("reason", unread.reason.as_str().to_owned()),
            ("kind", unread.kind.to_string()),
            ("length", unread.length.to_string()),
            ("network", unread.network.to_string()),
        ]);
        (labels, unread.count)
    })
}

/// A series for each value of one label more than the source's own.
fn by_label(
    sources: &[Counted],
    label: &'static str,
    values: impl Fn(&Counted) -> Vec<(&'static str, u64)>,
) -> Vec<(Labels, u64)> {
    let of_one = |source| {
        let values = values(source).into_iter();
        let series = values.map(|(value, count)| {
            let mut labels = source.labels.clone();
            labels.push((label, value.to_owned()));
            (labels, count)
        });
        series.collect::<Vec<_>>()
    };
    sources.iter().flat_map(of_one).collect()
}

fn gauge(name: &'static str, help: &'static str, series: Vec<(Labels, u64)>) -> Family {
    Family {
        name,
        help,
        kind: Kind::Gauge,
        series,
    }
}

fn label(name: &'static str, value: &str) -> Labels {
    vec![(name, value.to_owned())]
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use ipnet::Ipv4Net;
    use toa_bpf::{Unread, UnreadReason};

    use super::super::{encode, unknown};
    use super::*;
    use crate::module::Module;
    use crate::module_diagnosis::Diagnosis;
    use crate::repository;

    /// What the kernel module of this project counts.
    const OURS: [(&str, u64); 17] = [
        ("syn_recv_sock_toa", 90),
        ("syn_recv_sock_no_toa", 21),
        ("getname_toa_ok", 80),
        ("getname_toa_mismatch", 2),
        ("getname_toa_bypass", 0),
        ("getname_toa_empty", 7),
        ("ip6_address_alloc", 90),
        ("ip6_address_free", 60),
        ("untrusted", 3),
        ("invalid", 2),
        ("implausible", 1),
        ("alloc_failed", 4),
        ("probe_missed", 5),
        ("hooks_silent", 6),
        ("foreign", 1),
        ("not_sent", 10),
        // Of the eBPF source alone, to have each name in one text.
        ("late", 1),
    ];

    /// As many networks as a stranger likes.
    fn noticed() -> Diagnosis {
        let unread = (0..=255).map(|number: u8| Unread {
            reason: UnreadReason::Untrusted,
            kind: 254,
            length: 8,
            network: Ipv4Net::new([10, 7, number, 0].into(), 24).unwrap().into(),
            count: number.into(),
            last_seen: 0,
            last_peer: [10, 7, number, 1].into(),
        });
        Diagnosis {
            unread: unread.collect(),
            ..Diagnosis::default()
        }
    }

    fn text(answers: Option<Source>, module: Module) -> String {
        encode::text(families(Some(&Report::mock(answers, Some(module)))))
    }

    fn has(text: &str, line: &str) -> bool {
        text.lines().any(|found| found == line)
    }

    #[test]
    fn each_connection_that_the_module_counted_is_in_one_outcome() {
        let text = text(Some(Source::Module), Module::mock(&OURS, None));
        for line in [
            "toa_up 1",
            "toa_source_answers{source=\"module\"} 1",
            "toa_source_open_connections{source=\"module\",cgroup=\"/\"} 30",
            "toa_source_connections_total{source=\"module\",cgroup=\"/\",outcome=\"not_sent\"} 10",
            "toa_source_connections_total{source=\"module\",cgroup=\"/\",outcome=\"lost\"} 4",
            "toa_source_getpeername_total{source=\"module\",cgroup=\"/\",shown=\"family_mismatch\"} 2",
            "toa_source_missed_handshakes_total{source=\"module\",cgroup=\"/\"} 5",
            "toa_source_silent_hooks_total{source=\"module\",cgroup=\"/\"} 6",
        ] {
            assert!(has(&text, line), "{line}: {text}");
        }
        let connections = text
            .lines()
            .filter(|line| line.starts_with("toa_source_connections_total"));
        let counts =
            connections.map(|line| line.rsplit(' ').next().unwrap().parse::<u64>().unwrap());
        assert_eq!(counts.sum::<u64>(), 90 + 21);
    }

    #[test]
    fn networks_of_unread_options_are_bounded_in_number() {
        let text = text(Some(Source::Module), Module::mock(&OURS, Some(noticed())));
        let name = "toa_source_unread_options_total{source=\"module\",cgroup=\"/\",";
        let labels = "reason=\"untrusted\",kind=\"254\",length=\"8\"";
        let line = format!("{name}{labels},network=\"10.7.255.0/24\"}} 255");
        assert!(has(&text, &line), "{text}");
        assert_eq!(text.matches(name).count(), 20);
    }

    #[test]
    fn a_third_partys_module_has_no_reasons_and_none_are_made_up() {
        let text = text(Some(Source::ThirdParty), Module::mock(&OURS[..8], None));
        let labels = "source=\"third-party\",cgroup=\"/\"";
        for line in [
            format!("toa_source_connections_total{{{labels},outcome=\"toa\"}} 90"),
            format!("toa_source_connections_total{{{labels},outcome=\"no_address\"}} 21"),
        ] {
            assert!(has(&text, &line), "{line}: {text}");
        }
        assert!(!text.contains("not_sent"), "{text}");
    }

    #[test]
    fn a_module_whose_counters_cannot_be_read_is_not_called_well() {
        let report = Report::mock(Some(Source::Module), Some(Module::mock(&[], None)));
        assert!(unknown(&report).unwrap().contains("/proc/net/toa_stats"));
        let text = encode::text(families(Some(&report)));
        assert!(has(&text, "toa_up 0"), "{text}");
        assert!(!text.contains("toa_problems"), "{text}");
        assert!(!text.contains("toa_source_connections_total"), "{text}");
    }

    fn names(text: &str) -> BTreeSet<String> {
        let is_part = |c: char| c.is_ascii_lowercase() || c == '_';
        let words = text.split(|c| !is_part(c));
        words
            .filter(|word| word.starts_with("toa_"))
            .map(str::to_owned)
            .collect()
    }

    #[test]
    fn alerts_dashboard_and_guide_speak_of_series_that_there_are() {
        let Some(root) = repository::root() else {
            return;
        };
        let packaged = |path| repository::read(&root, path);
        let served = text(Some(Source::Module), Module::mock(&OURS, Some(noticed())));
        let served: BTreeSet<String> = served
            .lines()
            .filter_map(|line| line.strip_prefix("# TYPE "))
            .filter_map(|line| Some(line.split_once(' ')?.0.to_owned()))
            .collect();
        for path in [
            "packaging/prometheus/alerts.yml",
            "packaging/prometheus/alerts_test.yml",
            "packaging/grafana/toa.json",
        ] {
            let used = names(&packaged(path));
            let unknown: Vec<_> = used.difference(&served).collect();
            assert!(unknown.is_empty(), "{path} asks for {unknown:?}");
        }
        for path in ["docs/monitoring.md", "docs/monitoring.zh-CN.md"] {
            let told = names(&packaged(path));
            let untold: Vec<_> = served.difference(&told).collect();
            assert!(untold.is_empty(), "{path} does not tell of {untold:?}");
            for kind in ProblemKind::ALL {
                let row = format!("| `{}` |", kind.as_str());
                assert!(packaged(path).contains(&row), "{path} has no row {row}");
            }
        }
    }
}
