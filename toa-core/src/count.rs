//! Each connection's outcome, through the `metrics` facade.

use metrics::{Unit, counter, describe_counter};

use crate::client_addr::Provenance;

/// The name of the counter of accepted connections. Its label `outcome` is one of
/// `found`, `none`, `untrusted`, `invalid`, `no_source`, `accept` (a third-party module
/// has put the client into what `accept()` returns) and `failed`.
pub const CONNECTIONS_TOTAL: &str = "toa_connections_total";

/// Gives the counter its help text; call it once a recorder is installed.
pub fn describe_metrics() {
    describe_counter!(
        CONNECTIONS_TOTAL,
        Unit::Count,
        "accepted connections by what became of the client's address"
    );
}

/// Counts one accepted connection.
pub(crate) fn connection(provenance: Provenance) {
    counter!(CONNECTIONS_TOTAL, "outcome" => outcome(provenance)).increment(1);
}

const fn outcome(provenance: Provenance) -> &'static str {
    match provenance {
        Provenance::Toa => "found",
        Provenance::NotSent => "none",
        Provenance::Untrusted => "untrusted",
        Provenance::Invalid => "invalid",
        Provenance::NoSource => "no_source",
        Provenance::Accept => "accept",
        Provenance::Failed(_) => "failed",
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::net::{SocketAddr, TcpListener};
    use std::sync::atomic::{AtomicU64, Ordering};
    use std::sync::{Arc, Mutex};

    use metrics::{
        Counter, CounterFn, Gauge, Histogram, Key, KeyName, Metadata, Recorder, SharedString, Unit,
    };

    use super::*;
    use crate::abi::{INFO_INVALID, INFO_UNTRUSTED, TOA_SO_GET_INFO, TOA_SO_GET_LOOKUP};
    use crate::policy::Policy;
    use crate::resolver::{Resolver, SourceKind};
    use crate::sys::fake;
    use crate::trust::TrustedPeers;

    /// A recorder that keeps counters by their outcome, and help texts by name.
    #[derive(Default)]
    struct Recorded {
        outcomes: Mutex<BTreeMap<String, Arc<Count>>>,
        described: Mutex<Vec<String>>,
    }

    #[derive(Default)]
    struct Count(AtomicU64);

    impl CounterFn for Count {
        fn increment(&self, value: u64) {
            self.0.fetch_add(value, Ordering::Relaxed);
        }

        fn absolute(&self, _: u64) {
            unreachable!("connections are added one by one")
        }
    }

    impl Recorder for Recorded {
        fn describe_counter(&self, name: KeyName, _: Option<Unit>, _: SharedString) {
            self.described
                .lock()
                .unwrap()
                .push(name.as_str().to_owned());
        }

        fn describe_gauge(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

        fn describe_histogram(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

        fn register_counter(&self, key: &Key, _: &Metadata<'_>) -> Counter {
            assert_eq!(key.name(), CONNECTIONS_TOTAL);
            let labels: Vec<_> = key.labels().collect();
            let [label] = labels[..] else {
                panic!("one label: {labels:?}")
            };
            assert_eq!(label.key(), "outcome");
            let mut outcomes = self.outcomes.lock().unwrap();
            let count = outcomes.entry(label.value().to_owned()).or_default();
            Counter::from_arc(Arc::clone(count))
        }

        fn register_gauge(&self, _: &Key, _: &Metadata<'_>) -> Gauge {
            Gauge::noop()
        }

        fn register_histogram(&self, _: &Key, _: &Metadata<'_>) -> Histogram {
            Histogram::noop()
        }
    }

    impl Recorded {
        fn counts(&self) -> Vec<(String, u64)> {
            let outcomes = self.outcomes.lock().unwrap();
            let counts = outcomes.iter();
            counts
                .map(|(outcome, count)| (outcome.clone(), count.0.load(Ordering::Relaxed)))
                .collect()
        }
    }

    fn balancer() -> SocketAddr {
        "10.0.0.9:5000".parse().unwrap()
    }

    /// `struct toa_info` with these flags and no address.
    fn info(flags: u32) -> fake::Reply {
        let mut bytes = vec![0; 48];
        bytes[..2].copy_from_slice(&1u16.to_ne_bytes());
        bytes[4..8].copy_from_slice(&flags.to_ne_bytes());
        Ok(bytes)
    }

    fn lookup() -> fake::Reply {
        Ok([
            &[0x20, 0x01, 0x0d, 0xb8][..],
            &[0; 11],
            &[7, 0xa1, 0x12, 0, 0],
        ]
        .concat())
    }

    #[test]
    fn every_outcome_of_a_connection_is_counted_once_under_its_own_name() {
        use SourceKind::{None, Own, ThirdParty};
        let nobody = Policy::new().with_trusted_peers(TrustedPeers::none());
        let recorded = Recorded::default();
        let socket = TcpListener::bind("127.0.0.1:0").unwrap();
        for (source, policy, name, reply, outcome) in [
            (
                ThirdParty,
                Policy::new(),
                TOA_SO_GET_LOOKUP,
                lookup(),
                "found",
            ),
            (ThirdParty, nobody, TOA_SO_GET_LOOKUP, lookup(), "untrusted"),
            (
                ThirdParty,
                Policy::new(),
                TOA_SO_GET_LOOKUP,
                Err(libc::EFAULT),
                "accept",
            ),
            (
                ThirdParty,
                Policy::new(),
                TOA_SO_GET_LOOKUP,
                Err(libc::EPERM),
                "failed",
            ),
            (Own, Policy::new(), TOA_SO_GET_INFO, info(0), "none"),
            (
                Own,
                Policy::new(),
                TOA_SO_GET_INFO,
                info(INFO_UNTRUSTED),
                "untrusted",
            ),
            (
                Own,
                Policy::new(),
                TOA_SO_GET_INFO,
                info(INFO_INVALID),
                "invalid",
            ),
            (
                None,
                Policy::new(),
                TOA_SO_GET_LOOKUP,
                Err(libc::ENOPROTOOPT),
                "no_source",
            ),
        ] {
            fake::script([(name, reply)]);
            let before = recorded.counts();
            metrics::with_local_recorder(&recorded, || {
                let _ = Resolver::expecting(source, policy).resolve(&socket, balancer());
            });
            let mut expected: BTreeMap<String, u64> = before.into_iter().collect();
            *expected.entry(outcome.to_owned()).or_default() += 1;
            assert_eq!(recorded.counts(), Vec::from_iter(expected), "{outcome}");
        }
    }

    #[test]
    fn a_question_without_a_connection_accepted_is_not_counted() {
        let recorded = Recorded::default();
        let socket = TcpListener::bind("127.0.0.1:0").unwrap();
        metrics::with_local_recorder(&recorded, || {
            let resolver = Resolver::default();
            fake::script([]);
            resolver.detect(&socket);
            let pending = resolver.ask(&socket);
            assert_eq!(recorded.counts(), []);
            let _ = resolver.complete(pending, balancer());
        });
        assert_eq!(recorded.counts(), [("no_source".to_owned(), 1)]);
    }

    #[test]
    fn the_counter_has_a_help_text() {
        let recorded = Recorded::default();
        metrics::with_local_recorder(&recorded, describe_metrics);
        assert_eq!(*recorded.described.lock().unwrap(), [CONNECTIONS_TOTAL]);
    }
}
