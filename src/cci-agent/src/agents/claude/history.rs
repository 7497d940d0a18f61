//! What of Claude Code's transcripts is taken from a session to the host: what was said, and nothing by which the agent on
//! the host would do something when it resumes it, such as go into a mode, or put files back.

use std::collections::HashMap;
use std::path::{Component, Path};

use serde_json::{Map, Value};

use crate::history::{Of, Rows, Unshared};
use crate::json::{self, Keep};

/// What is kept of a row.
const KEPT: [&str; 26] = [
    "parentUuid",
    "logicalParentUuid",
    "isSidechain",
    "userType",
    "cwd",
    "sessionId",
    "version",
    "gitBranch",
    "type",
    "subtype",
    "content",
    "level",
    "message",
    "uuid",
    "timestamp",
    "requestId",
    "promptId",
    "isMeta",
    "isCompactSummary",
    "isVisibleInTranscriptOnly",
    "isApiErrorMessage",
    "toolUseResult",
    "sourceToolAssistantUUID",
    "sourceToolUseID",
    "entrypoint",
    "thinkingMetadata",
];

type Row = Map<String, Value>;

/// The directory in the first row that has one.
pub(super) fn began_in(file: &[u8]) -> Option<String> {
    const OF_ROW: Keep = Keep::Keys(&[("cwd", Keep::All)]);
    let row = |line: &[u8]| json::read(line, OF_ROW).ok()?.get("cwd")?.as_str().map(str::to_owned);
    file.split(|byte| *byte == b'\n').find_map(row)
}

/// What was said. What follows the last end of a line is still being written.
pub(super) fn said(file: &[u8], of: Of<'_>) -> Result<Rows, Unshared> {
    if began_in(file).is_none_or(|place| place != of.workspace) {
        return Err(Unshared::Elsewhere);
    }
    let whole = file.iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1);
    let lines = file[..whole].split(|byte| *byte == b'\n').enumerate();
    let (mut said, mut above) = (Vec::new(), Above::default());
    for (at, line) in lines.filter(|(_, line)| !line.trim_ascii().is_empty()) {
        let mut row = row(line).ok_or(Unshared::NoRow(at + 1))?;
        check(&row, of, at + 1)?;
        above.lead_on(&mut row);
        if is_said(&row) {
            row.retain(|key, _| KEPT.contains(&key.as_str()));
            said.push(Value::Object(plain_row(row)).to_string().into_bytes());
        } else {
            above.leave_out(row);
        }
    }
    Ok(said)
}

fn row(line: &[u8]) -> Option<Row> {
    match json::parse(line).ok().filter(|_| !json::is_many(line))? {
        Value::Object(row) => Some(row),
        _ => None,
    }
}

fn check(row: &Row, of: Of<'_>, line: usize) -> Result<(), Unshared> {
    if row.get("sessionId").is_some_and(|id| id.as_str() != Some(of.id)) {
        return Err(Unshared::OtherConversation(line));
    }
    let is_within = |place: &Value| place.as_str().is_some_and(|place| is_within(place, of.workspace));
    if row.get("cwd").is_some_and(|place| !is_within(place)) {
        return Err(Unshared::OtherDirectory(line));
    }
    Ok(())
}

/// Whether a path is the workspace or below it: the agent shows it as a part of a command.
fn is_within(place: &str, workspace: &str) -> bool {
    let path = Path::new(place);
    let goes_up = path.components().any(|part| part == Component::ParentDir);
    path.starts_with(workspace) && !goes_up && !place.chars().any(char::is_control)
}

/// Whether a row is a part of the conversation itself.
fn is_said(row: &Row) -> bool {
    let is = |key: &str, word: &str| row.get(key).and_then(Value::as_str) == Some(word);
    let is_of_kind =
        is("type", "user") || is("type", "assistant") || is("type", "system") && is("subtype", "compact_boundary");
    is_of_kind && row.get("uuid").is_some_and(Value::is_string) && row.get("isSidechain") != Some(&Value::Bool(true))
}

/// The rows that are left out, and which one each of them follows: what follows them then follows that.
#[derive(Default)]
struct Above(HashMap<String, Value>);

impl Above {
    fn lead_on(&self, row: &mut Row) {
        for key in ["parentUuid", "logicalParentUuid"] {
            let Some(above) = row.get_mut(key) else { continue };
            if let Some(further) = above.as_str().and_then(|uuid| self.0.get(uuid)) {
                *above = further.clone();
            }
        }
    }

    fn leave_out(&mut self, mut row: Row) {
        if let (Some(Value::String(uuid)), Some(above)) = (row.remove("uuid"), row.remove("parentUuid")) {
            self.0.insert(uuid, above);
        }
    }
}

/// The same with no control characters in its texts: the agent on the host may show them as they are.
fn plain(value: Value) -> Value {
    match value {
        Value::String(text) => Value::String(plain_text(text)),
        Value::Array(values) => Value::Array(values.into_iter().map(plain).collect()),
        Value::Object(row) => Value::Object(plain_row(row)),
        other => other,
    }
}

fn plain_row(row: Row) -> Row {
    row.into_iter().map(|(key, value)| (plain_text(key), plain(value))).collect()
}

fn plain_text(text: String) -> String {
    let is_raw = |char: char| char.is_control() && !matches!(char, '\n' | '\t' | '\r');
    if text.contains(is_raw) { text.replace(is_raw, "\u{fffd}") } else { text }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const ID: &str = "3f2b8c1e-5d7a-4e0b-9c4f-1a2b3c4d5e6f";
    const PROJ: &str = "/home/u/proj";
    const OF: Of<'_> = Of { id: ID, workspace: PROJ };

    fn file(rows: &[Value]) -> Vec<u8> {
        rows.iter().map(|row| format!("{row}\n")).collect::<Vec<_>>().concat().into_bytes()
    }

    fn said_of(rows: &[Value]) -> Result<Vec<Value>, Unshared> {
        Ok(said(&file(rows), OF)?.iter().map(|row| serde_json::from_slice(row).unwrap()).collect())
    }

    fn user(uuid: &str, above: Option<&str>) -> Value {
        json!({ "type": "user", "uuid": uuid, "parentUuid": above, "sessionId": ID, "cwd": PROJ,
            "message": { "role": "user", "content": "hello" } })
    }

    #[test]
    fn what_was_said_is_taken_and_nothing_that_the_agent_would_act_on() {
        let snapshot = json!({ "type": "file-history-snapshot", "messageId": "a",
            "snapshot": { "trackedFileBackups": { "/home/u/.bashrc": { "backupFileName": null } } } });
        let mode = json!({ "type": "permission-mode", "permissionMode": "bypassPermissions", "sessionId": ID });
        let mut first = user("a", None);
        first["permissionMode"] = "bypassPermissions".into();
        first["slug"] = "../../../.bashrc".into();
        let hook = json!({ "type": "attachment", "uuid": "h", "parentUuid": "a", "sessionId": ID, "cwd": PROJ });
        let another = json!({ "type": "progress", "uuid": "p", "parentUuid": "h", "sessionId": ID });
        let side = json!({ "type": "user", "uuid": "s", "parentUuid": "a", "isSidechain": true, "sessionId": ID });
        let said = said_of(&[snapshot, mode, first, hook, another, side, user("b", Some("p"))]).unwrap();
        assert_eq!(said, [user("a", None), user("b", Some("a"))], "what follows a row that is left out follows on");
    }

    #[test]
    fn a_file_that_grows_says_the_same_before() {
        let rows = [user("a", None), json!({ "type": "x", "uuid": "x", "parentUuid": "a" }), user("b", Some("x"))];
        let all = said(&file(&rows), OF).unwrap();
        assert_eq!(said(&file(&rows[..1]), OF).unwrap(), all[..1]);
        let mut torn = file(&rows);
        torn.extend(b"{\"type\":\"us");
        assert_eq!(said(&torn, OF).unwrap(), all, "the last line is still being written");
        let taken: Vec<u8> = all.iter().flat_map(|row| [row.as_slice(), b"\n"].concat()).collect();
        assert_eq!(said(&taken, OF).unwrap(), all, "what was taken says the same");
    }

    #[test]
    fn another_conversation_or_place_is_refused() {
        let with = |key: &str, value: Value| {
            let mut row = user("b", Some("a"));
            row[key] = value;
            said_of(&[user("a", None), row])
        };
        assert_eq!(with("sessionId", json!("x")), Err(Unshared::OtherConversation(2)));
        assert_eq!(with("sessionId", json!(1)), Err(Unshared::OtherConversation(2)));
        for place in ["/", "/home/u/project", "/home/u/proj/../x", "proj", "/home/u/proj/\u{1b}[2J", "/home/u/proj/\n"]
        {
            assert_eq!(with("cwd", json!(place)), Err(Unshared::OtherDirectory(2)), "{place:?}");
        }
        assert!(with("cwd", json!("/home/u/proj/src")).is_ok());
        for first in ["/workspace", "/home/u/proj/src", ""] {
            let mut row = user("a", None);
            row["cwd"] = first.into();
            assert_eq!(said_of(&[row]), Err(Unshared::Elsewhere), "{first}");
        }
        assert_eq!(said(b"", OF), Err(Unshared::Elsewhere));
    }

    #[test]
    fn what_is_no_row_is_refused() {
        let begun = file(&[user("a", None)]);
        for line in ["x", "[]", "1", "{", "\u{0}", &"[".repeat(100_000), &format!("[{}1]", "1,".repeat(400_000))] {
            let torn = [begun.as_slice(), line.as_bytes(), b"\n"].concat();
            assert_eq!(said(&torn, OF), Err(Unshared::NoRow(2)), "{line:.20}");
        }
    }

    #[test]
    fn nothing_controls_the_terminal_that_it_is_shown_on() {
        let mut row = user("a", None);
        row["message"] = json!({ "content": [{ "te\u{1b}xt": "one\n\ttwo\u{1b}]52;c;AAAA\u{7}\u{9b}2J" }] });
        let said = said_of(&[row]).unwrap();
        let shown = json!({ "content": [{ "te\u{fffd}xt": "one\n\ttwo\u{fffd}]52;c;AAAA\u{fffd}\u{fffd}2J" }] });
        assert_eq!(said[0]["message"], shown);
    }
}
