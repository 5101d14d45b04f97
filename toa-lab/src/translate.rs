//! The balancer without its device: one packet in, at most one packet out.
//!
//! It behaves as DPVS does in FULLNAT: both addresses are replaced, sequence
//! numbers stay. The option goes directly behind the fixed TCP header, ahead of
//! whatever the client wrote there, and into every segment of the client that
//! acknowledges nothing but the backend's SYN: the one that completes the
//! handshake is among them, also when the first one is lost.
//!
//! What DPVS does not do: the client's own options of the kinds that sources read are
//! overwritten in every segment, and a segment that has no room for the option is not
//! passed on without it. Either would let a client name any address.
//! [`Plan::insecure_client_options`] switches both off.

use std::net::SocketAddr;
use std::time::Instant;

use toa_core::option::Encoded;
use toa_core::{OptionFormat, OptionFormats};

use crate::answers;
use crate::client_options::ClientOptions;
use crate::flow::{Event, Flow, FlowTable, Opened};
use crate::mss::lower_mss;
use crate::packet::{
    Echo, Outgoing, Parsed, Segment, TCP_FIXED_LEN, TCP_MAX_OPTIONS_LEN, ip_header_len, parse,
};
pub use crate::plan::{Plan, PlanError, Timeouts};
use crate::stats::{DropReason, Stats};

const KIND_TIMESTAMP: u8 = 8;
/// A timestamp option with its padding.
const TIMESTAMPS_LEN: usize = 12;

/// What to do with a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum Verdict {
    /// `out` holds the translated packet.
    Forward,
    /// `out` holds an answer to the sender.
    Reply,
    /// Nothing is to be sent.
    Drop(DropReason),
}

/// Translates packets between clients and one backend.
#[derive(Debug)]
pub struct Translator {
    plan: Plan,
    /// The option kinds that some source reads, indexed by kind.
    known_kinds: [bool; 256],
    flows: FlowTable,
    stats: Stats,
}

impl Translator {
    /// Checks the plan.
    ///
    /// # Errors
    ///
    /// What is wrong with it.
    pub fn new(plan: Plan) -> Result<Translator, PlanError> {
        plan.check()?;
        let max_flows = plan.max_flows;
        let flows = FlowTable::new(plan.pool.clone(), max_flows, plan.timeouts, plan.seed);
        let known_kinds = known_kinds(plan.option_format);
        Ok(Translator {
            plan,
            known_kinds,
            flows,
            stats: Stats::default(),
        })
    }

    /// What was counted so far.
    #[must_use]
    pub fn stats(&self) -> Stats {
        Stats {
            flows: self.flows.len() as u64,
            ..self.stats
        }
    }

    /// Ends the flows that were idle too long. It is cheap enough to call often.
    pub fn expire(&mut self, now: Instant) {
        self.stats.expired += self.flows.expire(now);
    }

    /// Translates one IP packet. Unless the verdict is a drop, `out` is
    /// replaced with the packet to send. Total: any input gives an answer.
    pub fn translate(&mut self, now: Instant, packet: &[u8], out: &mut Vec<u8>) -> Verdict {
        self.expire(now);
        let verdict = match parse(packet) {
            Ok(Parsed::Tcp(segment)) => self.tcp(now, packet, &segment, out),
            Ok(Parsed::Echo(echo)) => self.echo(&echo, out),
            Err(reason) => Verdict::Drop(reason),
        };
        if let Verdict::Drop(reason) = verdict {
            out.clear();
            self.stats.count_drop(reason);
        }
        verdict
    }

    fn echo(&mut self, echo: &Echo<'_>, out: &mut Vec<u8>) -> Verdict {
        if echo.destination != self.plan.virtual_addr.ip() {
            return Verdict::Drop(DropReason::Icmp);
        }
        if !answers::echo(echo, out) {
            return Verdict::Drop(DropReason::TooBig);
        }
        self.stats.echoes += 1;
        Verdict::Reply
    }

    fn tcp(
        &mut self,
        now: Instant,
        packet: &[u8],
        segment: &Segment<'_>,
        out: &mut Vec<u8>,
    ) -> Verdict {
        let tcp = &segment.tcp;
        let from_client = segment.destination.ip() == self.plan.virtual_addr.ip();
        let client = if from_client {
            if segment.destination != self.plan.virtual_addr {
                return self.reset(segment, out);
            }
            if tcp.syn() && !tcp.ack() && !tcp.rst() {
                let (opened, expired, evicted) = match self.flows.open(now, segment.source) {
                    Opened::Known => (0, 0, 0),
                    Opened::New => (1, 0, 0),
                    Opened::Again => (1, 1, 0),
                    Opened::InPlaceOfAnother => (1, 0, 1),
                };
                self.stats.opened += opened;
                self.stats.expired += expired;
                self.stats.evicted += evicted;
            }
            segment.source
        } else if segment.source == self.plan.backend
            && self.plan.pool.contains(&segment.destination.ip())
        {
            match self.flows.client_of(segment.destination) {
                Some(client) => client,
                None => return self.reset(segment, out),
            }
        } else {
            return Verdict::Drop(DropReason::NotForUs);
        };
        if segment.hop_limit <= 1 {
            return Verdict::Drop(DropReason::HopLimit);
        }
        let event = Event {
            from_client,
            syn: tcp.syn(),
            ack: tcp.ack(),
            fin: tcp.fin(),
            rst: tcp.rst(),
            sequence: tcp.sequence_number(),
        };
        let Some(flow) = self.flows.get(client).cloned() else {
            return self.reset(segment, out);
        };
        let verdict = self.forward(packet, segment, from_client, &flow, out);
        // What does not reach the other side moves no connection on.
        if verdict == Verdict::Forward {
            self.flows.advance(now, client, event);
        }
        verdict
    }

    fn forward(
        &mut self,
        packet: &[u8],
        segment: &Segment<'_>,
        from_client: bool,
        flow: &Flow,
        out: &mut Vec<u8>,
    ) -> Verdict {
        let tcp = &segment.tcp;
        let (source, destination) = match from_client {
            true => (flow.pool, self.plan.backend),
            false => (self.plan.virtual_addr, flow.client),
        };
        let header = tcp.header_slice();
        let mut fixed = [0; TCP_FIXED_LEN];
        fixed.copy_from_slice(&header[..TCP_FIXED_LEN]);
        let mut options = ClientOptions::copy_of(&header[TCP_FIXED_LEN..]);
        if from_client && !self.plan.insecure_client_options {
            let keeps_timestamps = !tcp.syn() || self.has_room_for_timestamps(flow.client);
            options.overwrite(|kind| {
                self.known_kinds[usize::from(kind)] || (kind == KIND_TIMESTAMP && !keeps_timestamps)
            });
        }
        if tcp.syn() {
            lower_mss(options.as_mut_slice(), self.room(flow.client));
        }
        let mut toa = None;
        if from_client && self.wants_option(segment, flow) {
            let without = ip_header_len(destination.ip()) + TCP_FIXED_LEN + tcp.payload().len();
            match self.option_for(flow.client, &mut options, without) {
                Ok(option) => toa = option,
                Err(reason) => return Verdict::Drop(reason),
            }
        }
        let outgoing = Outgoing {
            source,
            destination,
            hop_limit: segment.hop_limit - 1,
            traffic_class: segment.traffic_class,
            fixed,
            options: [toa.as_deref().unwrap_or_default(), options.as_slice()],
            payload: tcp.payload(),
        };
        let (mtu, len) = (usize::from(self.plan.mtu), outgoing.len());
        if len > mtu {
            self.stats.toa_over_mtu += u64::from(len - outgoing.options[0].len() <= mtu);
            let before = ip_header_len(segment.source.ip()) + header.len() + tcp.payload().len();
            return self.too_big(packet, segment, len.saturating_sub(before), out);
        }
        if !outgoing.write(out) {
            return Verdict::Drop(DropReason::TooBig);
        }
        self.stats.toa_inserted += u64::from(toa.is_some());
        *(match from_client {
            true => &mut self.stats.from_client,
            false => &mut self.stats.from_backend,
        }) += 1;
        Verdict::Forward
    }

    fn wants_option(&self, segment: &Segment<'_>, flow: &Flow) -> bool {
        let tcp = &segment.tcp;
        if tcp.rst() {
            false
        } else if tcp.syn() {
            self.plan.option_in_syn
        } else {
            tcp.ack() && flow.first_data == Some(tcp.acknowledgment_number())
        }
    }

    /// The option for a segment of this client, after making room for it in `options`;
    /// `without` is the length of the packet without any options.
    fn option_for(
        &mut self,
        client: SocketAddr,
        options: &mut ClientOptions,
        without: usize,
    ) -> Result<Option<Encoded>, DropReason> {
        let Some(toa) = self.plan.option(client).map(|option| option.encode()) else {
            return Err(DropReason::NoRoom);
        };
        let mtu = usize::from(self.plan.mtu);
        let exceeds_mtu = without + options.len() + toa.len() > mtu;
        if self.plan.insecure_client_options {
            if options.len() + toa.len() > TCP_MAX_OPTIONS_LEN {
                self.stats.toa_no_room += 1;
                return Ok(None);
            }
            if exceeds_mtu {
                self.stats.toa_over_mtu += 1;
                return Ok(None);
            }
            return Ok(Some(toa));
        }
        // Where no other option of this size would fit beside it, a source believes ours
        // only if the client's list is as short as a normal stack writes it.
        if options.len() + 2 * toa.len() > TCP_MAX_OPTIONS_LEN || exceeds_mtu {
            options.remove_padding();
        }
        if options.len() + toa.len() > TCP_MAX_OPTIONS_LEN {
            return Err(DropReason::NoRoom);
        }
        Ok(Some(toa))
    }

    /// Timestamps would be in every segment, also in the one that needs the option.
    fn has_room_for_timestamps(&self, client: SocketAddr) -> bool {
        let toa = self.plan.option_len(client).unwrap_or_default();
        toa + TIMESTAMPS_LEN <= TCP_MAX_OPTIONS_LEN
    }

    /// The largest segment that fits on both sides, with our option in it.
    fn room(&self, client: SocketAddr) -> u16 {
        let toa = self.plan.option_len(client).unwrap_or_default();
        let backend = ip_header_len(self.plan.backend.ip()) + toa;
        let headers = ip_header_len(client.ip()).max(backend) + TCP_FIXED_LEN;
        self.plan.mtu - headers as u16
    }

    fn reset(&mut self, segment: &Segment<'_>, out: &mut Vec<u8>) -> Verdict {
        if segment.tcp.rst() || !answers::reset(segment, out) {
            return Verdict::Drop(DropReason::NoFlow);
        }
        self.stats.resets_sent += 1;
        Verdict::Reply
    }

    /// The lowered MSS prevents this, but a sender may ignore that.
    fn too_big(
        &mut self,
        packet: &[u8],
        segment: &Segment<'_>,
        grown: usize,
        out: &mut Vec<u8>,
    ) -> Verdict {
        let fits = self.plan.mtu - grown as u16;
        if !answers::too_big(packet, segment, fits, out) {
            return Verdict::Drop(DropReason::TooBig);
        }
        self.stats.too_big_sent += 1;
        Verdict::Reply
    }
}

/// Under each of these kinds some source can be told to read an address.
fn known_kinds(written: OptionFormat) -> [bool; 256] {
    let mut known = [false; 256];
    for format in OptionFormat::NAMED.into_iter().chain([written]) {
        // A plan with a format that is refused is refused itself.
        let Ok(formats) = OptionFormats::new([format]) else {
            continue;
        };
        for kind in 0..=u8::MAX {
            known[usize::from(kind)] |= formats.contains_kind(kind);
        }
    }
    known
}
