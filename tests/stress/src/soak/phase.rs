//! The bad times that servers and kernel are given, one after the other.

use std::rc::Rc;
use std::time::Duration;

use toa_lab::peer::{Segment, flags};
use toa_lab::sandbox::Sandbox;
use tokio::sync::watch;
use tokio::time::{Instant, sleep, sleep_until};

use super::address;
use super::conn::{Conn, Fail};
use super::letter::{Letter, Options};
use super::tally::Outcome;
use super::world::World;

/// How many connections wait for accept() at most, and half-open ones for their ACK.
pub(crate) const BACKLOG: u32 = 512;
/// What a server may need to be itself again; listeners back off for half a second.
const RECOVERY: Duration = Duration::from_secs(3);
const FLOOD_PER_SECOND: u32 = 2000;

/// What was done, so that the verdict can ask whether it had its effect.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Done {
    pub(crate) floods: u64,
    pub(crate) cookies_for_all: u64,
    pub(crate) stops: u64,
    pub(crate) exhaustions: u64,
}

/// Goes round until `end`; each phase takes `time`, and so does the quiet after it.
pub(crate) async fn run(
    world: Rc<World>,
    sandbox: &Sandbox,
    time: Duration,
    end: Instant,
) -> anyhow::Result<Done> {
    let mut done = Done::default();
    let mut random = world.fork();
    for round in 0.. {
        let server = round / 4 % world.servers.len();
        if Instant::now() + 2 * time + RECOVERY > end {
            break;
        }
        match round % 4 {
            0 => {
                flood(&world, server, time, &mut random).await?;
                done.floods += 1;
            }
            1 => {
                stop(&world, server, time).await?;
                done.stops += 1;
            }
            2 => {
                sandbox.sysctl("net/ipv4/tcp_syncookies", "2")?;
                flood(&world, server, time, &mut random).await?;
                done.cookies_for_all += 1;
            }
            _ => {
                exhaust(&world, server, time).await?;
                done.exhaustions += 1;
            }
        }
        sleep(time).await;
        sandbox.sysctl("net/ipv4/tcp_syncookies", "1")?;
    }
    sleep_until(end).await;
    Ok(done)
}

/// SYNs from machines that do not exist, and ACKs that nobody asked for, with options.
async fn flood(
    world: &World,
    server: usize,
    time: Duration,
    random: &mut fastrand::Rng,
) -> anyhow::Result<()> {
    const STEP: Duration = Duration::from_millis(10);
    let server = &world.servers[server];
    let end = Instant::now() + time;
    while Instant::now() < end {
        for _ in 0..FLOOD_PER_SECOND * STEP.as_millis() as u32 / 1000 {
            let v6 = !server.v4_only() && random.bool();
            let options = Options::write(Letter::AckAndData, world.new_id(), random);
            let stray = random.u8(..10) == 0;
            let segment = Segment {
                flags: if stray { flags::ACK } else { flags::SYN },
                sequence: random.u32(..),
                acknowledgment: if stray { random.u32(..) } else { 0 },
                window: 1024,
                options: options.data,
                payload: Vec::new(),
            };
            let ends = (address::nobody(random, v6), server.outside(v6));
            world.hub.send(ends, &segment)?;
        }
        sleep(STEP).await;
    }
    Ok(())
}

/// Nobody calls accept() while more connections come than may wait.
async fn stop(world: &Rc<World>, server: usize, time: Duration) -> anyhow::Result<()> {
    let it = &world.servers[server];
    it.disturb(true);
    it.stop()?;
    let crowd = Crowd::gather(world, server, BACKLOG as usize + 100).await;
    sleep(time).await;
    it.go_on()?;
    sleep(RECOVERY / 3).await;
    drop(crowd);
    sleep(RECOVERY).await;
    it.disturb(false);
    Ok(())
}

/// The server runs out of descriptors.
async fn exhaust(world: &Rc<World>, server: usize, time: Duration) -> anyhow::Result<()> {
    const LEFT: usize = 16;
    let it = &world.servers[server];
    it.disturb(true);
    it.limit_files(Some(LEFT))?;
    let crowd = Crowd::gather(world, server, 3 * LEFT).await;
    sleep(time).await;
    drop(crowd);
    it.limit_files(None)?;
    sleep(RECOVERY).await;
    it.disturb(false);
    Ok(())
}

/// Connections that say nothing, until this is dropped.
struct Crowd {
    _until: watch::Sender<()>,
}

impl Crowd {
    async fn gather(world: &Rc<World>, server: usize, size: usize) -> Self {
        let (until, over) = watch::channel(());
        for at in 0..size {
            let (world, over) = (Rc::clone(world), over.clone());
            tokio::task::spawn_local(async move { idle(&world, server, over).await });
            if at % 50 == 49 {
                // No more at once than the device's queue takes.
                sleep(Duration::from_millis(20)).await;
            }
        }
        Self { _until: until }
    }
}

async fn idle(world: &World, server: usize, mut over: watch::Receiver<()>) {
    let mut random = world.fork();
    let server = &world.servers[server];
    let id = world.new_id();
    let v6 = !server.v4_only() && random.bool();
    let options = Options::write(Letter::AckAndData, id, &mut random);
    let ends = (address::peer(id, v6, true), server.outside(v6));
    world.open.set(world.open.get() + 1);
    let mut conn = Conn::new(&world.hub, ends, random.u32(..));
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
    world
        .tally
        .borrow_mut()
        .add("idle crowd", "option in ACK and data", &outcome);
    world.open.set(world.open.get() - 1);
}
