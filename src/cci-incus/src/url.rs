//! Percent-encoding of paths and queries: a name can never leave its place in a URL.

use std::fmt::Write as _;

/// `/1.0/` and the segments after it, each encoded, so that no name adds a segment or a query.
pub(crate) fn path<'a>(segments: impl IntoIterator<Item = &'a str>) -> String {
    let mut path = String::from("/1.0");
    for segment in segments {
        path.push('/');
        push_encoded(&mut path, segment);
    }
    path
}

/// `key=value` pairs joined by `&`, both sides encoded.
pub(crate) fn query<'a>(pairs: impl IntoIterator<Item = (&'a str, &'a str)>) -> String {
    let mut query = String::new();
    for (key, value) in pairs {
        if !query.is_empty() {
            query.push('&');
        }
        push_encoded(&mut query, key);
        query.push('=');
        push_encoded(&mut query, value);
    }
    query
}

fn push_encoded(into: &mut String, raw: &str) {
    for byte in raw.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => {
                into.push(char::from(byte));
            }
            other => {
                // writing to a String cannot fail
                let _ = write!(into, "%{other:02X}");
            }
        }
    }
}

/// The text before encoding; `None` if it is not valid UTF-8 once decoded.
pub(crate) fn decoded(raw: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(raw.len());
    let mut rest = raw.as_bytes();
    while let Some((&first, tail)) = rest.split_first() {
        let hex = if first == b'%' { tail.get(..2).and_then(hex_byte) } else { None };
        bytes.push(hex.unwrap_or(first));
        rest = if hex.is_some() { tail.get(2..)? } else { tail };
    }
    String::from_utf8(bytes).ok()
}

fn hex_byte(digits: &[u8]) -> Option<u8> {
    let text = std::str::from_utf8(digits).ok()?;
    text.bytes().all(|digit| digit.is_ascii_hexdigit()).then(|| u8::from_str_radix(text, 16).ok())?
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_name_stays_one_segment() {
        assert_eq!(path(["instances", "a/b?c#d %", "state"]), "/1.0/instances/a%2Fb%3Fc%23d%20%25/state");
    }

    #[test]
    fn a_value_stays_one_value() {
        assert_eq!(query([("path", "/a b&c=d"), ("project", "p")]), "path=%2Fa%20b%26c%3Dd&project=p");
    }

    proptest! {
        #[test]
        fn what_is_encoded_reads_back(name in ".*") {
            let mut encoded = String::new();
            push_encoded(&mut encoded, &name);
            prop_assert!(encoded.bytes().all(|byte| byte.is_ascii_graphic()));
            prop_assert_eq!(decoded(&encoded), Some(name));
        }

        #[test]
        fn decoding_never_panics(raw in ".*") {
            let _ = decoded(&raw);
        }
    }
}
