//! An object in a pack: a header with its kind and size, then its compressed bytes.

use crate::hash::Kind;

/// Begins a pack of `count` objects.
pub(crate) fn pack_header(count: u32) -> [u8; 12] {
    let mut header = *b"PACK\0\0\0\x02\0\0\0\0";
    header[8..].copy_from_slice(&count.to_be_bytes());
    header
}

/// Appends the header of an object of `size` bytes.
pub(crate) fn header(kind: Kind, size: u64, out: &mut Vec<u8>) {
    let kind = match kind {
        Kind::Commit => 1,
        Kind::Tree => 2,
        Kind::Blob => 3,
    };
    let mut byte = (kind << 4) | low(size, 0x0f);
    let mut rest = size >> 4;
    while rest > 0 {
        out.push(byte | 0x80);
        byte = low(rest, 0x7f);
        rest >>= 7;
    }
    out.push(byte);
}

/// The lowest bits of `number`.
fn low(number: u64, mask: u8) -> u8 {
    (number & u64::from(mask)).to_le_bytes()[0]
}
