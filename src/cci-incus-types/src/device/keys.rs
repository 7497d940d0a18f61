//! Fields taken out of a map of strings, and put back. A value that does not fit its field stays in the map.

use std::collections::BTreeMap;
use std::str::FromStr;

/// A device's settings, or the part of them that has no field: keys and their values.
pub type Keys = BTreeMap<String, String>;

/// The key that says what a device is.
pub(super) const TYPE: &str = "type";

/// A map from which the keys with fields are taken.
pub(super) struct Reader(Keys);

impl Reader {
    pub(super) fn new(mut keys: Keys) -> Self {
        keys.remove(TYPE);
        Self(keys)
    }

    pub(super) fn text(&mut self, key: &str) -> Option<String> {
        self.0.remove(key)
    }

    /// A value that is written exactly as it was read.
    pub(super) fn parsed<T: FromStr + ToString>(&mut self, key: &str) -> Option<T> {
        let text = self.0.get(key)?;
        let value = text.parse::<T>().ok().filter(|value| value.to_string() == *text)?;
        self.0.remove(key);
        Some(value)
    }

    /// Whether a switch is on. Incus also knows other words for it, which stay in the map and count as off.
    pub(super) fn switch(&mut self, key: &str) -> bool {
        let on = self.0.get(key).is_some_and(|value| value == "true");
        if on {
            self.0.remove(key);
        }
        on
    }

    /// The keys that were not taken.
    pub(super) fn rest(&mut self) -> Keys {
        std::mem::take(&mut self.0)
    }
}

/// A map into which fields are written.
pub(super) struct Writer(Keys);

impl Writer {
    pub(super) fn new(kind: &str, other: Keys) -> Self {
        let mut writer = Self(other);
        writer.put(TYPE, Some(kind));
        writer
    }

    pub(super) fn put(&mut self, key: &str, value: Option<impl Into<String>>) {
        if let Some(value) = value {
            self.0.insert(key.to_owned(), value.into());
        }
    }

    pub(super) fn switch(&mut self, key: &str, on: bool) {
        self.put(key, on.then_some("true"));
    }

    pub(super) fn done(self) -> Keys {
        self.0
    }
}
