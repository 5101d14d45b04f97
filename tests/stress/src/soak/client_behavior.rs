//! What a hand-made connection does.

use std::time::Duration;

use super::conn::{Conn, Fail};
use super::expectation::Match;
use super::http;
use super::option_variant::{OptionVariant, SegmentOptions};
use super::session::Session;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ClientBehavior {
    /// One request.
    Ask,
    /// Several, with pauses.
    KeepAlive,
    /// One, byte by byte.
    Slow,
    /// One, with a long pause in the middle.
    Stalled,
    /// One request, with our FIN directly after it.
    HalfClosed,
    /// A SYN, then a reset or silence.
    AbortSyn,
    /// A handshake and a reset.
    AbortOpen,
    /// Half a request and a reset.
    AbortRequest,
    /// A request and a reset before the response is read.
    AbortResponse,
}

impl ClientBehavior {
    pub(crate) fn choose(random: &mut fastrand::Rng) -> Self {
        match random.u8(..20) {
            0..9 => Self::Ask,
            9..12 => Self::KeepAlive,
            12 => Self::Slow,
            13 => Self::Stalled,
            14 | 15 => Self::HalfClosed,
            16 => Self::AbortSyn,
            17 => Self::AbortOpen,
            18 => Self::AbortRequest,
            _ => Self::AbortResponse,
        }
    }

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Ask => "one request",
            Self::KeepAlive => "kept alive",
            Self::Slow => "byte by byte",
            Self::Stalled => "stalled",
            Self::HalfClosed => "half closed",
            Self::AbortSyn => "reset after SYN",
            Self::AbortOpen => "reset after handshake",
            Self::AbortRequest => "reset in request",
            Self::AbortResponse => "reset before response",
        }
    }

    /// Whether the server may end the connection early.
    pub(crate) const fn may_be_refused(self) -> bool {
        matches!(self, Self::Slow | Self::Stalled | Self::HalfClosed)
    }

    /// Runs it; `None` when this side ended the connection on purpose.
    pub(crate) async fn run(
        self,
        mut conn: Conn,
        options: &SegmentOptions,
        session: &mut Session<'_>,
        random: &mut fastrand::Rng,
    ) -> Result<Option<Match>, Fail> {
        if self == Self::AbortSyn {
            conn.syn(&options.syn)?;
            if random.bool() {
                conn.syn_ack().await?;
                conn.reset()?;
            }
            return Ok(None);
        }
        conn.open(&options.syn, options.ack.as_deref()).await?;
        match self {
            Self::AbortSyn => {}
            Self::AbortOpen => {
                conn.pause(millis(random, 200)).await?;
                conn.reset()?;
            }
            Self::AbortRequest => {
                conn.data(&options.data, &http::request(true)[..20])?;
                conn.pause(millis(random, 200)).await?;
                conn.reset()?;
            }
            Self::AbortResponse => {
                conn.data(&options.data, http::request(random.bool()))?;
                conn.reset()?;
            }
            Self::HalfClosed => {
                conn.data(&options.data, http::request(false))?;
                conn.fin()?;
                let response = conn.response().await?;
                let matched = session.judge(&response, conn.lossy)?;
                conn.close().await;
                return Ok(Some(matched));
            }
            Self::Ask | Self::KeepAlive | Self::Slow | Self::Stalled => {
                return self.converse(conn, options, session, random).await;
            }
        }
        Ok(None)
    }

    async fn converse(
        self,
        mut conn: Conn,
        options: &SegmentOptions,
        session: &mut Session<'_>,
        random: &mut fastrand::Rng,
    ) -> Result<Option<Match>, Fail> {
        let requests = if self == Self::KeepAlive {
            random.u8(2..6)
        } else {
            1
        };
        let mut matched = None;
        for left in (0..requests).rev() {
            // Sometimes the server closes first, sometimes this end.
            let request = http::request(left == 0 && random.bool());
            self.send(&mut conn, options, request, random).await?;
            let response = conn.response().await?;
            matched = Some(session.judge(&response, conn.lossy)?);
            if left > 0 {
                conn.pause(millis(random, 3000)).await?;
                if conn.finished() {
                    break;
                }
            }
        }
        conn.close().await;
        Ok(matched)
    }

    async fn send(
        self,
        conn: &mut Conn,
        options: &SegmentOptions,
        request: &[u8],
        random: &mut fastrand::Rng,
    ) -> Result<(), Fail> {
        let (first, rest) = request.split_at(10);
        match self {
            Self::Slow => {
                let mut options = options.data.as_slice();
                for byte in request {
                    conn.data(options, std::slice::from_ref(byte))?;
                    options = &[];
                    conn.pause(millis(random, 120)).await?;
                }
            }
            Self::Stalled => {
                conn.data(&options.data, first)?;
                conn.pause(Duration::from_secs(2) + millis(random, 8000))
                    .await?;
                conn.data(&options.later, rest)?;
            }
            _ if options.variant == OptionVariant::LaterOnly => {
                conn.data(&options.data, first)?;
                conn.flushed().await?;
                conn.data(&options.later, rest)?;
            }
            _ => conn.data(&options.data, request)?,
        }
        Ok(())
    }
}

pub(crate) fn millis(random: &mut fastrand::Rng, up_to: u64) -> Duration {
    Duration::from_millis(random.u64(..up_to))
}
