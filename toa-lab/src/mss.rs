//! The maximum segment size that the two ends tell each other.

/// Lowers the maximum segment size in a SYN's option list.
pub(crate) fn lower_mss(options: &mut [u8], limit: u16) {
    let mut rest = options;
    loop {
        rest = match rest {
            [] | [0, ..] | [_] => return,
            [1, after @ ..] => after,
            [2, 4, high, low, ..] => {
                let mss = u16::from_be_bytes([*high, *low]).min(limit);
                [*high, *low] = mss.to_be_bytes();
                return;
            }
            [_, len, ..] => {
                let len = usize::from(*len);
                match rest.get_mut(len..) {
                    Some(after) if len >= 2 => after,
                    _ => return,
                }
            }
        };
    }
}
