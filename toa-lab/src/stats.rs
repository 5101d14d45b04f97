//! What a balancer counted.

/// Why a packet was dropped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum DropReason {
    /// Lengths or versions do not fit.
    Malformed,
    /// An IP or TCP checksum is wrong.
    BadChecksum,
    /// An IP fragment.
    Fragment,
    /// An ICMP message other than an echo request to the virtual address.
    Icmp,
    /// Neither TCP nor ICMP, or TCP behind an IPv6 extension header.
    NotTcp,
    /// Not addressed to the virtual address, nor from the backend to the pool.
    NotForUs,
    /// A stray segment of no known flow that must not be answered (a reset).
    NoFlow,
    /// The hop limit ran out.
    HopLimit,
    /// Longer than the device carries, and no way to tell the sender.
    TooBig,
    /// The client's own options leave no room for the TOA option.
    NoRoom,
}

/// Counters of a balancer since it started.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Stats {
    /// Flows in the table now.
    pub flows: u64,
    /// Flows ever opened, one for each connection.
    pub opened: u64,
    /// Flows that ended by their timeout, which properly closed ones have too, or
    /// because their client's port came into use again.
    pub expired: u64,
    /// Flows thrown out because the table was full.
    pub evicted: u64,
    /// Segments translated from client to backend.
    pub from_client: u64,
    /// Segments translated from backend to client.
    pub from_backend: u64,
    /// Segments that were given a TOA option.
    pub toa_inserted: u64,
    /// Dropped: [`DropReason::NoRoom`]. With
    /// [`insecure_client_options`](crate::translate::Plan::insecure_client_options):
    /// forwarded without one for that reason.
    pub toa_no_room: u64,
    /// Segments that only the option would have made longer than the MTU. They are not
    /// forwarded, and count among `too_big_sent` or `too_big`; with
    /// [`insecure_client_options`](crate::translate::Plan::insecure_client_options)
    /// they are forwarded without one.
    pub toa_over_mtu: u64,
    /// Resets sent for segments of no known flow or to another port.
    pub resets_sent: u64,
    /// Echo requests answered.
    pub echoes: u64,
    /// "Too big" messages sent.
    pub too_big_sent: u64,
    /// Packets that the kernel would not take back from us.
    pub write_errors: u64,
    /// Dropped: [`DropReason::Malformed`].
    pub malformed: u64,
    /// Dropped: [`DropReason::BadChecksum`].
    pub bad_checksum: u64,
    /// Dropped: [`DropReason::Fragment`].
    pub fragments: u64,
    /// Dropped: [`DropReason::Icmp`].
    pub icmp: u64,
    /// Dropped: [`DropReason::NotTcp`].
    pub not_tcp: u64,
    /// Dropped: [`DropReason::NotForUs`].
    pub not_for_us: u64,
    /// Dropped: [`DropReason::NoFlow`].
    pub no_flow: u64,
    /// Dropped: [`DropReason::HopLimit`].
    pub hop_limit: u64,
    /// Dropped: [`DropReason::TooBig`].
    pub too_big: u64,
}

impl Stats {
    pub(crate) fn count_drop(&mut self, reason: DropReason) {
        let counter = match reason {
            DropReason::Malformed => &mut self.malformed,
            DropReason::BadChecksum => &mut self.bad_checksum,
            DropReason::Fragment => &mut self.fragments,
            DropReason::Icmp => &mut self.icmp,
            DropReason::NotTcp => &mut self.not_tcp,
            DropReason::NotForUs => &mut self.not_for_us,
            DropReason::NoFlow => &mut self.no_flow,
            DropReason::HopLimit => &mut self.hop_limit,
            DropReason::TooBig => &mut self.too_big,
            DropReason::NoRoom => &mut self.toa_no_room,
        };
        *counter += 1;
    }
}
