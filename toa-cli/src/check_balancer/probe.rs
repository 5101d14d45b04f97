//! The half on the client.

use std::io::{self, BufReader};
use std::net::{IpAddr, SocketAddr, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, bail, ensure};
use toa_core::{ClientAddr, Provenance};

use super::attempt::{Attempt, Way};
use super::cases::{Case, Sends, cases};
use super::protocol::{Reply, Request, Token, line, random, receive, send};
use super::report::{Report, Row};
use super::verdict::judge;
use crate::output::{Outcome, say};

/// Ordinary connections that must all reach the backend that agreed.
const HONEST: usize = 16;
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// A lost segment is not sent again, so a connection that did not come is tried again.
const TRIES: usize = 2;

const NOTES: &str = "\
Needs CAP_NET_RAW, and changes no setting of the machine. Run it where a client of the
balancer can be, not on a backend. Nothing forged is sent before the backend has shown that
it knows the token; only addresses of 203.0.113.0/24 and 2001:db8::/32 are forged.

Exit codes:
  0  nothing forged was believed
  1  something forged was believed
  2  it could not be found out";

#[derive(Debug, clap::Args)]
#[command(after_help = NOTES)]
pub(super) struct Probe {
    /// The balancer's address and port, as clients know them, such as 198.51.100.10:80
    #[arg(value_name = "ADDRESS:PORT")]
    address: SocketAddr,
    /// What `toa check-balancer serve` printed
    #[arg(long)]
    token: Token,
    /// Bytes of the longest packet that the balancer's network carries
    #[arg(long, value_name = "BYTES", default_value_t = 1500)]
    mtu: u16,
    /// How long to wait for a connection to arrive
    #[arg(long, value_name = "TIME", default_value = "2s")]
    wait: humantime::Duration,
    /// Print a JSON object
    #[arg(long)]
    json: bool,
}

impl Probe {
    pub(super) fn run(self) -> anyhow::Result<Outcome> {
        let report = self.check()?;
        match self.json {
            true => say(format_args!("{}\n", serde_json::to_string(&report)?))?,
            false => say(&report)?,
        }
        Ok(match report.believed() {
            true => Outcome::Believed,
            false => Outcome::Healthy,
        })
    }

    fn check(&self) -> anyhow::Result<Report> {
        let session = random().context("cannot make a number for this run")?;
        let mut agreed = Agreed::ask(self.address, &self.token, session)?;
        let mut truth = vec![agreed.seen];
        for _ in 1..HONEST {
            truth.push(Agreed::ask(self.address, &self.token, session)?.seen);
        }
        let truth = addresses(&truth);
        let honest = judge(Some(&agreed.seen), &truth, None);
        let mut rows = vec![Row::honest(honest, agreed.seen)];
        for (case, number) in cases(self.address.is_ipv4()).iter().zip(1..) {
            let row = self.row(&mut agreed, case, session, number, &truth)?;
            // The first case has nothing forged in it.
            ensure!(
                number != 1 || row.arrived(),
                "segments made by hand do not reach the backend, though ordinary connections do \
                 (a firewall or a proxy on the way, or a rule for raw sockets on this machine): \
                 try it from another machine"
            );
            rows.push(row);
        }
        Ok(Report::new(self.address, agreed.source, rows))
    }

    fn row(
        &self,
        agreed: &mut Agreed,
        case: &Case,
        session: u64,
        number: u8,
        truth: &[IpAddr],
    ) -> anyhow::Result<Row> {
        let way = Way {
            address: self.address,
            mtu: self.mtu,
        };
        let line = line(&Request::Case { session, number })?;
        let cookies = matches!(
            case.sends,
            Sends::NeighbourCookie(_) | Sends::OlderCookie(_)
        );
        if cookies {
            agreed.cookies(true)?;
        }
        let (mut seen, mut made, mut reason) = (None, false, None);
        for _ in 0..TRIES {
            let attempt = way.attempt(&case.sends, &line, &mut || {
                seen = agreed.report(number, self.wait.into())?;
                Ok(seen.is_some())
            })?;
            match attempt {
                Attempt::Made => made = true,
                Attempt::Impossible(why) => reason = Some(why),
            }
            if seen.is_some() {
                break;
            }
        }
        if cookies {
            agreed.cookies(false)?;
        }
        Ok(match reason {
            Some(reason) if !made => Row::not_tried(case, reason),
            _ => Row::tried(case, judge(seen.as_ref(), truth, case.forged), seen),
        })
    }
}

/// Of the clients that the balancer named.
fn addresses(seen: &[ClientAddr]) -> Vec<IpAddr> {
    let named =
        |seen: &&ClientAddr| matches!(seen.provenance(), Provenance::Toa | Provenance::FromAccept);
    seen.iter()
        .filter(named)
        .map(ClientAddr::client_ip)
        .collect()
}

/// A connection to a backend that has agreed.
struct Agreed {
    from: BufReader<TcpStream>,
    source: String,
    seen: ClientAddr,
}

impl Agreed {
    fn ask(address: SocketAddr, token: &Token, session: u64) -> anyhow::Result<Self> {
        let stream = TcpStream::connect_timeout(&address, CONNECT_TIMEOUT)
            .with_context(|| format!("cannot connect to {address}"))?;
        stream.set_read_timeout(Some(CONNECT_TIMEOUT))?;
        stream.set_write_timeout(Some(CONNECT_TIMEOUT))?;
        let mut from = BufReader::new(stream);
        let hello = Request::Hello {
            token: token.of_probe.clone(),
            session,
        };
        let reply = send(from.get_mut(), &hello).and_then(|()| receive(&mut from));
        match reply {
            Ok(Reply::Agreed {
                token: half,
                source,
                seen,
            }) if half == token.of_backend => {
                check_source(&seen)?;
                // It goes to a terminal.
                let source = source.chars().filter(|char| !char.is_control()).collect();
                Ok(Self { from, source, seen })
            }
            _ => bail!(
                "what answers at {address} is not the backend with this token, so nothing forged \
                 was sent: `toa check-balancer serve` must be running there, its token be this \
                 one, and the balancer forward every connection to it and to no other backend"
            ),
        }
    }

    fn request(&mut self, request: &Request) -> anyhow::Result<Reply> {
        let reply: io::Result<Reply> =
            send(self.from.get_mut(), request).and_then(|()| receive(&mut self.from));
        reply.context("the backend answers no more: was `toa check-balancer serve` ended?")
    }

    fn cookies(&mut self, on: bool) -> anyhow::Result<()> {
        self.request(&Request::Cookies { on }).map(drop)
    }

    /// Whom the source saw in the connection of this case, once there is one.
    fn report(&mut self, number: u8, wait: Duration) -> anyhow::Result<Option<ClientAddr>> {
        let end = Instant::now() + wait;
        loop {
            match self.request(&Request::Report { number })? {
                Reply::Report { seen: Some(seen) } => return Ok(Some(seen)),
                _ if Instant::now() >= end => return Ok(None),
                _ => thread::sleep(Duration::from_millis(20)),
            }
        }
    }
}

/// Where the source reads nothing, or believes nobody, nothing shows what the balancer does.
fn check_source(seen: &ClientAddr) -> anyhow::Result<()> {
    let peer = seen.peer_canonical().ip();
    match seen.provenance() {
        Provenance::NoSource => bail!(
            "no source answers on the backend: run `toa load --trust NETWORK` there, with the \
             networks that the balancer sends from (this connection came from {peer})"
        ),
        Provenance::Untrusted => bail!(
            "the source on the backend does not trust {peer}, where the balancer's connections \
             come from: load it with `--trust` and that network"
        ),
        Provenance::Failed(errno) => bail!(
            "the source on the backend does not answer as it should (errno {errno}): see `toa \
             status` there"
        ),
        Provenance::Toa | Provenance::FromAccept | Provenance::NotSent => Ok(()),
        refused => bail!(
            "the source on the backend refuses the balancer's own option as {refused}: see `toa \
             status` there"
        ),
    }
}
