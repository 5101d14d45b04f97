//! What to ask the balancer's maker for.

/// What a balancer must do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ask {
    Insert,
    First,
    Overwrite,
    Kinds,
    Room,
    Long,
    Fin,
    EverySegment,
}

impl Ask {
    /// In the order of the answers.
    pub(super) const ALL: [Self; 8] = [
        Self::Insert,
        Self::First,
        Self::Overwrite,
        Self::Kinds,
        Self::Room,
        Self::Long,
        Self::Fin,
        Self::EverySegment,
    ];

    pub(super) fn text(self) -> &'static str {
        match self {
            Self::Insert => {
                "Insert the TOA option into the segment that completes the handshake. (Or the \
                 source on the backend reads another kind or format than the balancer writes.)"
            }
            Self::First => {
                "Write the balancer's option directly behind the fixed TCP header, ahead of the \
                 client's options, and overwrite the client's own options of the TOA kinds."
            }
            Self::Overwrite => {
                "Overwrite the client's own options of the TOA kinds (with no-operations) before \
                 the balancer adds its own, so that they neither take its room nor arrive. Where \
                 there is no room left for the balancer's option, drop the segment."
            }
            Self::Kinds => {
                "Overwrite the client's options of every kind that TOA sources read, not only of \
                 the one that the balancer writes: 254, 253, 200, and 252 and 28 where they are \
                 in use. Drop a segment that has no room for the balancer's option."
            }
            Self::Room => {
                "Remove a client's padding to make room for the balancer's option; never pass on \
                 the segment without it."
            }
            Self::Long => {
                "Lower the MSS of the handshake by the length of the option, and answer a first \
                 segment that is too long for it with ICMP \"too big\"; never pass it on without \
                 the option."
            }
            Self::Fin => {
                "Treat a FIN that completes the handshake as any other segment that does: \
                 overwrite the client's own options, and insert the balancer's."
            }
            Self::EverySegment => {
                "Overwrite the client's own options of the TOA kinds in every segment, not only in \
                 those that look like the end of the handshake: under SYN cookies the backend takes \
                 others, and some modules read the option of a SYN-ACK."
            }
        }
    }
}
