//! Timestamp options of hand-made segments.

/// A timestamp option behind two bytes of padding (RFC 7323, appendix A).
pub(super) fn timestamps(value: u32, echo: u32) -> Vec<u8> {
    let mut option = vec![1, 1, 8, 10];
    option.extend(value.to_be_bytes());
    option.extend(echo.to_be_bytes());
    option
}

/// The value of a timestamp option in this list.
pub(super) fn timestamp_of(mut list: &[u8]) -> Option<u32> {
    loop {
        list = match *list {
            [] | [0, ..] => return None,
            [1, ref rest @ ..] => rest,
            [8, 10, a, b, c, d, ..] => return Some(u32::from_be_bytes([a, b, c, d])),
            [_, len, ..] if len >= 2 => list.get(usize::from(len)..)?,
            _ => return None,
        };
    }
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    const MSS: [u8; 4] = [2, 4, 0x05, 0xb4];

    #[test]
    fn the_timestamp_is_found_behind_other_options() {
        let list = [&MSS[..], &[4, 2], &[8, 10, 0, 0, 1, 2, 0, 0, 0, 0]].concat();
        assert_eq!(timestamp_of(&list), Some(0x102));
        assert_eq!(timestamp_of(&timestamps(7, 8)), Some(7));
        for none in [&[][..], &MSS, &[0, 8, 10, 1, 2, 3, 4], &[8, 10, 1], &[3, 0]] {
            assert_eq!(timestamp_of(none), None, "{none:?}");
        }
    }

    proptest! {
        #[test]
        fn any_option_list_has_a_timestamp_or_none(list in vec(any::<u8>(), 0..60)) {
            let _ = timestamp_of(&list);
        }
    }
}
