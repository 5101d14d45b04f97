//! Fault injection: what is done to servers and kernel, one fault after the other.

use std::rc::Rc;
use std::time::Duration;

use toa_lab::peer::{Segment, flags};
use toa_lab::sandbox::Sandbox;
use tokio::sync::watch;
use tokio::time::{Instant, sleep, sleep_until};

use super::address;
use super::conn::{Conn, Fail};
use super::option_variant::{OptionVariant, SegmentOptions};
use super::state::SoakState;
use super::tally::Outcome;

/// How many connections wait for accept() at most, and half-open ones for their ACK.
pub(crate) const BACKLOG: u32 = 512;
/// How long a server may need to recover; listeners back off for half a second.
const RECOVERY: Duration = Duration::from_secs(3);
const FLOOD_PER_SECOND: u32 = 2000;

/// How often each fault was injected, so that the verdict can check its effect.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct FaultCounts {
    pub(crate) floods: u64,
    pub(crate) cookies_for_all: u64,
    pub(crate) stops: u64,
    pub(crate) exhaustions: u64,
}

/// Injects the faults in turn until `end`; each takes `time`, and so does the pause after it.
pub(crate) async fn run(
    state: Rc<SoakState>,
    sandbox: &Sandbox,
    time: Duration,
    end: Instant,
) -> anyhow::Result<FaultCounts> {
    let mut done = FaultCounts::default();
    let mut random = state.fork();
    for round in 0.. {
        let server = round / 4 % state.servers.len();
        if Instant::now() + 2 * time + RECOVERY > end {
            break;
        }
        match round % 4 {
            0 => {
                flood(&state, server, time, &mut random).await?;
                done.floods += 1;
            }
            1 => {
                stop(&state, server, time).await?;
                done.stops += 1;
            }
            2 => {
                sandbox.sysctl("net/ipv4/tcp_syncookies", "2")?;
                flood(&state, server, time, &mut random).await?;
                done.cookies_for_all += 1;
            }
            _ => {
                exhaust(&state, server, time).await?;
                done.exhaustions += 1;
            }
        }
        sleep(time).await;
        sandbox.sysctl("net/ipv4/tcp_syncookies", "1")?;
    }
    sleep_until(end).await;
    Ok(done)
}

/// SYNs from hosts that do not exist, and ACKs without a handshake, with options.
async fn flood(
    state: &SoakState,
    server: usize,
    time: Duration,
    random: &mut fastrand::Rng,
) -> anyhow::Result<()> {
    const STEP: Duration = Duration::from_millis(10);
    let server = &state.servers[server];
    let end = Instant::now() + time;
    while Instant::now() < end {
        for _ in 0..FLOOD_PER_SECOND * STEP.as_millis() as u32 / 1000 {
            let v6 = !server.v4_only() && random.bool();
            let options = SegmentOptions::write(OptionVariant::AckAndData, state.new_id(), random);
            let stray = random.u8(..10) == 0;
            let segment = Segment {
                flags: if stray { flags::ACK } else { flags::SYN },
                sequence: random.u32(..),
                acknowledgment: if stray { random.u32(..) } else { 0 },
                window: 1024,
                options: options.data,
                payload: Vec::new(),
            };
            let ends = (address::unreachable(random, v6), server.outside(v6));
            state.demux.send(ends, &segment)?;
        }
        sleep(STEP).await;
    }
    Ok(())
}

/// A stopped server does not accept while more connections come than its queue holds.
async fn stop(state: &Rc<SoakState>, server: usize, time: Duration) -> anyhow::Result<()> {
    let it = &state.servers[server];
    it.disturb(true);
    it.stop()?;
    let idle_connections = IdleConnections::open(state, server, BACKLOG as usize + 100).await;
    sleep(time).await;
    it.resume()?;
    sleep(RECOVERY / 3).await;
    drop(idle_connections);
    sleep(RECOVERY).await;
    it.disturb(false);
    Ok(())
}

/// The server runs out of descriptors.
async fn exhaust(state: &Rc<SoakState>, server: usize, time: Duration) -> anyhow::Result<()> {
    const LEFT: usize = 16;
    let it = &state.servers[server];
    it.disturb(true);
    it.limit_files(Some(LEFT))?;
    let idle_connections = IdleConnections::open(state, server, 3 * LEFT).await;
    sleep(time).await;
    drop(idle_connections);
    it.limit_files(None)?;
    sleep(RECOVERY).await;
    it.disturb(false);
    Ok(())
}

/// Connections that send nothing, until this is dropped.
struct IdleConnections {
    _until: watch::Sender<()>,
}

impl IdleConnections {
    async fn open(state: &Rc<SoakState>, server: usize, size: usize) -> Self {
        let (until, over) = watch::channel(());
        for at in 0..size {
            let (state, over) = (Rc::clone(state), over.clone());
            tokio::task::spawn_local(async move { idle(&state, server, over).await });
            if at % 50 == 49 {
                // No more at once than the device's queue holds.
                sleep(Duration::from_millis(20)).await;
            }
        }
        Self { _until: until }
    }
}

async fn idle(state: &SoakState, server: usize, mut over: watch::Receiver<()>) {
    let mut random = state.fork();
    let server = &state.servers[server];
    let id = state.new_id();
    let v6 = !server.v4_only() && random.bool();
    let options = SegmentOptions::write(OptionVariant::AckAndData, id, &mut random);
    let ends = (address::peer(id, v6, true), server.outside(v6));
    state.open.set(state.open.get() + 1);
    let mut conn = Conn::new(&state.demux, ends, random.u32(..));
    let stay = async {
        conn.open(&options.syn, options.ack.as_deref()).await?;
        loop {
            conn.pause(Duration::from_secs(3600)).await?;
        }
    };
    let outcome = tokio::select! {
        end = stay => match end {
            Ok(()) | Err(Fail::Reset | Fail::Closed | Fail::Timeout) => Outcome::Refused,
            Err(Fail::Wrong(why)) => Outcome::Wrong(why),
        },
        _ = over.changed() => Outcome::Aborted,
    };
    drop(conn);
    state
        .tally
        .borrow_mut()
        .add("idle connections", "option in ACK and data", &outcome);
    state.open.set(state.open.get() - 1);
}
