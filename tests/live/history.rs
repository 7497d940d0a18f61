//! Conversations of the agent on the host are resumed in sessions, and those of sessions are there on the host
//! (`workspace.share_history`).

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::PathBuf;
use std::time::Duration;

use serde_json::{Value, json};

use crate::claude::{background, shows};
use crate::settings::configured;
use crate::support::anthropic::Anthropic;
use crate::support::host::{Host, U1000, U1234, run};
use crate::support::wait;

const LONG: Duration = Duration::from_secs(90);
const SHARED: &str = "[workspace]\nsame_path = true\nshare_history = true\n";
const ID: &str = "3f2b8c1e-5d7a-4e0b-9c4f-1a2b3c4d5e6f";
const PLANTED: &str = "3f2b8c1e-5d7a-4e0b-9c4f-00000000000";

/// The directory of the host agent's conversations about the workspace.
fn place(host: &Host) -> PathBuf {
    let workspace = host.proj.canonicalize().unwrap();
    let name = workspace.to_str().unwrap().replace(|char: char| !char.is_ascii_alphanumeric(), "-");
    host.home.join(".claude/projects").join(name)
}

/// A conversation as the agent writes it on the host.
fn on_host(host: &Host, id: &str, text: &str) -> String {
    let workspace = host.proj.canonicalize().unwrap();
    let row = |number: u8, above: Value, kind: &str, message: Value| {
        json!({
            "parentUuid": above, "isSidechain": false, "userType": "external", "cwd": workspace, "sessionId": id,
            "version": "2.0.0", "gitBranch": "", "type": kind, "message": message,
            "uuid": format!("00000000-0000-4000-8000-{number:012}"),
            "timestamp": format!("2026-11-27T04:00:0{number}.000Z"),
        })
    };
    let answer = json!({
        "id": "msg_1", "type": "message", "role": "assistant", "model": "claude-sonnet-4-5",
        "content": [{ "type": "text", "text": format!("heard {text}") }], "stop_reason": "end_turn",
        "usage": { "input_tokens": 1, "output_tokens": 1 },
    });
    let asked = row(1, Value::Null, "user", json!({ "role": "user", "content": text }));
    let rows = [asked.clone(), row(2, asked["uuid"].clone(), "assistant", answer)];
    let content = rows.map(|row| format!("{row}\n")).concat();
    let dir = place(host);
    let mut write = host.command("sh");
    write.args(["-ec", "mkdir -p \"$1\"; cat >\"$1/$2.jsonl\"", "-"]).arg(&dir).arg(id);
    run(write, content.as_bytes()).ok();
    content
}

#[track_caller]
fn prompt(host: &Host, name: &str, text: &str) {
    host.cci(&["tmux", "send", name, text]).ok();
    shows(host, name, &format!("echo <{text}>"));
}

fn rows(host: &Host, id: &str) -> Vec<Value> {
    let content = fs::read_to_string(place(host).join(format!("{id}.jsonl"))).unwrap_or_default();
    content.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// Waits until the host has this text in a conversation.
#[track_caller]
fn comes_out(host: &Host, id: &str, text: &str) {
    wait::until(&format!("the host has {text:?}"), LONG, || {
        let rows = rows(host, id);
        let is_there = rows.iter().any(|row| row["type"] == "assistant" && row.to_string().contains(text));
        if is_there { Ok(()) } else { Err(format!("{rows:#?}")) }
    });
}

#[test]
fn a_conversation_goes_in_and_comes_out() {
    let host = configured(U1000, "[workspace]\nsame_path = true\nshare_history = true\n");
    let api = Anthropic::start();
    let written = on_host(&host, ID, "the first is apple");
    let name = background(&host, &api, &[&format!("--resume={ID}")]);
    assert_eq!(host.sessions(), [ID]);
    shows(&host, &name, "the first is apple");
    prompt(&host, &name, "the second is pear");
    assert!(api.saw_together(&["the first is apple", "the second is pear"]), "it does not go on");
    comes_out(&host, ID, "the second is pear");
    let file = place(&host).join(format!("{ID}.jsonl"));
    assert!(fs::read_to_string(&file).unwrap().starts_with(&written));
    let meta = fs::metadata(&file).unwrap();
    assert_eq!((meta.uid(), meta.permissions().mode() & 0o777), (U1000.uid, 0o600));
    let kinds: BTreeSet<String> = rows(&host, ID).iter().map(|row| row["type"].as_str().unwrap().to_owned()).collect();
    assert!(kinds.iter().all(|kind| ["user", "assistant", "system"].contains(&kind.as_str())), "{kinds:?}");
    assert!(rows(&host, ID).iter().all(|row| row["sessionId"] == ID && row.get("permissionMode").is_none()));
    host.cci(&["shutdown", &name]).ok();
    // what the host says next is there when the session goes on
    let more = rows(&host, ID);
    let mut last = more.iter().rfind(|row| row["type"] == "assistant").unwrap().clone();
    last["parentUuid"] = last["uuid"].clone();
    last["uuid"] = "00000000-0000-4000-8000-000000000009".into();
    last["message"]["id"] = "msg_9".into();
    last["message"]["content"] = json!([{ "type": "text", "text": "the host said plum" }]);
    let mut append = host.command("sh");
    append.args(["-ec", "cat >>\"$1\"", "-"]).arg(&file);
    run(append, format!("{last}\n").as_bytes()).ok();
    let name = background(&host, &api, &["--resume"]);
    shows(&host, &name, "the host said plum");
}

#[test]
fn a_new_conversation_of_a_session_is_there_on_the_host_and_nothing_else() {
    let (host, api) = (configured(U1234, SHARED), Anthropic::start());
    on_host(&host, ID, "the first is apple");
    let name = background(&host, &api, &[]);
    let [session] = host.sessions().try_into().unwrap();
    assert_ne!(session, ID, "a new session has a conversation of its own");
    prompt(&host, &name, "made inside");
    comes_out(&host, &session, "made inside");
    let inside = ["container", "exec", "--user", "code", &name, "--", "sh", "-c", "ls ~/.claude/projects/-workspace"];
    assert!(host.cci(&inside).ok().stdout.contains(ID), "the agent inside can resume the host's");
    // what a container plants is not taken
    let plant = format!(
        "cd ~/.claude/projects/-workspace
        ln -s /etc/passwd {PLANTED}1.jsonl
        echo '{{\"type\":\"user\",\"uuid\":\"a\",\"cwd\":\"/etc\",\"message\":{{}}}}' >{PLANTED}2.jsonl
        sed 's/{ID}/{PLANTED}4/; $s/sessionId\":\"[^\"]*/sessionId\":\"other/' {ID}.jsonl >{PLANTED}4.jsonl
        sed 's/apple/poison/' {ID}.jsonl >x && mv x {ID}.jsonl"
    );
    host.cci(&["container", "exec", "--user", "code", &name, "--", "sh", "-c", &plant]).ok();
    let before = fs::read(place(&host).join(format!("{ID}.jsonl"))).unwrap();
    let out = host.cci(&["shutdown", &name]).ok();
    assert!(out.stderr.contains("the host and the session went on with it in different ways"), "{out}");
    assert!(out.stderr.contains(&format!("{PLANTED}4: line 2 is of another conversation")), "{out}");
    assert_eq!(fs::read(place(&host).join(format!("{ID}.jsonl"))).unwrap(), before);
    let there: BTreeSet<String> =
        fs::read_dir(place(&host)).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    assert_eq!(there, [format!("{ID}.jsonl"), format!("{session}.jsonl")].into());
    let of_agent = fs::read_dir(host.home.join(".claude")).unwrap().map(|entry| entry.unwrap().file_name());
    assert_eq!(of_agent.collect::<Vec<_>>(), ["projects"]);
}

#[test]
fn what_cannot_be_shared_is_said() {
    let host = configured(U1000, "[workspace]\nshare_history = true\n");
    let out = host.cci(&["shell", "--background"]);
    assert!(out.code != 0 && out.stderr.contains("`workspace.share_history` needs `workspace.same_path`"), "{out}");
    assert!(host.containers().is_empty() && host.sessions().is_empty());
    let host = configured(U1000, SHARED);
    on_host(&host, ID, "of the host");
    let out = host.cci(&["shell", "--background", "--resume=3f2b8c1e-5d7a-4e0b-9c4f-000000000000"]);
    assert!(out.code == 1 && out.stderr.contains("not found"), "{out}");
    let out = host.cci_with(&["shell", "--background", "--resume"], &[], b"");
    assert!(out.code == 1 && out.stderr.contains("no previous session"), "the host's are resumed by their ids: {out}");
    assert!(host.containers().is_empty() && host.sessions().is_empty());
}
