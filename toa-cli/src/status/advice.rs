//! What is wrong, in words, and what to do.

use std::fs;

use toa_bpf::{Lifetime, Scope, Status};

use super::print::scope;
use super::problem::{Problem, ProblemKind};
use super::seen::{Seen, TRUSTED_OF_MODULE};
use super::{Report, Source};
use crate::module::Module;

/// Said at load and by status.
pub(crate) const STRANGERS_ARE_TRUSTED: &str = "everybody's option is believed, or that of so many \
     that strangers are among them: whoever reaches a port of this host can claim any address; name \
     the balancer's networks with --trust";

pub(super) fn problems(report: &Report) -> Vec<Problem> {
    let mut problems = Vec::new();
    let mut say = |problem| problems.push(problem);

    about_answer(report, &mut say);
    for ebpf in &report.ebpf {
        about_source(&ebpf.status, &mut say);
    }
    if let (Some(module), true) = (&report.module, report.ebpf.is_empty()) {
        about_module(module, &mut say);
    }
    problems
}

fn about_module(module: &Module, say: &mut impl FnMut(Problem)) {
    let trusted = module.settings().map(|(_, trusted)| trusted);
    if trusted.is_some_and(|trusted| trusted.includes_strangers()) {
        say(ProblemKind::StrangersTrusted.told(format!(
            "the module believes everybody's option, or that of so many that strangers are among \
             them: whoever reaches a port of this host can claim any address; name the balancer's \
             networks with {TRUSTED_OF_MODULE}"
        )));
    }
    Seen::by_module(module).troubles().into_iter().for_each(say);
}

fn about_answer(report: &Report, say: &mut impl FnMut(Problem)) {
    let module = matches!(report.answers, Some(Source::Module | Source::ThirdParty));
    if module && !report.ebpf.is_empty() {
        say(ProblemKind::TwoSources.told(
            "a kernel module and an eBPF source are loaded: the module answers first, so its \
             trusted set counts and not the other; keep one (`rmmod toa` or `toa unload`)"
                .to_owned(),
        ));
    }
    match report.answers {
        Some(Source::ThirdParty) => say(ProblemKind::ThirdParty.told(
            "a third-party module answers: which peers it believes is not known, so the library \
             checks that itself, against private address space"
                .to_owned(),
        )),
        Some(_) => {}
        // What is loaded for others is not known: nothing can be advised.
        None if report.ebpf_unknown.is_some() => {}
        None => match covered(report) {
            Some(scopes) => say(ProblemKind::NotCovered.told(format!(
                "no source answers here: the eBPF source covers {scopes} only; to cover the \
                 whole host, run `toa load` without --cgroup"
            ))),
            None if report.ebpf.is_empty() => {
                say(ProblemKind::NoSource.told(load_one(&kernel_release())))
            }
            // Each source says what is wrong with it.
            None => {}
        },
    }
}

fn kernel_release() -> String {
    fs::read_to_string("/proc/sys/kernel/osrelease")
        .map(|text| text.trim().to_owned())
        .unwrap_or_default()
}

fn load_one(release: &str) -> String {
    let what = if is_older_than_5_10(release) {
        format!("load the kernel module (`toa load` needs Linux 5.10, this is {release})")
    } else {
        "run `toa load --trust NETWORK` as root (Linux 5.10 or later), or load the kernel module"
            .to_owned()
    };
    format!("no source answers, so services see the balancer's address: {what}")
}

/// Of a release such as `3.10.0-1160.el7.x86_64`.
fn is_older_than_5_10(release: &str) -> bool {
    let mut numbers = release
        .split(|c: char| !c.is_ascii_digit())
        .map(|number| number.parse::<u32>().ok());
    match (numbers.next().flatten(), numbers.next().flatten()) {
        (Some(major), Some(minor)) => (major, minor) < (5, 10),
        _ => false,
    }
}

/// What is covered beside the place in question.
fn covered(report: &Report) -> Option<String> {
    let sources = report.ebpf.iter().map(|ebpf| &ebpf.status);
    let scopes: Vec<String> = sources
        .filter(|status| status.scope != Scope::Gone)
        .map(scope)
        .collect();
    (!scopes.is_empty()).then(|| scopes.join(" and "))
}

fn about_source(status: &Status, say: &mut impl FnMut(Problem)) {
    if status.scope == Scope::Gone {
        say(ProblemKind::CgroupGone.told(gone(status)));
    } else if !status.complete {
        say(ProblemKind::Interrupted.told(
            "the last load was interrupted: run `toa load` again, or `toa unload`".to_owned(),
        ));
    }
    if let Lifetime::Process { id, name } = &status.lifetime {
        say(ProblemKind::EndsWithProcess.told(format!(
            "the eBPF source for {} belongs to process {id} ({name}), such as a demo, and goes \
             with it: run `toa load` for one that stays",
            scope(status)
        )));
    }
    if status.version != env!("CARGO_PKG_VERSION") {
        say(ProblemKind::OtherVersion.told(format!(
            "the source was loaded by version {}, this is {}: `toa load` replaces it without \
             losing an address",
            status.version,
            env!("CARGO_PKG_VERSION")
        )));
    }
    if status.config().trusted.includes_strangers() {
        say(ProblemKind::StrangersTrusted.told(STRANGERS_ARE_TRUSTED.to_owned()));
    }
    Seen::by_ebpf(status).troubles().into_iter().for_each(say);
}

/// A service manager removes the cgroup of a service that stops.
fn gone(status: &Status) -> String {
    let Some(path) = &status.cgroup else {
        return "the cgroup that a source covered was removed: run `toa load` for the one that \
                took its place, or `toa unload`"
            .to_owned();
    };
    let (path, parent) = (path.display(), path.parent().unwrap_or(path).display());
    let again = match status.cgroup.as_ref().is_some_and(|path| path.exists()) {
        true => "made again, as at the restart of a service, and the new one is not covered",
        false => "not made again, as when a service stops",
    };
    format!(
        "{path}, which a source covered, was removed and {again}: load at each start of the service \
         (systemd: ExecStartPre=+/usr/bin/toa load --cgroup self --trust NETWORK), or cover what it \
         is in, which stays (--cgroup {parent}); `toa unload --cgroup {path}` forgets it"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(answers: Option<Source>, counters: &[(&str, u64)]) -> Report {
        let module = (!counters.is_empty()).then(|| Module::mock(counters, None));
        Report::mock(answers, module)
    }

    #[test]
    fn each_trouble_is_named_with_its_cure() {
        let module = Some(Source::Module);
        for (kind, report, words) in [
            (
                ProblemKind::NoSource,
                report(None, &[]),
                &["no source answers", "`toa load --trust NETWORK`"][..],
            ),
            (
                ProblemKind::ThirdParty,
                report(Some(Source::ThirdParty), &[]),
                &["third-party", "private"],
            ),
            (
                ProblemKind::NoAddresses,
                report(module, &[("syn_recv_sock_no_toa", 5)]),
                &["none of the 5", "balancer is told to send it"],
            ),
            (
                ProblemKind::Untrusted,
                report(module, &[("untrusted", 2)]),
                &["2 options so far", "trusted="],
            ),
            (
                ProblemKind::Invalid,
                report(module, &[("invalid", 3)]),
                &["3 options so far", "malformed"],
            ),
            (
                ProblemKind::Implausible,
                report(module, &[("implausible", 4), ("syn_recv_sock_no_toa", 4)]),
                &["4 options", "a client behind it fills the list"],
            ),
            (
                ProblemKind::Lost,
                report(module, &[("probe_missed", 1), ("alloc_failed", 1)]),
                &["2 connections so far lost"],
            ),
        ] {
            let problems = problems(&report);
            let [problem] = &problems[..] else {
                panic!("{problems:?}")
            };
            assert_eq!(problem.kind, kind);
            for word in words {
                assert!(problem.text.contains(word), "{problem} has {word}");
            }
        }
    }

    #[test]
    fn a_module_that_trusts_strangers_is_warned_about() {
        for (trusted, warned) in [
            ("any", true),
            ("0.0.0.0/0,::/0", true),
            ("10.1.0.0/16", false),
            ("none", false),
        ] {
            let mut report = report(Some(Source::Module), &[("syn_recv_sock_toa", 1)]);
            let module = report.module.as_mut().unwrap();
            for (name, value) in [("trusted", trusted), ("formats", "toa")] {
                module.parameters.insert(name.to_owned(), value.to_owned());
            }
            let problems = problems(&report);
            assert_eq!(problems.len(), usize::from(warned), "{trusted}");
            assert!(
                !problems
                    .iter()
                    .any(|problem| problem.text.contains("--trust"))
            );
        }
    }

    #[test]
    fn an_old_kernel_is_offered_the_module_alone() {
        for (release, old) in [
            ("3.10.0-1160.el7.x86_64", true),
            ("4.4.178", true),
            ("5.9-rc1", true),
            ("5.10.0-8-amd64", false),
            ("6.1", false),
            ("10.0.1", false),
            ("", false),
            ("99999999999999999999.1", false),
        ] {
            let said = load_one(release);
            assert_eq!(said.contains("this is"), old, "{said}");
            assert_eq!(said.contains("--trust"), !old, "{said}");
            assert!(said.contains("load the kernel module"), "{said}");
        }
    }

    #[test]
    fn a_source_that_works_is_not_complained_about() {
        let counters = [("syn_recv_sock_toa", 9), ("syn_recv_sock_no_toa", 5)];
        let report = report(Some(Source::Module), &counters);
        assert_eq!(problems(&report), []);
    }

    #[test]
    fn where_the_kernel_does_not_tell_nothing_is_advised() {
        for answers in [None, Some(Source::Ebpf)] {
            let mut report = report(answers, &[]);
            report.ebpf_unknown = Some("it needs CAP_SYS_ADMIN".to_owned());
            assert_eq!(problems(&report), []);
            let said = report.to_string();
            assert!(
                said.ends_with("\nmore is not known: it needs CAP_SYS_ADMIN\n"),
                "{said}"
            );
        }
    }
}
