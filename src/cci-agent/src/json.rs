//! Common code for agents that are configured by JSON.

use serde_json::Value;

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
