//! JSON as cci prints it: characters that a terminal would obey or hide are escaped, and read back the same.

use cci_core::{Error, Result};
use cci_guest::text::is_unseen;
use serde::Serialize;

use super::text::Text;

/// Indented, with a final newline.
pub(crate) fn pretty(data: &impl Serialize) -> Result<Text> {
    let json = serde_json::to_string_pretty(data).map_err(|error| Error::Internal(error.to_string()))?;
    Ok(Text::block(numbered(&json) + "\n"))
}

/// On one line.
pub(crate) fn line(data: &impl Serialize) -> String {
    // a structure of texts can always be written
    numbered(&serde_json::to_string(data).unwrap_or_default())
}

/// Writes invisible characters as `\uXXXX`. They occur only inside strings: JSON itself is ASCII, whose control
/// characters are escaped already.
fn numbered(json: &str) -> String {
    let mut out = String::with_capacity(json.len());
    for c in json.chars() {
        if c >= '\u{7f}' && is_unseen(c) {
            out.extend(c.encode_utf16(&mut [0; 2]).iter().map(|unit| format!("\\u{unit:04x}")));
        } else {
            out.push(c);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_cannot_be_seen_is_a_number() {
        let json = line(&"a\u{1b}\u{7f}\u{9b}\u{202e}\u{e0041}\u{feff}ü");
        assert_eq!(json, r#""a\u001b\u007f\u009b\u202e\udb40\udc41\ufeffü""#);
    }

    proptest! {
        #[test]
        fn any_text_comes_back_as_it_was(text in prop::collection::vec(any::<char>(), 0..60), key in any::<String>()) {
            let value = serde_json::json!({ key: text.into_iter().collect::<String>() });
            let (pretty, line) = (pretty(&value).unwrap(), line(&value));
            for printed in [pretty.as_str(), &line] {
                prop_assert!(printed.chars().all(|c| c == '\n' || !is_unseen(c)), "{:?}", printed);
                prop_assert_eq!(&serde_json::from_str::<serde_json::Value>(printed).unwrap(), &value);
            }
        }
    }
}
