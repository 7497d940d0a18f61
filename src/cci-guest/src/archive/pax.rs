//! The records of an extended header, in which POSIX archives put what does not fit into a header.

/// A key and its value.
type Record<'a> = (&'a [u8], &'a [u8]);

/// The records as (key, value), as far as they make sense.
pub(super) fn records(mut bytes: &[u8]) -> Vec<Record<'_>> {
    let mut records = Vec::new();
    while let Some((record, rest)) = record(bytes) {
        records.push(record);
        bytes = rest;
    }
    records
}

/// `LENGTH KEY=VALUE\n`, and the rest.
fn record(bytes: &[u8]) -> Option<(Record<'_>, &[u8])> {
    let blank = bytes.iter().position(|byte| *byte == b' ')?;
    let length: usize = std::str::from_utf8(bytes.get(..blank)?).ok()?.parse().ok()?;
    let body = bytes.get(blank + 1..length.checked_sub(1)?)?;
    let equals = body.iter().position(|byte| *byte == b'=')?;
    Some(((body.get(..equals)?, body.get(equals + 1..)?), bytes.get(length..)?))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn records_are_read_until_they_make_no_sense() {
        let two = b"13 path=a=b\n.\n".as_slice();
        assert_eq!(records(b"12 path=abc\n11 size=12\n"), [(&b"path"[..], &b"abc"[..]), (b"size", b"12")]);
        assert_eq!(records(two), [(&b"path"[..], &b"a=b\n"[..])]);
        assert_eq!(records(b"999 path=a\n"), []);
        assert_eq!(records(b"0 =\n"), []);
    }

    proptest! {
        #[test]
        fn no_bytes_are_too_strange(bytes in prop::collection::vec(any::<u8>(), 0..100)) {
            let _ = records(&bytes);
        }
    }
}
