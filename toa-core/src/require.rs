//! Deny mode, as far as it needs no framework: who is refused, and which paths are exempt.

use std::fmt;

use crate::client_addr::{ClientAddr, Provenance};

/// Why a request is refused where only what came through the balancer is served.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Refusal {
    /// No trusted balancer vouches for the client, for this reason.
    NotThroughBalancer(Provenance),
    /// The request came over a Unix socket, which no balancer sends to.
    UnixSocket,
    /// The server cannot tell, as the listener half of the wiring is missing.
    NotWiredUp,
}

impl Refusal {
    /// The reason to refuse the requests of a connection; `None` lets them pass.
    #[must_use]
    pub const fn of(client: &ClientAddr) -> Option<Self> {
        match client.provenance() {
            Provenance::Toa | Provenance::ToaSyn => None,
            reason => Some(Self::NotThroughBalancer(reason)),
        }
    }

    /// The HTTP status to answer with: 403, or 500 where the wiring is missing.
    #[must_use]
    pub const fn status(self) -> u16 {
        match self {
            Self::NotWiredUp => 500,
            _ => 403,
        }
    }

    /// What a stranger is told: the status, and nothing of the reason.
    #[must_use]
    pub const fn body(self) -> &'static str {
        match self {
            Self::NotWiredUp => "internal server error",
            _ => "forbidden",
        }
    }

    /// Whether an exemption lets the request pass all the same. Missing wiring does not:
    /// so the first health check finds it, and not the first attacker.
    #[must_use]
    pub const fn can_be_exempt(self) -> bool {
        !matches!(self, Self::NotWiredUp)
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotThroughBalancer(reason) => write!(f, "not through the balancer: {reason}"),
            Self::UnixSocket => f.write_str("not through the balancer: unix_socket"),
            Self::NotWiredUp => f.write_str("not wired up"),
        }
    }
}

/// Paths that are served without the option, such as those of the balancer's health checks.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ExemptPaths {
    exact: Vec<String>,
    prefixes: Vec<String>,
}

impl ExemptPaths {
    /// Adds exactly this path.
    ///
    /// # Panics
    /// When the path does not start with `/`, as it would never match.
    pub fn add_path(&mut self, path: String) {
        assert!(
            path.starts_with('/'),
            "the exempt path {path:?} can never match: start it with a slash"
        );
        self.exact.push(path);
    }

    /// Adds this path and whatever is below it: `/internal` and `/internal/` are the same.
    ///
    /// # Panics
    /// When the path does not start with `/`, as it would never match, or is the root, as
    /// it would exempt everything.
    pub fn add_prefix(&mut self, prefix: String) {
        assert!(
            prefix.starts_with('/'),
            "the exempt prefix {prefix:?} can never match: start it with a slash"
        );
        let prefix = prefix.trim_end_matches('/');
        assert!(
            !prefix.is_empty(),
            "the exempt prefix \"/\" exempts everything: name a path below it"
        );
        self.prefixes.push(prefix.to_owned());
    }

    /// Whether `path`, as it stands in the request, is exempt.
    ///
    /// A path that somebody behind this server could take for one outside of the prefix
    /// (`/internal/../admin`, an escape, an empty segment) is not below it.
    #[must_use]
    pub fn contain(&self, path: &str) -> bool {
        self.exact.iter().any(|exact| exact == path)
            || self.prefixes.iter().any(|prefix| is_below(path, prefix))
    }
}

fn is_below(path: &str, prefix: &str) -> bool {
    let Some(rest) = path.strip_prefix(prefix) else {
        return false;
    };
    let segments = rest.strip_prefix('/').map(|below| below.split('/'));
    match segments {
        None => rest.is_empty(),
        Some(mut segments) => {
            !rest.contains(['%', '\\'])
                && !rest.contains("//")
                && segments.all(|segment| !matches!(segment, "." | ".."))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn exempt(path: &str) -> bool {
        let mut exempt = ExemptPaths::default();
        exempt.add_path("/healthz".to_owned());
        exempt.add_prefix("/internal".to_owned());
        exempt.add_prefix("/grpc.health.v1.Health/".to_owned());
        exempt.contain(path)
    }

    #[test]
    fn exact_paths_and_what_is_below_a_prefix_are_exempt_and_nothing_else() {
        for path in [
            "/healthz",
            "/internal",
            "/internal/",
            "/internal/a/b.c",
            "/internal/a/",
            "/grpc.health.v1.Health",
            "/grpc.health.v1.Health/Check",
        ] {
            assert!(exempt(path), "{path}");
        }
        for path in [
            "/",
            "",
            "/healthz/",
            "/healthz/a",
            "/Healthz",
            "//healthz",
            "/healthz/../admin",
            "/internals",
            "/internal-admin",
            "/internal/../admin",
            "/internal/a/..",
            "/internal/./a",
            "/internal/%2e%2e/admin",
            "/internal//a",
            "/internal\\..\\admin",
            "/internal/..\\admin",
            "/a/internal/b",
        ] {
            assert!(!exempt(path), "{path}");
        }
    }

    #[test]
    fn paths_that_cannot_match_and_a_prefix_of_everything_are_refused_when_configured() {
        for add in [
            (|e: &mut ExemptPaths| e.add_path("healthz".to_owned())) as fn(&mut ExemptPaths),
            |e| e.add_prefix("internal".to_owned()),
            |e| e.add_prefix("/".to_owned()),
            |e| e.add_prefix("//".to_owned()),
        ] {
            let outcome = std::panic::catch_unwind(|| add(&mut ExemptPaths::default()));
            assert!(outcome.is_err());
        }
    }

    #[test]
    fn whom_no_trusted_balancer_vouches_for_is_refused_without_being_told_why() {
        let peer = "[::ffff:10.0.0.9]:5000".parse().unwrap();
        assert_eq!(Refusal::of(&ClientAddr::from_toa(peer, peer)), None);
        assert_eq!(Refusal::of(&ClientAddr::from_syn(peer, peer)), None);
        for reason in [
            Provenance::NotSent,
            Provenance::Untrusted,
            Provenance::Invalid,
            Provenance::Foreign,
            Provenance::Implausible,
            Provenance::NoSource,
            Provenance::NoSyn,
            Provenance::FromAccept,
            Provenance::Failed(1),
        ] {
            let refusal = Refusal::of(&ClientAddr::from_peer(peer, reason)).unwrap();
            assert_eq!(refusal, Refusal::NotThroughBalancer(reason));
            assert_eq!((refusal.status(), refusal.body()), (403, "forbidden"));
            assert!(refusal.can_be_exempt());
        }
        assert_eq!(Refusal::NotWiredUp.status(), 500);
        assert!(!Refusal::NotWiredUp.can_be_exempt());
    }
}
