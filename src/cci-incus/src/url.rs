//! Percent-encoding of paths and queries: a name can never escape from its place in a URL.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};

/// The characters that are encoded.
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');

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
    into.extend(utf8_percent_encode(raw, ENCODED));
}

/// The text before encoding; `None` if it is not valid UTF-8 once decoded.
pub(crate) fn decoded(raw: &str) -> Option<String> {
    percent_decode_str(raw).decode_utf8().ok().map(Into::into)
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
