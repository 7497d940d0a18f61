//! The fields of a header block: text up to the first zero, and numbers in octal digits or in binary.

use super::BLOCK;

/// The position of the checksum.
const SUM: std::ops::Range<usize> = 148..156;

/// Writes bytes at a place of a block.
pub(super) fn put(block: &mut [u8; BLOCK], at: usize, bytes: &[u8]) {
    for (to, from) in block.iter_mut().skip(at).zip(bytes) {
        *to = *from;
    }
}

/// Octal digits, or big-endian bytes after a flag if they do not fit.
pub(super) fn number(value: u64, width: usize) -> Vec<u8> {
    let octal = format!("{value:0>digits$o}\0", digits = width - 1);
    if octal.len() == width {
        return octal.into_bytes();
    }
    let mut binary = vec![0; width.saturating_sub(8)];
    binary.extend(value.to_be_bytes());
    // where the field has only eight bytes, none of these values reaches the flag
    if let Some(first) = binary.first_mut() {
        *first |= 0x80;
    }
    binary
}

/// Writes the checksum of a complete block.
pub(super) fn seal(block: &mut [u8; BLOCK]) {
    put(block, SUM.start, format!("{:06o}\0 ", sum(block)).as_bytes());
}

/// Whether a block's checksum is right.
pub(super) fn is_sealed(block: &[u8; BLOCK]) -> bool {
    block.get(SUM).and_then(value) == Some(sum(block))
}

/// The sum of a block's bytes, with the checksum itself counted as spaces.
fn sum(block: &[u8; BLOCK]) -> u64 {
    block.iter().enumerate().map(|(at, byte)| u64::from(if SUM.contains(&at) { b' ' } else { *byte })).sum()
}

/// Text up to the first zero.
pub(super) fn text(field: &[u8]) -> Vec<u8> {
    field.iter().copied().take_while(|byte| *byte != 0).collect()
}

/// A number as [`number`] writes it, with the spaces that other programs write; a negative one counts as zero.
pub(super) fn value(field: &[u8]) -> Option<u64> {
    match field.first()? {
        0x80 => {
            let (high, low) = field.split_at(field.len().saturating_sub(8));
            let zero = high.iter().skip(1).all(|byte| *byte == 0);
            let low: [u8; 8] = low.try_into().ok()?;
            // in an eight byte field the flag is part of the number's first byte
            let mask = if high.is_empty() { u64::MAX >> 1 } else { u64::MAX };
            zero.then_some(u64::from_be_bytes(low) & mask)
        }
        0xff => Some(0),
        _ => {
            let digits = field.iter().copied().skip_while(|byte| *byte == b' ');
            let digits = digits.take_while(|byte| !matches!(byte, 0 | b' '));
            digits.into_iter().try_fold(0_u64, |sum, digit| match digit {
                b'0'..=b'7' => sum.checked_mul(8)?.checked_add(u64::from(digit - b'0')),
                _ => None,
            })
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn spaces_around_digits_and_a_negative_number_are_read_as_others_write_them() {
        assert_eq!(value(b"  755 \0\0"), Some(0o755));
        assert_eq!(value(&[0xff; 12]), Some(0));
        assert_eq!(value(b"12x4567\0"), None);
        assert_eq!(value(b""), None);
    }

    proptest! {
        #[test]
        fn a_number_that_fits_is_read_as_it_was_written(number in any::<u64>(), small in 0..1_u64 << 56) {
            prop_assert_eq!(value(&super::number(number, 12)), Some(number));
            prop_assert_eq!(value(&super::number(small, 8)), Some(small));
        }

        #[test]
        fn no_field_is_too_strange(field in prop::collection::vec(any::<u8>(), 0..16)) {
            let _ = (value(&field), text(&field));
        }
    }
}
