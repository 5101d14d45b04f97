//! Each connection's outcome, through the `metrics` facade.

use metrics::{Unit, counter, describe_counter};

use crate::client_addr::Provenance;

/// The name of the counter of accepted connections. Its label `outcome` is the
/// [`Provenance::as_str`] of the connection's client.
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
    counter!(CONNECTIONS_TOTAL, "outcome" => provenance.as_str()).increment(1);
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
    use crate::abi::{
        INFO_IMPLAUSIBLE, INFO_INVALID, INFO_UNTRUSTED, TOA_SO_GET_INFO, TOA_SO_GET_LOOKUP,
    };
    use crate::policy::Policy;
    use crate::resolver::Resolver;
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
    fn every_connection_is_counted_once_under_its_provenance() {
        let nobody = Policy::new().with_trusted_peers(TrustedPeers::none());
        let recorded = Recorded::default();
        let socket = TcpListener::bind("127.0.0.1:0").unwrap();
        let none = Err(libc::ENOPROTOOPT);
        for (policy, replies, outcome) in [
            (Policy::new(), [none.clone(), lookup()], "toa"),
            (nobody, [none.clone(), lookup()], "untrusted"),
            (
                Policy::new(),
                [none.clone(), Err(libc::EFAULT)],
                "from_accept",
            ),
            (Policy::new(), [none.clone(), Err(libc::EPERM)], "failed"),
            (Policy::new(), [info(0), none.clone()], "not_sent"),
            (
                Policy::new(),
                [info(INFO_UNTRUSTED), none.clone()],
                "untrusted",
            ),
            (
                Policy::new(),
                [info(INFO_IMPLAUSIBLE), none.clone()],
                "implausible",
            ),
            (Policy::new(), [info(INFO_INVALID), none.clone()], "invalid"),
            (Policy::new(), [none.clone(), none.clone()], "no_source"),
        ] {
            fake::script(
                [TOA_SO_GET_INFO, TOA_SO_GET_LOOKUP]
                    .into_iter()
                    .zip(replies),
            );
            let before = recorded.counts();
            metrics::with_local_recorder(&recorded, || {
                let resolver = Resolver::new().with_policy(policy);
                let _ = resolver.resolve(&socket, balancer());
            });
            let mut expected: BTreeMap<String, u64> = before.into_iter().collect();
            *expected.entry(outcome.to_owned()).or_default() += 1;
            assert_eq!(recorded.counts(), Vec::from_iter(expected), "{outcome}");
        }
    }

    #[test]
    fn looking_for_the_source_is_not_counted_as_a_connection() {
        let recorded = Recorded::default();
        let socket = TcpListener::bind("127.0.0.1:0").unwrap();
        metrics::with_local_recorder(&recorded, || {
            let resolver = Resolver::new();
            fake::script([]);
            resolver.detect(&socket);
            assert_eq!(recorded.counts(), []);
            let _ = resolver.resolve(&socket, balancer());
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
