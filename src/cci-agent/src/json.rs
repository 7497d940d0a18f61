//! The JSON files of agents: read in part, so that a file of any size takes little memory; repaired; merged.

use std::fmt;
use std::io::Read;

use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};

/// Which part of a document is kept when it is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Keep {
    /// Everything.
    All,
    /// These keys of an object, and the given part of each.
    Keys(&'static [(&'static str, Keep)]),
    /// Every key of an object, and this part of each.
    Each(&'static Keep),
}

/// Reads a document to its end and keeps a part of it; a byte order mark before it changes nothing.
pub fn read(mut reader: impl Read, keep: Keep) -> Result<Value, serde_json::Error> {
    let mut start = Vec::new();
    reader.by_ref().take(BOM.len() as u64).read_to_end(&mut start).map_err(serde_json::Error::io)?;
    let start = start.strip_prefix(BOM).unwrap_or(&start);
    let mut document = serde_json::Deserializer::from_reader(start.chain(reader));
    let value = keep.deserialize(&mut document)?;
    document.end().map(|()| value)
}

/// The byte order mark of UTF-8.
const BOM: &[u8] = b"\xef\xbb\xbf";

/// Parses a document that is in memory.
pub fn parse(bytes: &[u8]) -> Result<Value, serde_json::Error> {
    serde_json::from_slice(bytes.strip_prefix(BOM).unwrap_or(bytes))
}

/// So many values in one document are taken apart: each takes a hundred bytes and more.
const MOST_VALUES: usize = 300_000;

/// Whether a document has so many values that only a part of it is to be read.
#[must_use]
pub fn is_many(bytes: &[u8]) -> bool {
    bytes.iter().filter(|byte| matches!(byte, b',' | b'{' | b'[')).nth(MOST_VALUES).is_some()
}

/// What is left of a document that was not written to its end, or that has something behind it.
#[must_use]
pub fn mended(bytes: &[u8]) -> Option<Value> {
    let bytes = bytes.strip_prefix(BOM).unwrap_or(bytes);
    let whole = serde_json::Deserializer::from_slice(bytes).into_iter::<Value>().next();
    whole.and_then(Result::ok).or_else(|| closed(bytes)).filter(Value::is_object)
}

/// The document up to the last value that is whole, with everything closed that is open there.
fn closed(bytes: &[u8]) -> Option<Value> {
    let (mut open, mut in_text, mut escaped) = (Vec::new(), false, false);
    let mut last = None;
    for (at, byte) in bytes.iter().enumerate() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_text => escaped = true,
            b'"' => in_text = !in_text,
            _ if in_text => {}
            b'{' | b'[' => {
                open.push(if *byte == b'{' { b'}' } else { b']' });
                last = Some((at + 1, open.len()));
            }
            b'}' | b']' => {
                open.pop()?;
                last = Some((at + 1, open.len()));
            }
            b',' => last = Some((at, open.len())),
            _ => {}
        }
    }
    let (end, depth) = last?;
    // what was opened after the last whole value is not in it
    let closing = open.get(..depth).unwrap_or(&open);
    let text: Vec<u8> = bytes[..end].iter().chain(closing.iter().rev()).copied().collect();
    serde_json::from_slice(&text).ok()
}

/// Merges `over` into `base`: objects are merged key by key, everything else is replaced.
pub(crate) fn deep_merge(base: &mut Value, over: Value) {
    match (base, over) {
        (Value::Object(base), Value::Object(over)) => {
            for (key, value) in over {
                deep_merge(base.entry(key).or_insert(Value::Null), value);
            }
        }
        (base, over) => *base = over,
    }
}

/// A value in the form of a file.
pub(crate) fn file(value: &Value) -> Vec<u8> {
    format!("{value:#}\n").into_bytes()
}

impl<'de> DeserializeSeed<'de> for Keep {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, document: D) -> Result<Value, D::Error> {
        match self {
            Self::All => serde::Deserialize::deserialize(document),
            Self::Keys(_) | Self::Each(_) => document.deserialize_any(self),
        }
    }
}

impl<'de> Visitor<'de> for Keep {
    type Value = Value;

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("a value")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Value, A::Error> {
        let mut kept = Map::new();
        while let Some(key) = map.next_key::<String>()? {
            let of_key = match self {
                Self::Keys(keys) => keys.iter().find(|(name, _)| *name == key).map(|(_, keep)| *keep),
                Self::Each(keep) => Some(*keep),
                Self::All => Some(Self::All),
            };
            match of_key {
                Some(keep) => drop(kept.insert(key, map.next_value_seed(keep)?)),
                None => drop(map.next_value::<IgnoredAny>()?),
            }
        }
        Ok(Value::Object(kept))
    }

    // anything else is not what the agent writes there, and nothing of it is kept
    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        while items.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Value::Null)
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Value, E> {
        Ok(Number::from_f64(value).map_or(Value::Null, Value::Number))
    }

    fn visit_str<E: Error>(self, _: &str) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_unit<E: Error>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const KEEP: Keep =
        Keep::Keys(&[("theme", Keep::All), ("projects", Keep::Each(&Keep::Keys(&[("trusted", Keep::All)])))]);

    #[test]
    fn a_part_of_a_document_is_kept() {
        let text =
            br#"{"theme":"dark","history":[1,{"a":"b"}],"projects":{"/p":{"trusted":true,"history":["x"]},"/q":3}}"#;
        let kept = json!({ "theme": "dark", "projects": { "/p": { "trusted": true }, "/q": 3 } });
        assert_eq!(read(&text[..], KEEP).unwrap(), kept);
    }

    #[test]
    fn many_values_are_known_before_they_are_taken_apart() {
        let many = json!(vec![0; MOST_VALUES + 1]).to_string();
        let long = json!({ "a": "x".repeat(1024 * 1024) }).to_string();
        assert!(is_many(many.as_bytes()) && !is_many(long.as_bytes()));
    }

    #[test]
    fn a_byte_order_mark_changes_nothing() {
        assert_eq!(read(&b"\xef\xbb\xbf{\"theme\":1}"[..], KEEP).unwrap(), json!({ "theme": 1 }));
        assert_eq!(parse(b"\xef\xbb\xbf{\"theme\":1}").unwrap(), json!({ "theme": 1 }));
    }

    #[test]
    fn a_syntax_error_is_reported_with_its_line() {
        for (text, line) in [("", 1), ("{\n\"theme\":", 2), ("{}\n{}", 2), ("{\n// a\n}", 2), ("{\"theme\":1,\n}", 2)] {
            assert_eq!(read(text.as_bytes(), KEEP).unwrap_err().line(), line, "{text:?}");
        }
    }

    #[test]
    fn a_document_that_ends_early_is_mended_up_to_its_last_whole_value() {
        let whole = json!({ "a": 7, "b": { "c": ["x,]}", 2], "d": "\"" }, "e": [{}] });
        let text = whole.to_string();
        for end in 1..text.len() {
            let mended = mended(&text.as_bytes()[..end]).unwrap();
            assert!(mended.is_object(), "{end}: {mended}");
            assert_eq!(mended.get("a").is_some(), end > text.find(',').unwrap(), "{end}: {mended}");
        }
        assert_eq!(mended(format!("{text} and a tail").as_bytes()), Some(whole));
        assert_eq!((mended(b""), mended(b"[1"), mended(b"}{")), (None, None, None));
    }
}
