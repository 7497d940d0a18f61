//! What a part of an answer of the API tells of its cost: read on its way, where answers come at hundreds of megabytes a
//! second, so nothing of it is built but what counts.

use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::Value;

use crate::login::{Cost, Tokens};

/// The part of an answer; what is not named is passed over.
#[derive(Deserialize)]
struct Part {
    /// What Bedrock adds to the last part of an answer, of whichever model.
    #[serde(rename = "amazon-bedrock-invocationMetrics")]
    metrics: Option<Metrics>,
    usage: Option<Value>,
    message: Option<Message>,
    #[serde(default)]
    delta: Texts,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Metrics {
    #[serde(default)]
    input_token_count: u64,
    #[serde(default)]
    output_token_count: u64,
}

#[derive(Deserialize)]
struct Message {
    usage: Option<Value>,
}

/// How long the texts of an object are together, but for the one that says what it is.
#[derive(Default)]
struct Texts(u64);

/// How long a text is; nothing else has a length.
struct Length(u64);

/// The cost that a part tells; `None` if it is no part of an answer.
pub(super) fn cost(part: &[u8]) -> Option<Cost> {
    let part: Part = serde_json::from_slice(part).ok()?;
    if let Some(Metrics { input_token_count: input, output_token_count: output }) = part.metrics {
        return Some(Cost::Spent(Tokens { input, output, ..Tokens::default() }));
    }
    let Some(usage) = part.usage.or_else(|| part.message?.usage) else { return Some(Cost::Written(part.delta.0)) };
    let count = |key: &str| usage.get(key).and_then(Value::as_u64).unwrap_or_default();
    Some(Cost::Spent(Tokens {
        input: count("input_tokens"),
        output: count("output_tokens"),
        cache_read: count("cache_read_input_tokens"),
        cache_written: count("cache_creation_input_tokens"),
    }))
}

/// What has lengths: an object the sum of its texts, a text its own, anything else none.
struct Lengths;

impl<'de> Visitor<'de> for Lengths {
    type Value = u64;

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("anything")
    }

    fn visit_str<E>(self, text: &str) -> Result<u64, E> {
        Ok(text.len() as u64)
    }

    fn visit_bool<E>(self, _: bool) -> Result<u64, E> {
        Ok(0)
    }

    fn visit_i64<E>(self, _: i64) -> Result<u64, E> {
        Ok(0)
    }

    fn visit_u64<E>(self, _: u64) -> Result<u64, E> {
        Ok(0)
    }

    fn visit_f64<E>(self, _: f64) -> Result<u64, E> {
        Ok(0)
    }

    fn visit_unit<E>(self) -> Result<u64, E> {
        Ok(0)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<u64, A::Error> {
        while list.next_element::<IgnoredAny>()?.is_some() {}
        Ok(0)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut object: A) -> Result<u64, A::Error> {
        while object.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(0)
    }
}

impl<'de> Deserialize<'de> for Length {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_any(Lengths).map(Self)
    }
}

/// The keys of an object: all that is to be known is whether it is the one that is left out.
struct IsKind(bool);

impl<'de> Deserialize<'de> for IsKind {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Key;
        impl Visitor<'_> for Key {
            type Value = bool;

            fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
                out.write_str("a key")
            }

            fn visit_str<E>(self, key: &str) -> Result<bool, E> {
                Ok(key == "type")
            }
        }
        from.deserialize_str(Key).map(Self)
    }
}

impl<'de> Deserialize<'de> for Texts {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Sum;
        impl<'de> Visitor<'de> for Sum {
            type Value = u64;

            fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
                out.write_str("an object")
            }

            fn visit_unit<E>(self) -> Result<u64, E> {
                Ok(0)
            }

            fn visit_map<A: MapAccess<'de>>(self, mut object: A) -> Result<u64, A::Error> {
                let mut sum = 0;
                while let Some((IsKind(is_kind), Length(length))) = object.next_entry()? {
                    sum += if is_kind { 0 } else { length };
                }
                Ok(sum)
            }
        }
        from.deserialize_any(Sum).map(Self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_tells_its_tokens_or_how_much_it_wrote() {
        let start = br#"{"type":"message_start","message":{"id":"m","usage":{"input_tokens":3,"cache_read_input_tokens":7,"output_tokens":1}}}"#;
        let end = br#"{"type":"message_delta","delta":{"stop_reason":"end_turn"},"usage":{"output_tokens":12,"input_tokens":null}}"#;
        let (Some(Cost::Spent(start)), Some(Cost::Spent(end))) = (cost(start), cost(end)) else { panic!("no tokens") };
        assert_eq!(start.with(end), Tokens { input: 3, output: 12, cache_read: 7, cache_written: 0 });
        let last = br#"{"type":"message_stop","amazon-bedrock-invocationMetrics":{"inputTokenCount":3,"outputTokenCount":12,"firstByteLatency":1.5}}"#;
        assert_eq!(cost(last), Some(Cost::Spent(Tokens { input: 3, output: 12, ..Tokens::default() })));
        for (part, written) in [
            (r#"{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"a\nb\u00e4c"}}"#, 6),
            (r#"{"delta":{"partial_json":"{}","further":[1,{"text":"no"}],"n":1.5,"b":true,"none":null}}"#, 2),
            (r#"{"type":"ping"}"#, 0),
            (r#"{"delta":null}"#, 0),
            ("{}", 0),
        ] {
            assert_eq!(cost(part.as_bytes()), Some(Cost::Written(written)), "{part}");
        }
        for none in ["", "[DONE]", "{", "3", "{\"usage\":"] {
            assert_eq!(cost(none.as_bytes()), None, "{none}");
        }
    }
}
