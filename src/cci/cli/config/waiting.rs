//! The keys of a project file that need approval, as they are shown.

use std::path::PathBuf;

use cci_guest::GuestText;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;

use super::toml_text::inline;
use crate::ui::text::Text;
use cci_host::settings::Waiting;

/// A key that needs approval.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct WaitingKey {
    /// The key, with the profile that it takes effect in.
    key: String,
    /// The value it would get; null if it would remove a value of the user's.
    value: Value,
    file: PathBuf,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "usize")]
    line: Option<usize>,
    /// Why it needs approval.
    reason: &'static str,
}

impl WaitingKey {
    pub(super) fn all(waiting: &[Waiting]) -> Vec<Self> {
        let one = |Waiting { key, file, place, value, reason }: &Waiting| Self {
            key: key.clone(),
            value: value.clone(),
            file: file.clone(),
            line: place.map(|place| place.line),
            reason,
        };
        waiting.iter().map(one).collect()
    }

    /// `FILE:LINE: key = value` of each, and the reason below.
    pub(super) fn text(all: &[Self]) -> Text {
        all.iter().flat_map(Self::lines).collect()
    }

    fn lines(&self) -> [String; 2] {
        let line = self.line.map(|line| format!(":{line}")).unwrap_or_default();
        let said = match &self.value {
            Value::Null => format!("{} is removed", self.key),
            value => format!("{} = {}", self.key, inline(value)),
        };
        [format!("{}{line}: {said}", GuestText::new(&self.file)), format!("  {}", self.reason)]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_shown_with_its_value_its_place_and_the_reason() {
        let waiting = |value: Value| Waiting {
            key: "defaults.environment.T".into(),
            file: "/p/.cci.toml".into(),
            place: None,
            value,
            reason: "it would run a command on the host",
        };
        let hidden = WaitingKey::all(&[waiting(serde_json::json!({ "command": "cat \u{202e}x" }))]);
        let lines = "/p/.cci.toml: defaults.environment.T = { command = \"cat \\u202ex\" }\n  it would run a command on the host\n";
        assert_eq!(WaitingKey::text(&hidden).as_str(), lines);
        assert!(WaitingKey::text(&WaitingKey::all(&[waiting(Value::Null)])).as_str().contains("T is removed"));
    }
}
