//! The table, for people and for programs.

use std::fmt;
use std::net::SocketAddr;

use serde::Serialize;
use toa_core::ClientAddr;

use super::ask::Ask;
use super::cases::Case;
use super::verdict::Verdict;

/// One line of the table.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Row {
    case: &'static str,
    #[serde(skip)]
    what: &'static str,
    pub(super) verdict: Verdict,
    forged: Option<SocketAddr>,
    #[serde(flatten)]
    seen: Option<ClientAddr>,
    /// Why it could not be tried.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'static str>,
    #[serde(skip)]
    ask: Option<Ask>,
}

impl Row {
    pub(super) fn honest(verdict: Verdict, seen: ClientAddr) -> Self {
        Self {
            case: "honest",
            what: "an ordinary connection",
            verdict,
            forged: None,
            seen: Some(seen),
            reason: None,
            ask: None,
        }
    }

    pub(super) fn tried(case: &Case, verdict: Verdict, seen: Option<ClientAddr>) -> Self {
        let ask = match (verdict, case.ask) {
            (Verdict::Believed, ask) => Some(ask),
            (Verdict::Refused | Verdict::Lost, _) if case.only_believed => None,
            // Whether it came first does not show: it arrived.
            (Verdict::Refused, Ask::First | Ask::Fin) => Some(Ask::Overwrite),
            (Verdict::Refused | Verdict::Lost, ask) => Some(ask),
            _ => None,
        };
        Self {
            case: case.name,
            what: case.what,
            verdict,
            forged: case.forged,
            seen,
            reason: None,
            ask,
        }
    }

    /// The backend accepted a connection.
    pub(super) fn arrived(&self) -> bool {
        self.seen.is_some()
    }

    pub(super) fn not_tried(case: &Case, reason: &'static str) -> Self {
        Self {
            reason: Some(reason),
            ..Self::tried(case, Verdict::NotTried, None)
        }
    }
}

/// All that was found.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Report {
    pub(super) balancer: SocketAddr,
    pub(super) source: String,
    /// Something forged was believed.
    believed: bool,
    cases: Vec<Row>,
    ask: Vec<Asked>,
}

#[derive(Clone, Debug, Serialize)]
struct Asked {
    cases: Vec<&'static str>,
    text: &'static str,
}

impl Report {
    pub(super) fn new(balancer: SocketAddr, source: String, cases: Vec<Row>) -> Self {
        let ask = Ask::ALL.into_iter().map(|ask| Asked {
            cases: cases
                .iter()
                .filter(|row| row.ask == Some(ask))
                .map(|row| row.case)
                .collect(),
            text: ask.text(),
        });
        Self {
            balancer,
            source,
            believed: cases.iter().any(|row| row.verdict == Verdict::Believed),
            ask: ask.filter(|asked| !asked.cases.is_empty()).collect(),
            cases,
        }
    }

    pub(super) fn believed(&self) -> bool {
        self.believed
    }
}

const MEANINGS: &str = "\
true, hidden   the backend saw the true client; whatever was forged came to nothing
BELIEVED       the backend saw somebody else
refused        the backend's source refused an option: the forged one that it got, or the
               balancer's own in a list without room
lost           no option reached the backend: the client hides behind the balancer's address
no connection  the segment was dropped, which is right where the option has no room
";

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "balancer {}, source of the backend: {}\n",
            self.balancer, self.source
        )?;
        for row in &self.cases {
            write!(f, "{:<18} {:<14} ", row.case, row.verdict.as_str())?;
            match (&row.seen, row.reason) {
                (Some(seen), _) => write!(f, "{seen}")?,
                (None, Some(reason)) => write!(f, "{reason}")?,
                (None, None) => {}
            }
            writeln!(f, "\n{:<18} {}", "", row.what)?;
        }
        write!(f, "\n{MEANINGS}")?;
        if !self.ask.is_empty() {
            writeln!(f, "\nAsk the balancer's maker:")?;
        }
        for asked in &self.ask {
            writeln!(f, "- {} ({})", asked.text, asked.cases.join(", "))?;
        }
        let verdict = match self.believed {
            true => "\n! a client of this balancer can name any address",
            false => "\nnothing forged was believed",
        };
        writeln!(f, "{verdict}")
    }
}

#[cfg(test)]
mod tests {
    use toa_core::Provenance;

    use super::super::cases::cases;
    use super::*;

    fn seen(client: &str, provenance: Provenance) -> ClientAddr {
        let address = |text: &str| toa_core::to_mapped(text.parse().unwrap());
        ClientAddr::mock(address(client), address("10.0.0.1:40000"), provenance)
    }

    fn report(verdicts: &[(&str, Verdict)]) -> Report {
        let honest = Row::honest(Verdict::True, seen("198.51.100.7:1", Provenance::Toa));
        let rows = cases(true).into_iter().map(|case| {
            let found = verdicts.iter().find(|(name, _)| *name == case.name);
            match found.map_or(Verdict::Hidden, |(_, verdict)| *verdict) {
                Verdict::Believed => {
                    let forged = seen("203.0.113.66:6666", Provenance::Toa);
                    Row::tried(&case, Verdict::Believed, Some(forged))
                }
                Verdict::NotTried => Row::not_tried(&case, "there is a reason"),
                verdict => Row::tried(&case, verdict, None),
            }
        });
        let rows = [honest].into_iter().chain(rows).collect();
        Report::new(
            "192.0.2.1:80".parse().unwrap(),
            "the eBPF program".to_owned(),
            rows,
        )
    }

    #[test]
    fn a_correct_balancers_maker_is_asked_for_nothing() {
        let report = report(&[
            ("cookie-older", Verdict::Lost),
            ("cookie-neighbour", Verdict::NotTried),
            ("full-list-unknown", Verdict::Refused),
            ("long-data-bare", Verdict::NoConnection),
            ("syn-ack", Verdict::Lost),
        ]);
        assert!(!report.believed());
        let text = report.to_string();
        assert!(!text.contains("Ask the balancer's maker"), "{text}");
        assert!(text.ends_with("nothing forged was believed\n"), "{text}");
        assert!(text.contains("there is a reason"), "{text}");
    }

    #[test]
    fn what_came_through_is_named_with_what_to_ask_for() {
        let report = report(&[
            ("timestamps", Verdict::Believed),
            ("full-list", Verdict::Refused),
            ("cookie-older", Verdict::Believed),
            ("no-operations", Verdict::Lost),
        ]);
        assert!(report.believed());
        let text = report.to_string();
        for words in [
            "timestamps         BELIEVED       203.0.113.66:6666 (toa, peer 10.0.0.1:40000)",
            "(full-list, timestamps)",
            "(cookie-older)",
            "(no-operations)",
            "! a client of this balancer can name any address",
        ] {
            assert!(text.contains(words), "{words}: {text}");
        }
        assert_eq!(text.matches("\n- ").count(), 3, "{text}");
    }

    #[test]
    fn every_demand_is_made_by_some_case() {
        for ask in Ask::ALL {
            let made = cases(true).iter().any(|case| case.ask == ask);
            assert!(made, "{ask:?}");
        }
    }

    #[test]
    fn programs_get_the_same_in_json() {
        let report = report(&[
            ("timestamps", Verdict::Believed),
            ("fin", Verdict::NotTried),
        ]);
        let json = serde_json::to_value(&report).unwrap();
        assert_eq!(json["believed"], true);
        let case = |name: &str| {
            let mut cases = json["cases"].as_array().unwrap().iter();
            cases.find(|case| case["case"] == name).unwrap()
        };
        assert_eq!(case("honest")["verdict"], "true");
        assert_eq!(case("timestamps")["verdict"], "believed");
        assert_eq!(case("timestamps")["client"], "203.0.113.66:6666");
        assert_eq!(case("timestamps")["provenance"], "toa");
        assert_eq!(case("fin")["reason"], "there is a reason");
        assert_eq!(json["ask"][0]["cases"], serde_json::json!(["timestamps"]));
    }
}
