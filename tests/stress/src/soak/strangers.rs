//! Clients behind balancers who write TOA options themselves.

use std::net::SocketAddr;

use toa_lab::Mode;
use toa_lab::sandbox::Sandbox;

use super::conn::{Conn, Fail};
use super::expectation::Match;
use super::server::Server;
use super::session::Session;
use super::{address, http};
use crate::attempt::{Attempt, neighbor};
use crate::balanced::{Balanced, Balancing, MTU, believed, forward};

/// What they are behind, and the server that is behind that.
#[derive(Debug)]
pub(crate) struct Strangers {
    pub(crate) balanced: Balanced,
    pub(crate) server: usize,
}

pub(crate) const BEHIND_CORRECT: &str = "correct balancer";
pub(crate) const BEHIND_INSECURE: &str = "insecure balancer";

impl Strangers {
    /// Behind a balancer of each kind in front of each server.
    pub(crate) fn before(
        servers: &[Server],
        sandbox: &Sandbox,
        broken: bool,
    ) -> anyhow::Result<Vec<Self>> {
        forward(sandbox)?;
        let mut all = Vec::new();
        for (at, server) in servers.iter().enumerate() {
            let mode = match (server.v4_only(), at % 2) {
                (true, 0) => Mode::Fnat44,
                (false, 0) => Mode::Fnat66,
                _ => Mode::Nat64,
            };
            for balancing in [Balancing::Correct, Balancing::Insecure] {
                let (n, port) = (all.len() as u8, server.outside(false).port());
                all.push(Self {
                    balanced: Balanced::start(n, mode, balancing, port, broken)?,
                    server: at,
                });
            }
        }
        Ok(all)
    }

    pub(crate) const fn name(&self) -> &'static str {
        match self.balanced.balancing {
            Balancing::Correct => BEHIND_CORRECT,
            Balancing::Insecure => BEHIND_INSECURE,
        }
    }

    /// Makes the attempt, then one request.
    pub(crate) async fn run(
        &self,
        attempt: Attempt,
        id: u32,
        mut conn: Conn,
        session: &mut Session<'_>,
        random: &mut fastrand::Rng,
    ) -> Result<Option<Match>, Fail> {
        conn.syn(&attempt.syn())?;
        conn.syn_ack().await?;
        match attempt {
            Attempt::Neighbor => conn.shift_acknowledgment(neighbor(random)),
            Attempt::Older => conn.second_syn(&attempt.syn()).await?,
            _ => {}
        }
        let forged = address::forged(id, self.balanced.is_v6());
        let options = attempt.options(forged, &conn.answer.0, random);
        let request = match attempt {
            Attempt::LongData => {
                http::long_request(MTU - self.balanced.headers().0 - options.len())
            }
            _ => http::request(true).to_vec(),
        };
        let completes = match attempt {
            Attempt::LongData | Attempt::Fin => request.len(),
            _ => 0,
        };
        let own = self.balanced.stranger(id);
        let recognized = conn.acknowledges_last();
        self.expect(session, own, &options, completes, recognized);
        match attempt {
            Attempt::LongData => conn.data(&options, &request)?,
            Attempt::Fin => conn.data_and_fin(&options, &request)?,
            _ => {
                conn.complete(&options)?;
                conn.data(&[], &request)?;
            }
        }
        let response = conn.response().await?;
        let matched = session.judge(&response, conn.lossy)?;
        conn.close().await;
        Ok(Some(matched))
    }

    /// What the balancer drops is sent again without options.
    fn expect(
        &self,
        session: &mut Session<'_>,
        own: SocketAddr,
        options: &[u8],
        payload: usize,
        recognized: bool,
    ) {
        let arrives = self.balanced.passed_on(own, options, payload, recognized);
        let client = arrives.map_or(Some(own), |options| believed(&options));
        session.set_client(client, recognized.then_some(own));
    }
}
