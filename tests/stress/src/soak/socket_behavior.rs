//! Connections by ordinary sockets of this machine, which bring no option.

use std::io;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep, timeout_at};

use super::client_behavior::millis;
use super::conn::{Fail, RESPONSE_TIMEOUT};
use super::expectation::Match;
use super::http::{self, Response};
use super::session::Session;

/// What an ordinary client does on its connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SocketBehavior {
    Ask,
    KeepAlive,
    HalfClosed,
    Abort,
}

impl SocketBehavior {
    pub(crate) fn choose(random: &mut fastrand::Rng) -> Self {
        match random.u8(..10) {
            0..6 => Self::Ask,
            6..8 => Self::KeepAlive,
            8 => Self::HalfClosed,
            _ => Self::Abort,
        }
    }

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Ask => "socket: one request",
            Self::KeepAlive => "socket: kept alive",
            Self::HalfClosed => "socket: half closed",
            Self::Abort => "socket: reset",
        }
    }

    pub(crate) const fn may_be_refused(self) -> bool {
        matches!(self, Self::HalfClosed)
    }

    /// Runs it; `None` when this side ended the connection on purpose.
    pub(crate) async fn run(
        self,
        mut stream: TcpStream,
        session: &mut Session<'_>,
        random: &mut fastrand::Rng,
    ) -> Result<Option<Match>, Fail> {
        let mut received = Vec::new();
        let requests = match self {
            Self::Abort => {
                let part = random.usize(..20);
                write(&mut stream, &http::request(true)[..part]).await?;
                sleep(millis(random, 100)).await;
                socket2::SockRef::from(&stream)
                    .set_linger(Some(Duration::ZERO))
                    .map_err(broken)?;
                return Ok(None);
            }
            Self::KeepAlive => random.u8(2..6),
            Self::Ask | Self::HalfClosed => 1,
        };
        let mut matched = None;
        for left in (0..requests).rev() {
            let last = left == 0 && random.bool();
            write(&mut stream, http::request(last)).await?;
            if self == Self::HalfClosed {
                stream.shutdown().await.map_err(broken)?;
            }
            let response = response(&mut stream, &mut received).await?;
            matched = Some(session.judge(&response, false)?);
            if left > 0 {
                sleep(millis(random, 3000)).await;
            }
        }
        Ok(matched)
    }
}

/// Connects within the time limit.
pub(crate) async fn connect(server: std::net::SocketAddr) -> Result<TcpStream, Fail> {
    match timeout_at(
        Instant::now() + RESPONSE_TIMEOUT,
        TcpStream::connect(server),
    )
    .await
    {
        Ok(stream) => stream.map_err(broken),
        Err(_) => Err(Fail::Timeout),
    }
}

/// One request on a connection of its own.
pub(crate) async fn ask_once(mut stream: TcpStream) -> Result<Response, Fail> {
    write(&mut stream, http::request(true)).await?;
    response(&mut stream, &mut Vec::new()).await
}

async fn write(stream: &mut TcpStream, bytes: &[u8]) -> Result<(), Fail> {
    stream.write_all(bytes).await.map_err(broken)
}

async fn response(stream: &mut TcpStream, received: &mut Vec<u8>) -> Result<Response, Fail> {
    let end = Instant::now() + RESPONSE_TIMEOUT;
    loop {
        if let Some(response) = http::take_response(received).map_err(Fail::Wrong)? {
            return Ok(response);
        }
        match timeout_at(end, stream.read_buf(received)).await {
            Ok(Ok(0)) => return Err(Fail::Closed),
            Ok(Ok(_)) => {}
            Ok(Err(error)) => return Err(broken(error)),
            Err(_) => return Err(Fail::Timeout),
        }
    }
}

fn broken(error: io::Error) -> Fail {
    use io::ErrorKind as Kind;
    match error.kind() {
        Kind::ConnectionReset | Kind::BrokenPipe | Kind::ConnectionRefused | Kind::NotConnected => {
            Fail::Reset
        }
        Kind::TimedOut => Fail::Timeout,
        _ => Fail::Wrong(format!("a socket of ours fails: {error}")),
    }
}
