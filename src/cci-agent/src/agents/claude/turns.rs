//! The hooks by which Claude Code tells its turns, and what it tells.

use serde_json::{Map, Value, json};

use crate::turn::{Turn, TurnHooks};

/// The key of the settings with the hooks of each event.
const HOOKS: &str = "hooks";
/// Runs before the agent works on a prompt.
const START: &str = "UserPromptSubmit";
/// Runs when the agent waits for the next prompt.
const END: &str = "Stop";
/// Run after a tool was used, and after that failed: what they print can add to what the agent knows.
const USED: [&str; 2] = ["PostToolUse", "PostToolUseFailure"];
/// How long the agent waits for these, in seconds: they wait for nothing.
const HEARS: u32 = 3;
/// How long the agent waits for such a command, in seconds: longer than the command itself waits.
const TIMEOUT: u32 = 15;
/// No longer text of a guest's is kept of a prompt.
const LONGEST: usize = 200;

/// Adds cci's hooks behind the user's own, which stay as they are; those of an earlier launch are replaced.
pub(super) fn add(settings: &mut Value, turns: Option<&TurnHooks>) {
    let (Some(turns), Value::Object(settings)) = (turns, settings) else { return };
    remove(settings, turns.known_by);
    let told = turns.commands.iter().flat_map(|commands| [(START, &commands.start), (END, &commands.end)]);
    let told = told.map(|(event, command)| (event, command.clone(), TIMEOUT));
    let heard = turns.heard.iter().flat_map(|heard| USED.map(|event| (event, hears(event, heard), HEARS)));
    let ours: Vec<_> = told.chain(heard).collect();
    if ours.is_empty() {
        return;
    }
    let hooks = settings.entry(HOOKS).or_insert_with(|| Value::Object(Map::new()));
    // the user's own, in a form that the agent does not know either
    let Value::Object(hooks) = hooks else { return };
    for (event, command, timeout) in ours {
        if let Value::Array(groups) = hooks.entry(event).or_insert_with(|| json!([])) {
            groups.push(json!({ "hooks": [{ "type": "command", "command": command, "timeout": timeout }] }));
        }
    }
}

/// A line for a shell that gives the agent what it is to know, in the form of this event; it always succeeds. What the agent
/// tells of the tool is read, as it may wait for that.
fn hears(event: &str, heard: &str) -> String {
    let form = format!("{{hookSpecificOutput:{{hookEventName:\"{event}\",additionalContext:.context}}}}");
    format!(
        "cat >/dev/null; heard=$({heard}) && [ -n \"$heard\" ] && printf '%s' \"$heard\" | jq -c '{form}' 2>/dev/null || :"
    )
}

/// Removes cci's hooks, and what held nothing else.
fn remove(settings: &mut Map<String, Value>, known_by: &str) {
    let Some(Value::Object(hooks)) = settings.get_mut(HOOKS) else { return };
    let is_ours = |hook: &Value| hook["command"].as_str().is_some_and(|command| command.contains(known_by));
    let mut found = false;
    for event in [START, END].into_iter().chain(USED) {
        let Some(Value::Array(groups)) = hooks.get_mut(event) else { continue };
        let before = groups.len();
        groups.retain(|group| {
            !group[HOOKS].as_array().is_some_and(|hooks| !hooks.is_empty() && hooks.iter().all(is_ours))
        });
        found |= groups.len() < before;
        if groups.is_empty() && groups.len() < before {
            hooks.shift_remove(event);
        }
    }
    if found && hooks.is_empty() {
        settings.shift_remove(HOOKS);
    }
}

/// What a hook tells; a subagent's turn is none of the conversation's.
pub(super) fn turn(told: &Value) -> Option<Turn> {
    let text = |key: &str| told.get(key).and_then(Value::as_str).filter(|text| !text.is_empty());
    if !told.is_object() || text("agent_id").is_some() {
        return None;
    }
    let first = text("prompt").and_then(|prompt| prompt.lines().map(str::trim).find(|line| !line.is_empty()));
    Some(Turn {
        prompt: first.map(|line| line.chars().take(LONGEST).collect()),
        transcript: text("transcript_path").and_then(|path| path.rsplit('/').next()).map(str::to_owned),
        prompt_id: text("prompt_id").map(str::to_owned),
        said: text("last_assistant_message").map(str::to_owned),
    })
}

/// Whether a transcript's last rows have the prompt and, behind it, what was said last.
pub(super) fn has_written(turn: &Turn, tail: &[u8]) -> bool {
    let Some(said) = turn.said.as_deref().map(str::trim).filter(|said| !said.is_empty()) else { return true };
    let says = |row: &Value| {
        let parts = row["message"]["content"].as_array();
        row["type"] == "assistant"
            && parts.into_iter().flatten().any(|part| part["text"].as_str().is_some_and(|text| text.trim() == said))
    };
    for row in tail.split(|byte| *byte == b'\n').rev() {
        let Ok(row) = serde_json::from_slice::<Value>(row) else { continue };
        if says(&row) {
            return true;
        }
        // what is in front of the turn's own prompt was said before
        if turn.prompt_id.as_deref().is_some_and(|id| row["promptId"] == id && row["type"] == "user" && is_prompt(&row))
        {
            return false;
        }
    }
    false
}

/// Whether a row is what a person typed: what a tool returned is in the form of one too.
fn is_prompt(row: &Value) -> bool {
    let is_result = |part: &Value| part["type"] == "tool_result";
    !row["message"]["content"].as_array().is_some_and(|parts| parts.iter().any(is_result))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::turn::TurnCommands;

    fn hooks(wanted: bool) -> TurnHooks {
        let commands = TurnCommands { start: "post /s/agent.sock start".into(), end: "post /s/agent.sock end".into() };
        TurnHooks { known_by: "/s/agent.sock", commands: wanted.then_some(commands), heard: None }
    }

    #[test]
    fn what_was_refused_is_heard_after_each_use_of_a_tool_beside_the_users_own_hooks() {
        let own = json!([{ "matcher": "Bash", "hooks": [{ "type": "command", "command": "mine" }] }]);
        let before = json!({ "hooks": { "PostToolUse": own } });
        let hearing = TurnHooks { heard: Some("ask /s/agent.sock".into()), ..hooks(false) };
        let mut settings = before.clone();
        add(&mut settings, Some(&hearing));
        let once = settings.clone();
        let groups = |event: &str| once["hooks"][event].as_array().cloned().unwrap();
        assert_eq!((groups("PostToolUse").len(), &groups("PostToolUse")[0]), (2, &own[0]));
        assert_eq!(groups("PostToolUseFailure").len(), 1);
        assert!(once["hooks"].get(START).is_none(), "no turn is told");
        add(&mut settings, Some(&hearing));
        assert_eq!(settings, once, "a second launch adds nothing");
        add(&mut settings, Some(&hooks(false)));
        assert_eq!(settings, before);
    }

    #[test]
    fn what_a_hook_prints_is_in_the_form_of_its_event_and_nothing_where_nothing_is_told() {
        use std::process::{Command, Stdio};
        let run = |heard: &str| {
            let mut shell = Command::new("/bin/sh");
            let out = shell.args(["-c", &hears(USED[1], heard)]).stdin(Stdio::null()).output().unwrap();
            assert!(out.status.success() && out.stderr.is_empty(), "{out:?}");
            String::from_utf8(out.stdout).unwrap()
        };
        let printed = run(r#"printf '%s' '{"context":"it\u0027s \"refused\"\nhere"}'"#);
        let read: Value = serde_json::from_str(&printed).unwrap_or_default();
        let wanted = json!({ "hookEventName": "PostToolUseFailure", "additionalContext": "it's \"refused\"\nhere" });
        assert_eq!(read["hookSpecificOutput"], wanted, "{printed}");
        for nothing in ["false", ":", "echo nonsense"] {
            assert_eq!(run(nothing), "", "{nothing}");
        }
    }

    fn added(mut settings: Value, wanted: bool) -> Value {
        add(&mut settings, Some(&hooks(wanted)));
        settings
    }

    fn ours(word: &str) -> Value {
        json!({ "hooks": [{ "type": "command", "command": format!("post /s/agent.sock {word}"), "timeout": TIMEOUT }] })
    }

    #[test]
    fn the_users_own_hooks_stay_as_they_are_and_come_first() {
        let own = json!([
            { "matcher": "x", "hooks": [{ "type": "command", "command": "mine" }, { "type": "prompt", "prompt": "?" }] },
            { "hooks": [] },
        ]);
        let other = json!([{ "hooks": [{ "type": "command", "command": "other" }] }]);
        let before = json!({ "hooks": { "Stop": own, "PreToolUse": other }, "model": "x" });
        let after = added(before.clone(), true);
        let groups = [own.as_array().unwrap().clone(), vec![ours("end")]].concat();
        assert_eq!(after["hooks"]["Stop"], Value::Array(groups));
        assert_eq!(after["hooks"]["UserPromptSubmit"], json!([ours("start")]));
        assert_eq!((&after["hooks"]["PreToolUse"], &after["model"]), (&other, &json!("x")));
        assert_eq!(added(after.clone(), true), after, "a second launch adds nothing");
        assert_eq!(added(after, false), before, "and one without takes back what is ours alone");
    }

    #[test]
    fn a_group_of_the_users_that_also_calls_the_socket_is_theirs() {
        let mixed = json!({ "hooks": { "Stop": [{ "hooks": [
            { "type": "command", "command": "mine" }, { "type": "command", "command": "post /s/agent.sock end" },
        ] }] } });
        assert_eq!(added(mixed.clone(), false), mixed);
    }

    #[test]
    fn hooks_in_a_form_that_nobody_knows_are_left_alone() {
        for odd in [json!({ "hooks": "none" }), json!({ "hooks": { "Stop": 1, "UserPromptSubmit": {} } })] {
            assert_eq!(added(odd.clone(), true), odd);
        }
        assert_eq!(added(json!({}), false), json!({}));
        let mut untouched = json!({ "a": 1 });
        add(&mut untouched, None);
        assert_eq!(untouched, json!({ "a": 1 }));
    }

    #[test]
    fn a_turn_is_read_from_what_the_hook_tells() {
        let told = json!({ "session_id": "s", "prompt_id": "p", "prompt": "\n  fix it \nand more",
            "transcript_path": "/home/code/.claude/projects/-workspace/x.jsonl", "last_assistant_message": "done" });
        let turn = turn(&told).unwrap();
        assert_eq!(turn.prompt.as_deref(), Some("fix it"));
        assert_eq!(turn.transcript.as_deref(), Some("x.jsonl"));
        assert_eq!((turn.prompt_id.as_deref(), turn.said.as_deref()), (Some("p"), Some("done")));
        assert!(super::turn(&json!({ "agent_id": "a", "prompt": "x" })).is_none(), "a subagent's");
        assert!(super::turn(&json!([1])).is_none());
        let long = json!({ "prompt": "é".repeat(10_000) });
        assert_eq!(super::turn(&long).unwrap().prompt.unwrap().chars().count(), LONGEST);
    }

    #[test]
    fn what_was_said_is_written_once_it_stands_behind_the_turns_own_prompt() {
        let user = |id: &str, text: &str| json!({ "type": "user", "promptId": id, "message": { "content": text } });
        let result = json!({ "type": "user", "promptId": "2", "message": { "content": [{ "type": "tool_result" }] } });
        let says =
            |text: &str| json!({ "type": "assistant", "message": { "content": [{ "type": "text", "text": text }] } });
        let rows = |rows: &[&Value]| rows.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n") + "\n";
        let (one, two, ok) = (user("1", "a"), user("2", "b"), says("ok\n"));
        let turn = Turn { prompt_id: Some("2".into()), said: Some("ok".into()), ..Turn::default() };
        let written = |text: String| has_written(&turn, text.as_bytes());
        assert!(!written(rows(&[&one, &ok, &two])), "an earlier answer in the same words");
        assert!(written(rows(&[&one, &ok, &two, &ok])));
        assert!(
            written(rows(&[&two, &ok, &result, &json!({ "type": "system" })])),
            "behind it is what a tool returned"
        );
        assert!(!written(rows(&[&two, &says("o")])) && !written(String::new()));
        let half = rows(&[&two, &ok]);
        assert!(!written(half[..half.len() - 5].to_owned()), "the row is not whole");
        assert!(has_written(&Turn { said: None, ..turn.clone() }, b""));
    }
}
