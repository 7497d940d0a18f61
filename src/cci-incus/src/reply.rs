//! Incus's answers, told apart by the body: a failed `/wait` arrives with HTTP 200.

use serde::Deserialize;
use serde_json::value::RawValue;

/// One answer of the API, its metadata still unparsed.
#[derive(Debug)]
pub(crate) enum Reply<'a> {
    /// The work is done; the metadata is its result.
    Sync { metadata: &'a RawValue },
    /// The work continues as an operation; the metadata describes it.
    Async { metadata: &'a RawValue },
    /// The work was refused or has failed.
    Error { code: u16, message: String },
}

/// The three shapes in one; `type` decides which fields count.
#[derive(Deserialize)]
struct Envelope<'a> {
    #[serde(rename = "type")]
    kind: String,
    #[serde(default)]
    error: String,
    #[serde(default)]
    error_code: u16,
    #[serde(borrow, default)]
    metadata: Option<&'a RawValue>,
}

impl<'a> Reply<'a> {
    /// Reads a body; the error says what is wrong with it.
    pub(crate) fn parse(body: &'a [u8]) -> Result<Self, serde_json::Error> {
        let envelope: Envelope<'a> = serde_json::from_slice(body)?;
        let metadata = envelope.metadata.unwrap_or(RawValue::NULL);
        match envelope.kind.as_str() {
            "sync" => Ok(Self::Sync { metadata }),
            "async" => Ok(Self::Async { metadata }),
            "error" => Ok(Self::Error { code: envelope.error_code, message: envelope.error }),
            other => Err(serde::de::Error::custom(format_args!("unknown reply type '{other}'"))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_finished_call_carries_its_result() {
        let body = br#"{"type":"sync","status":"Success","status_code":200,"operation":"","error_code":0,"error":"","metadata":["/1.0"]}"#;
        let Ok(Reply::Sync { metadata }) = Reply::parse(body) else { panic!("not sync") };
        assert_eq!(metadata.get(), r#"["/1.0"]"#);
    }

    #[test]
    fn a_started_operation_is_described() {
        let body = br#"{"type":"async","status":"Operation created","status_code":100,"operation":"/1.0/operations/x","metadata":{"id":"x"}}"#;
        let Ok(Reply::Async { metadata }) = Reply::parse(body) else { panic!("not async") };
        assert_eq!(metadata.get(), r#"{"id":"x"}"#);
    }

    #[test]
    fn an_error_is_one_whatever_the_http_status_was() {
        let body = br#"{"type":"error","status":"","status_code":0,"operation":"","error_code":404,"error":"Instance not found","metadata":null}"#;
        let Ok(Reply::Error { code, message }) = Reply::parse(body) else { panic!("not an error") };
        assert_eq!((code, message.as_str()), (404, "Instance not found"));
    }

    #[test]
    fn absent_metadata_reads_as_null() {
        let Ok(Reply::Sync { metadata }) = Reply::parse(br#"{"type":"sync"}"#) else { panic!("not sync") };
        assert_eq!(metadata.get(), "null");
    }

    #[test]
    fn another_type_is_an_error() {
        assert!(Reply::parse(br#"{"type":"later"}"#).is_err());
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(body in proptest::collection::vec(any::<u8>(), 0..256)) {
            let _ = Reply::parse(&body);
        }

        #[test]
        fn no_envelope_makes_it_panic(kind in "sync|async|error|.*", error in ".*", code in any::<i64>()) {
            let body = serde_json::json!({"type": kind, "error": error, "error_code": code, "metadata": {}}).to_string();
            let _ = Reply::parse(body.as_bytes());
        }
    }
}
