//! An object in a pack can be a difference to another one.

/// The object that a difference makes of its base; nothing if the two do not fit, or it would be larger than `largest`.
pub(super) fn apply(base: &[u8], delta: &[u8], largest: u64) -> Option<Vec<u8>> {
    let mut delta = Bytes(delta);
    let (from, size) = (delta.number()?, delta.number()?);
    if from != base.len() as u64 || size > largest {
        return None;
    }
    let size = usize::try_from(size).ok()?;
    let mut out = Vec::with_capacity(size);
    while let Some(order) = delta.next() {
        if order & 0x80 != 0 {
            let (start, length) = delta.copy(order)?;
            out.extend_from_slice(base.get(start..start.checked_add(length)?)?);
        } else if order > 0 {
            out.extend_from_slice(delta.take(order.into())?);
        } else {
            return None;
        }
        if out.len() > size {
            return None;
        }
    }
    (out.len() == size).then_some(out)
}

/// What is left of a difference.
struct Bytes<'a>(&'a [u8]);

impl<'a> Bytes<'a> {
    fn next(&mut self) -> Option<u8> {
        let (first, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(*first)
    }

    fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(taken)
    }

    /// Seven bits a byte, the lowest first.
    fn number(&mut self) -> Option<u64> {
        let mut number = 0;
        for shift in (0..63).step_by(7) {
            let byte = self.next()?;
            number |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Some(number);
            }
        }
        None
    }

    /// Where a part of the base begins, and how long it is; the bits of the order say which bytes are given.
    fn copy(&mut self, order: u8) -> Option<(usize, usize)> {
        let mut number = |bits: std::ops::Range<u32>| {
            let first = bits.start;
            let mut number = 0_usize;
            for bit in bits {
                if order & (1 << bit) != 0 {
                    number |= usize::from(self.next()?) << (8 * (bit - first));
                }
            }
            Some(number)
        };
        let (start, length) = (number(0..4)?, number(4..7)?);
        Some((start, if length == 0 { 0x10000 } else { length }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_of_the_base_and_new_bytes_make_the_object() {
        let delta = [&[10, 9, 0x90, 3, 3][..], b"new", &[0x91, 7, 3]].concat();
        assert_eq!(apply(b"0123456789", &delta, 100).unwrap(), b"012new789");
    }

    #[test]
    fn a_difference_that_does_not_fit_is_none() {
        let base = b"0123456789";
        let cases: [(&str, &[u8]); 7] = [
            ("another base", &[9, 1, 1, b'a']),
            ("too short", &[10, 5, 1, b'a']),
            ("too long", &[10, 1, 2, b'a', b'b']),
            ("outside the base", &[10, 3, 0x91, 8, 3]),
            ("the reserved order", &[10, 1, 0]),
            ("cut off", &[10, 5, 5, b'a']),
            ("a number without an end", &[0xff; 12]),
        ];
        for (what, delta) in cases {
            assert_eq!(apply(base, delta, 100), None, "{what}");
        }
        assert_eq!(apply(base, &[10, 3, 0x90, 3], 2), None, "larger than allowed");
    }
}
