//! One soak from beginning to end.

use std::cell::{Cell, RefCell};
use std::fs::File;
use std::future::pending;
use std::io::{BufWriter, Write};
use std::rc::Rc;
use std::time::Duration;

use anyhow::{Context, anyhow};
use rustix::process::{Resource, getrlimit, setrlimit};
use toa_lab::sandbox::Sandbox;
use tokio::signal::unix::{SignalKind, signal};
use tokio::task::{LocalSet, spawn_local};
use tokio::time::{Instant, MissedTickBehavior, interval, sleep};

use super::demux::SegmentDemux;
use super::examples::EXAMPLES;
use super::fault_injection::{self, BACKLOG, FaultCounts};
use super::memory::Sample;
use super::server::Server;
use super::source::Source;
use super::state::SoakState;
use super::strangers::Strangers;
use super::tally::Tally;
use super::{Plan, Verdict, socket_behavior};
use crate::kernel::KernelLog;

const FIRST_PORT: u16 = 3000;
/// How long the last connections may take; more than one takes that gets no answer.
const CLOSING_TIMEOUT: Duration = Duration::from_secs(60);

/// Runs a soak. Needs root; changes settings of the sandbox's namespace.
///
/// # Errors
/// When it cannot run; what it finds is in the [`Verdict`].
pub fn run(plan: &Plan, sandbox: &Sandbox) -> anyhow::Result<Verdict> {
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    setrlimit(Resource::Nofile, limit).context("cannot raise the limit on open files")?;
    sandbox.sysctl("net/core/somaxconn", &BACKLOG.to_string())?;
    sandbox.sysctl("net/ipv4/tcp_syncookies", "1")?;
    sandbox.sysctl("net/ipv4/tcp_fin_timeout", "10")?;
    let log = KernelLog::open();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    LocalSet::new().block_on(&runtime, soak(plan, sandbox, log))
}

async fn soak(plan: &Plan, sandbox: &Sandbox, mut log: KernelLog) -> anyhow::Result<Verdict> {
    let state = set_up(plan, sandbox).await?;
    let idle: Vec<usize> = state
        .servers
        .iter()
        .map(Server::open_files)
        .collect::<Result<_, _>>()?;
    let start = Instant::now();
    let end = start + plan.duration;
    let mut samples = Vec::new();
    let mut done = FaultCounts::default();

    let demux = Rc::clone(&state.demux);
    let demux = spawn_local(async move { demux.run().await });
    let churn = spawn_local(Rc::clone(&state).churn(plan.rate));
    let complete = tokio::select! {
        faults = fault_injection::run(Rc::clone(&state), sandbox, plan.period / 12, end) => {
            done = faults?;
            true
        }
        stopped = switch(&state, plan.period) => return Err(stopped),
        stopped = sample(&state, plan, start, &mut samples) => return Err(stopped),
        () = watch_servers(&state) => false,
        stopped = interrupted() => { stopped?; false }
    };
    churn.abort();
    let took = start.elapsed();
    for server in &state.servers {
        if server.ended().is_none() {
            server.resume()?;
            server.limit_files(None)?;
        }
        // Their time is over, and the last may be waiting for it.
        server.disturb(!complete);
    }
    let timeout = if complete {
        CLOSING_TIMEOUT
    } else {
        CLOSING_TIMEOUT / 20
    };
    await_quiet(&state, &idle, timeout).await;

    state.source.unload().await?;
    let mut verdict = Verdict::new(&state);
    verdict.require(complete, || {
        format!("ended after {:.0} s", took.as_secs_f64())
    });
    verdict.require(!demux.is_finished(), || "the TUN device failed".to_owned());
    verdict.require(!complete || state.open.get() == 0, || {
        format!("{} connections without an end", state.open.get())
    });
    verdict.servers(&state);
    verdict.faults(&state, done)?;
    verdict.memory(&state, &samples, plan.duration);
    if complete {
        recovered(&state, &idle, &mut verdict).await;
    }
    await_no_objects(&state).await;
    let objects = state.source.objects();
    verdict.require(objects == 0, || {
        format!("{objects} BPF programs and maps of ours are left in the kernel")
    });
    for complaint in log.complaints().unwrap_or_default() {
        verdict.require(false, || format!("the kernel: {complaint}"));
    }
    Ok(verdict)
}

/// Whether each server is as it was before.
async fn recovered(state: &SoakState, idle: &[usize], verdict: &mut Verdict) {
    for (server, idle) in state.servers.iter().zip(idle) {
        let now = server.open_files().unwrap_or_default();
        verdict.note(format!(
            "{}: {now} open files, {idle} at the start",
            server.name
        ));
        verdict.require(now <= *idle, || format!("{} keeps files open", server.name));
        if let Err(fail) = ask(server).await {
            verdict.require(false, || {
                format!("{} no longer answers: {fail:?}", server.name)
            });
        }
    }
}

async fn set_up(plan: &Plan, sandbox: &Sandbox) -> anyhow::Result<Rc<SoakState>> {
    let demux = SegmentDemux::open()?;
    let cgroup = sandbox.cgroup().path();
    let source = Source::new(cgroup)?;
    if source.detect_other_source() {
        println!("note: another source covers this host, so both answers pass");
    }
    // The demos attach one of their own, to everything, unless there is one.
    source.load().await?;
    let mut servers = Vec::new();
    for v4_only in [false, true] {
        for example in EXAMPLES {
            let port = FIRST_PORT + servers.len() as u16;
            let server = Server::start(&plan.servers, example, v4_only, port, cgroup)?;
            println!("server    {}", server.name);
            servers.push(server);
        }
    }
    for server in &servers {
        ask(server)
            .await
            .map_err(|fail| anyhow!("{} does not answer: {fail:?}", server.name))?;
    }
    sleep(Duration::from_secs(1)).await;
    Ok(Rc::new(SoakState {
        demux,
        strangers: Strangers::before(&servers, sandbox, plan.broken_balancers)?,
        servers,
        source,
        tally: RefCell::new(Tally::default()),
        random: RefCell::new(fastrand::Rng::with_seed(plan.seed)),
        next_id: Cell::new(0),
        open: Cell::new(0),
    }))
}

async fn ask(server: &Server) -> Result<(), super::conn::Fail> {
    let stream = socket_behavior::connect(server.inside(false)).await?;
    socket_behavior::ask_once(stream).await.map(drop)
}

/// Unloads the source for a sixth of each period.
async fn switch(state: &SoakState, period: Duration) -> anyhow::Error {
    let mut minutes = interval(period);
    minutes.set_missed_tick_behavior(MissedTickBehavior::Skip);
    minutes.tick().await;
    loop {
        minutes.tick().await;
        if let Err(error) = state.source.unload().await {
            return error.context("cannot unload the source");
        }
        sleep(period / 6).await;
        if let Err(error) = state.source.load().await {
            return error.context("cannot load the source again");
        }
    }
}

async fn sample(
    state: &SoakState,
    plan: &Plan,
    start: Instant,
    samples: &mut Vec<Sample>,
) -> anyhow::Error {
    let keep = async {
        let mut csv = match &plan.csv {
            Some(path) => {
                let file = File::create(path)
                    .with_context(|| format!("cannot write {}", path.display()))?;
                let mut csv = BufWriter::new(file);
                Sample::heading(&mut csv, state)?;
                Some(csv)
            }
            None => None,
        };
        let mut often = interval((plan.period / 12).max(Duration::from_secs(1)));
        let mut reported = 0;
        loop {
            often.tick().await;
            let sample = match Sample::take(state, start.elapsed()) {
                Ok(sample) => sample,
                // A server that is gone has nothing to measure; another task reports it.
                Err(_) if state.has_lost_a_server() => pending().await,
                Err(error) => return Err(error),
            };
            if let Some(csv) = &mut csv {
                sample.write(&mut *csv, state)?;
                csv.flush()?;
            }
            let minute = sample.at.as_secs() / 60;
            if minute > reported {
                reported = minute;
                progress(state, &sample);
            }
            samples.push(sample);
        }
    };
    let never: anyhow::Result<std::convert::Infallible> = keep.await;
    match never {
        Err(error) => error,
    }
}

fn progress(state: &SoakState, sample: &Sample) {
    let all = state.tally.borrow().all;
    println!(
        "{:>4} min  answered {} (client {}, peer {}, either {}), refused {}, aborted {}, wrong \
         {}, unanswered {}; open {}; rss {:?} kB, files {:?}, kernel {} kB",
        sample.at.as_secs() / 60,
        all.answered(),
        all.client,
        all.peer,
        all.either,
        all.refused,
        all.aborted,
        all.wrong,
        all.unanswered,
        state.open.get(),
        sample.resident,
        sample.files,
        sample.kernel
    );
}

/// Until one of them has ended.
async fn watch_servers(state: &SoakState) {
    loop {
        sleep(Duration::from_secs(1)).await;
        state.source.detect_other_source();
        if state.has_lost_a_server() {
            return;
        }
    }
}

async fn interrupted() -> anyhow::Result<()> {
    let mut terminate = signal(SignalKind::terminate())?;
    let ended = tokio::select! {
        ended = tokio::signal::ctrl_c() => ended,
        _ = terminate.recv() => Ok(()),
    };
    println!("interrupted: cleaning up");
    Ok(ended?)
}

/// Until all connections have ended and the servers know it; not for ever.
async fn await_quiet(state: &SoakState, idle: &[usize], timeout: Duration) {
    let end = Instant::now() + timeout;
    while Instant::now() < end {
        let servers = state.servers.iter().zip(idle);
        let mut busy = servers.filter(|(it, idle)| it.open_files().is_ok_and(|now| now > **idle));
        if state.open.get() == 0 && busy.next().is_none() {
            return;
        }
        sleep(Duration::from_millis(200)).await;
    }
}

/// The kernel frees programs and maps a moment later.
async fn await_no_objects(state: &SoakState) {
    let end = Instant::now() + Duration::from_secs(10);
    while state.source.objects() > 0 && Instant::now() < end {
        sleep(Duration::from_millis(100)).await;
    }
}
