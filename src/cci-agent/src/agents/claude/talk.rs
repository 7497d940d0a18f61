//! Which of Claude Code's transcripts are a conversation with a person.

use serde_json::Value;

use crate::agent::{Ran, Spoken};
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

/// What a row costs, and the kinds of what it says.
const OF_SPOKEN: Keep = Keep::Keys(&[
    ("type", Keep::All),
    ("isSidechain", Keep::All),
    ("isMeta", Keep::All),
    ("timestamp", Keep::All),
    ("toolUseResult", Keep::Keys(&[])),
    ("message", Keep::Keys(&[("id", Keep::All), ("usage", Keep::All)])),
]);
/// The counts of tokens that make up an answer.
const COUNTS: [&str; 4] = ["input_tokens", "output_tokens", "cache_creation_input_tokens", "cache_read_input_tokens"];

/// What was said in a row: a prompt is what a person said to the agent itself, and no answer of a tool.
pub(super) fn spoken(row: &[u8]) -> Spoken {
    let Ok(row) = json::read(row, OF_SPOKEN) else { return Spoken::default() };
    let is = |key: &str| row[key] == Value::Bool(true);
    let at = row["timestamp"].as_str().unwrap_or_default().to_owned();
    let is_prompt = row["type"] == "user" && !is("isSidechain") && !is("isMeta") && row.get("toolUseResult").is_none();
    let answer = row["message"]["id"].as_str().filter(|_| row["type"] == "assistant").map(|id| {
        let count = |key: &str| row["message"]["usage"][key].as_u64().unwrap_or_default();
        (id.to_owned(), COUNTS.into_iter().map(count).fold(0, u64::saturating_add))
    });
    Spoken { at, is_prompt, answer }
}

/// When a row was written, and the tools that were used in it.
const OF_RAN: Keep = Keep::Keys(&[("timestamp", Keep::All), ("message", Keep::Keys(&[("content", Keep::All)]))]);

/// The commands in a row.
pub(super) fn ran(row: &[u8]) -> Vec<Ran> {
    if json::is_many(row) {
        return Vec::new();
    }
    let Ok(row) = json::read(row, OF_RAN) else { return Vec::new() };
    let at = row["timestamp"].as_str().unwrap_or_default();
    let content = row["message"]["content"].as_array().into_iter().flatten();
    let used = content.filter(|used| used["type"] == "tool_use" && used["name"] == "Bash");
    let commands = used.filter_map(|used| used["input"]["command"].as_str());
    commands.map(|command| Ran { at: at.to_owned(), command: command.to_owned() }).collect()
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

    #[test]
    fn a_prompt_is_told_from_the_answer_of_a_tool_and_tokens_are_added_up() {
        let prompt =
            br#"{"type":"user","timestamp":"2026-11-27T04:00:00.000Z","message":{"role":"user","content":"hi"}}"#;
        let spoken_prompt = spoken(prompt);
        assert!(spoken_prompt.is_prompt && spoken_prompt.at.starts_with("2026-11-27T04"), "{spoken_prompt:?}");
        let tool = br#"{"type":"user","toolUseResult":{"stdout":""},"message":{"role":"user","content":[]}}"#;
        let meta = br#"{"type":"user","isMeta":true,"message":{"role":"user","content":"x"}}"#;
        let side = br#"{"type":"user","isSidechain":true,"message":{"role":"user","content":"x"}}"#;
        assert!([&tool[..], meta, side, b"{}", b"not"].iter().all(|row| !spoken(row).is_prompt));
        let answer = br#"{"type":"assistant","message":{"id":"msg_1","usage":{"input_tokens":3,"output_tokens":4,
            "cache_creation_input_tokens":5,"cache_read_input_tokens":6,"service_tier":"standard"}}}"#;
        assert_eq!(spoken(answer).answer, Some(("msg_1".to_owned(), 18)));
    }
}
