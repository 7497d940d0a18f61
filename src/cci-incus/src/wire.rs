//! Reading Go's JSON: an absent list and a `null` list are both empty.

use serde::{Deserialize, Deserializer};

/// `null` as the default value, for a field that also has `#[serde(default)]`.
pub(crate) fn null_is_default<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de> + Default,
{
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}
