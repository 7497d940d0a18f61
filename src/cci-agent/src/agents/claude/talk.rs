//! Which of Claude Code's transcripts are a conversation with a person.

use serde_json::Value;

use crate::json::{self, Keep};

/// The keys of a row that show who said it.
const OF_ROW: Keep = Keep::Keys(&[("type", Keep::All), ("isSidechain", Keep::All), ("entrypoint", Keep::All)]);

/// The id of the conversation in a file: a UUID, whether cci or the agent chose it.
pub(super) fn id(file: &str) -> Option<&str> {
    let id = file.strip_suffix(".jsonl")?;
    let dash = |at: usize| matches!(at, 8 | 13 | 18 | 23);
    let fits = |(at, byte): (usize, u8)| if dash(at) { byte == b'-' } else { byte.is_ascii_hexdigit() };
    (id.len() == 36 && id.bytes().enumerate().all(fits)).then_some(id)
}

/// Whether a row belongs to a conversation with a person: it is neither a summary, nor a subagent's, nor part of a single
/// prompt (`-p`), which programs and hooks send.
pub(super) fn is_talk(row: &[u8]) -> bool {
    let Ok(row) = json::read(row, OF_ROW) else { return false };
    let is_said = matches!(row["type"].as_str(), Some("user" | "assistant"));
    let by_program = row["entrypoint"].as_str().is_some_and(|entry| entry.starts_with("sdk"));
    is_said && row["isSidechain"] != Value::Bool(true) && !by_program
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_conversation_has_a_uuid() {
        let uuid = "3f2b8c1e-5d7a-4e0b-9c4f-1a2b3c4d5e6f";
        assert_eq!(id(&format!("{uuid}.jsonl")), Some(uuid));
        for other in
            ["agent-1a2b3c4d.jsonl", "notes.jsonl", &format!("{uuid}.txt"), &format!("{uuid}0.jsonl"), ".jsonl"]
        {
            assert_eq!(id(other), None, "{other}");
        }
    }

    #[test]
    fn only_what_was_said_with_a_person_is_a_conversation() {
        let talk = [
            r#"{"type":"user","text":"hello"}"#,
            r#"{"isSidechain":false,"type":"user","message":{"role":"user","content":"hi"},"entrypoint":"cli"}"#,
            r#"{"isSidechain":false,"type":"assistant","entrypoint":"cli"}"#,
        ];
        let other = [
            r#"{"type":"summary","summary":"A talk","leafUuid":"x"}"#,
            r#"{"type":"mode","sessionId":"x"}"#,
            r#"{"isSidechain":true,"type":"user"}"#,
            r#"{"isSidechain":false,"type":"user","promptSource":"sdk","entrypoint":"sdk-cli"}"#,
            "notes",
            "{}",
            "[]",
        ];
        assert!(talk.iter().all(|row| is_talk(row.as_bytes())));
        assert!(other.iter().all(|row| !is_talk(row.as_bytes())));
    }
}
