//! An answer of Incus, told apart by its body: a failed `/wait` arrives under HTTP 200.

use serde::Deserialize;
use serde_json::Value;

/// The three shapes of an answer.
#[derive(Debug, Clone, PartialEq)]
pub enum Reply {
    /// Done; the result.
    Sync(Value),
    /// Taken on; the operation's path and what is known of it.
    Async {
        /// `/1.0/operations/<id>`
        operation: String,
        /// The operation as it stands.
        metadata: Value,
    },
    /// Refused, or the operation waited for has failed.
    Error {
        /// The server's number: an HTTP status.
        code: u16,
        /// The server's sentence.
        message: String,
    },
}

#[derive(Deserialize)]
struct Body {
    #[serde(rename = "type")]
    kind: String,
    #[serde(default)]
    metadata: Value,
    #[serde(default)]
    operation: String,
    #[serde(default)]
    error: String,
    #[serde(default)]
    error_code: u16,
}

impl Reply {
    /// Reads a body; the text says what is odd about it otherwise.
    pub fn parse(bytes: &[u8]) -> Result<Self, String> {
        let body: Body = serde_json::from_slice(bytes).map_err(|error| error.to_string())?;
        match body.kind.as_str() {
            "sync" => Ok(Self::Sync(body.metadata)),
            "async" => Ok(Self::Async { operation: body.operation, metadata: body.metadata }),
            "error" => Ok(Self::Error { code: body.error_code, message: body.error }),
            other => Err(format!("type '{other}'")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_body_decides() {
        let parse = |text: &str| Reply::parse(text.as_bytes());
        assert_eq!(parse(r#"{"type":"sync","metadata":[1]}"#), Ok(Reply::Sync(serde_json::json!([1]))));
        assert_eq!(
            parse(r#"{"type":"error","status_code":200,"error":"x","error_code":400,"metadata":null}"#),
            Ok(Reply::Error { code: 400, message: "x".into() })
        );
        assert!(matches!(parse(r#"{"type":"async","operation":"/1.0/operations/a"}"#), Ok(Reply::Async { .. })));
        assert!(parse(r#"{"type":"other"}"#).is_err());
        assert!(parse("[]").is_err());
    }

    proptest! {
        #[test]
        fn no_bytes_make_the_reader_panic(bytes: Vec<u8>) {
            let _ = Reply::parse(&bytes);
        }
    }
}
