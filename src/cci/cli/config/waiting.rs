//! The keys of a project file that need approval, as they are shown.

use std::path::PathBuf;

use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;

use super::inline;
use crate::settings::Waiting;

/// A key that needs approval.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct WaitingKey {
    /// The key, with the profile that it takes effect in.
    key: String,
    /// What it would be; null where something of the user's would be taken away.
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

    /// `FILE:LINE: key = value`, and the reason below.
    pub(super) fn text(&self) -> String {
        let line = self.line.map(|line| format!(":{line}")).unwrap_or_default();
        let place = format!("{}{line}", self.file.display());
        let said = match &self.value {
            Value::Null => format!("{} is taken away", self.key),
            value => format!("{} = {}", self.key, inline(value)),
        };
        format!("{}: {}\n  {}\n", visible(&place), visible(&said), self.reason)
    }
}

/// A text in which nothing hides: control characters, marks that turn the direction of writing, and what has no width are
/// written by their numbers.
pub(super) fn visible(text: &str) -> String {
    let shown = |c: char| match c {
        // these need no escape, and one would not be told from what is written so
        '\\' | '\'' | '"' => c.to_string(),
        c => c.escape_debug().to_string(),
    };
    text.chars().map(shown).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_hides_in_a_text() {
        assert_eq!(visible("cat \"a\\b\" 'ü'"), "cat \"a\\b\" 'ü'");
        assert_eq!(visible("a\u{202e}b\u{200b}c\u{2066}\u{feff}"), "a\\u{202e}b\\u{200b}c\\u{2066}\\u{feff}");
        assert_eq!(visible("a\u{1b}[2K\r\n"), "a\\u{1b}[2K\\r\\n");
        assert_eq!(visible("a\u{ad}\u{e0041}"), "a\\u{ad}\\u{e0041}");
    }

    #[test]
    fn a_key_is_shown_with_its_value_its_place_and_the_reason() {
        let waiting = |value: Value| Waiting {
            key: "defaults.environment.T".into(),
            file: "/p/.cci.toml".into(),
            place: None,
            value,
            reason: "it would run a command on the host",
        };
        let text = WaitingKey::all(&[waiting(serde_json::json!({ "command": "cat \u{202e}x" }))])[0].text();
        let lines = "/p/.cci.toml: defaults.environment.T = { command = \"cat \\u{202e}x\" }\n  it would run a command on the host\n";
        assert_eq!(text, lines);
        assert!(WaitingKey::all(&[waiting(Value::Null)])[0].text().contains("T is taken away"));
    }
}
