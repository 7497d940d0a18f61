//! What agents that are configured by JSON have in common.

use serde_json::Value;

/// Lays `over` on `base`: objects are merged key by key, everything else is replaced.
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

/// A value as it stands in a file.
pub(crate) fn file(value: &Value) -> Vec<u8> {
    format!("{value:#}\n").into_bytes()
}
