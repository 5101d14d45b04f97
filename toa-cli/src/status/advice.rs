//! What is wrong, in words, and what to do.

use toa_core::TrustedPeers;

use super::{Report, Source};

/// Said at load and by status.
pub(crate) const STRANGERS_ARE_TRUSTED: &str = "everybody's option is believed, or that of so many \
     that strangers are among them: whoever reaches a port of this host can claim any address; name \
     the balancer's networks with --trust";

/// The counters that advice is drawn from.
struct Seen {
    with: u64,
    without: u64,
    untrusted: u64,
    invalid: u64,
    lost: u64,
}

pub(super) fn problems(report: &Report) -> Vec<String> {
    let mut problems = Vec::new();
    let mut say = |problem: String| problems.push(problem);

    match (report.answers, &report.ebpf) {
        (None, Some(status)) => {
            let scope = status.cgroup.as_ref().map_or_else(
                || "a cgroup that is gone or not visible from here".to_owned(),
                |path| path.display().to_string(),
            );
            say(format!(
                "no source answers this process: the eBPF source covers {scope} only; to cover \
                 the whole host, run `toa load` without --cgroup"
            ));
        }
        (None, None) => say(
            "no source answers, so services see the balancer's address: run `toa load --trust \
             NETWORK` as root (Linux 5.10 or later), or load the kernel module"
                .to_owned(),
        ),
        (Some(Source::Ebpf), None) if report.ebpf_unknown.is_none() => say(
            "the eBPF source that answers belongs to a running program, such as a demo, and \
             goes with it: run `toa load` for one that stays"
                .to_owned(),
        ),
        (Some(Source::ThirdParty), _) => say(
            "a third-party module answers: which peers it believes is not known, so the library \
             checks that itself, against private address space"
                .to_owned(),
        ),
        _ => {}
    }
    if let Some(reason) = &report.ebpf_unknown {
        say(format!(
            "what `toa load` may have left cannot be read: {reason}"
        ));
    }
    if let Some(status) = &report.ebpf {
        if !status.complete {
            say("the last load was interrupted: run `toa load` again, or `toa unload`".to_owned());
        }
        if status.version != env!("CARGO_PKG_VERSION") {
            say(format!(
                "the source was loaded by version {}, this is {}: `toa load` replaces it without \
                 losing an address",
                status.version,
                env!("CARGO_PKG_VERSION")
            ));
        }
        if includes_strangers(status) {
            say(STRANGERS_ARE_TRUSTED.to_owned());
        }
    }
    if let Some(seen) = seen(report) {
        say_what_was_seen(&seen, &mut say);
    }
    problems
}

fn includes_strangers(status: &toa_bpf::Status) -> bool {
    status.trust_any || TrustedPeers::from_iter(status.trusted.iter().copied()).includes_strangers()
}

fn seen(report: &Report) -> Option<Seen> {
    if let Some(status) = &report.ebpf {
        let counters = &status.counters;
        return Some(Seen {
            with: counters.syn_recv_sock_toa,
            without: counters.syn_recv_sock_no_toa,
            untrusted: counters.untrusted,
            invalid: counters.invalid,
            lost: counters.store_failed,
        });
    }
    let module = report.module.as_ref()?;
    Some(Seen {
        with: module.counter("syn_recv_sock_toa"),
        without: module.counter("syn_recv_sock_no_toa"),
        untrusted: module.counter("untrusted"),
        invalid: module.counter("invalid"),
        lost: module.counter("alloc_failed") + module.counter("probe_missed"),
    })
}

fn say_what_was_seen(seen: &Seen, say: &mut impl FnMut(String)) {
    if seen.with == 0 && seen.without > 0 && seen.untrusted == 0 && seen.invalid == 0 {
        say(format!(
            "none of the {} connections so far brought an address: check that the balancer is \
             told to send it, and under which option kind (--kind)",
            seen.without
        ));
    }
    if seen.untrusted > 0 {
        say(format!(
            "{} options were refused because their peer is not trusted: if those peers are your \
             balancer, name its networks with --trust; if not, somebody tries to forge addresses",
            seen.untrusted
        ));
    }
    if seen.invalid > 0 {
        say(format!(
            "{} options were refused for their length or address: something else uses the option \
             kind, or somebody tries to forge addresses",
            seen.invalid
        ));
    }
    if seen.lost > 0 {
        say(format!(
            "{} connections lost their address: the kernel was out of memory, or out of probes",
            seen.lost
        ));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::module::Module;

    fn report(answers: Option<Source>, counters: &[(&str, u64)]) -> Report {
        let module = (!counters.is_empty()).then(|| {
            let counters = counters
                .iter()
                .map(|(name, value)| ((*name).to_owned(), *value));
            Module::mock(counters.collect())
        });
        Report {
            answers,
            ebpf: None,
            ebpf_unknown: None,
            module,
            problems: Vec::new(),
        }
    }

    #[test]
    fn each_trouble_is_named_with_its_cure() {
        let module = Some(Source::Module);
        for (report, words) in [
            (
                report(None, &[]),
                &["no source answers", "`toa load --trust NETWORK`"][..],
            ),
            (
                report(Some(Source::Ebpf), &[]),
                &["belongs to a running program", "`toa load`"],
            ),
            (
                report(Some(Source::ThirdParty), &[]),
                &["third-party", "private"],
            ),
            (
                report(module, &[("syn_recv_sock_no_toa", 5)]),
                &["none of the 5", "--kind"],
            ),
            (
                report(module, &[("untrusted", 2)]),
                &["2 options", "--trust"],
            ),
            (
                report(module, &[("invalid", 3)]),
                &["3 options", "length or address"],
            ),
            (
                report(module, &[("probe_missed", 1), ("alloc_failed", 1)]),
                &["2 connections lost"],
            ),
        ] {
            let problems = problems(&report);
            assert_eq!(problems.len(), 1, "{problems:?}");
            for word in words {
                assert!(problems[0].contains(word), "{problems:?} has {word}");
            }
        }
    }

    #[test]
    fn a_source_that_works_is_not_complained_about() {
        let counters = [("syn_recv_sock_toa", 9), ("syn_recv_sock_no_toa", 5)];
        let report = report(Some(Source::Module), &counters);
        assert_eq!(problems(&report), Vec::<String>::new());
    }

    #[test]
    fn what_cannot_be_read_is_said() {
        let mut report = report(Some(Source::Ebpf), &[]);
        report.ebpf_unknown = Some("run as root".to_owned());
        assert_eq!(problems(&report).len(), 1);
        assert!(problems(&report)[0].ends_with("run as root"));
    }
}
