use super::*;
use crate::host_files::Everything;
use crate::seed::{Documents, HostPlace};

fn written(seeded: &Seeded, name: &str) -> Value {
    let file = seeded.files.iter().find(|(file, _)| *file == name).unwrap();
    serde_json::from_slice(&file.1).unwrap()
}

#[test]
fn the_history_of_other_workspaces_stays_on_the_host() {
    let host =
        json!({ "theme": "light", "oauthAccount": { "a": 1 }, "projects": { "/secret": {} }, "tipsHistory": {} });
    let state = claude_json(None, Some(&host), &[], true);
    assert_eq!(state["theme"], "light");
    assert_eq!(state["oauthAccount"]["a"], 1);
    assert!(state["projects"].get("/secret").is_none());
    assert!(state.get("tipsHistory").is_none());
    assert_eq!(state["projects"]["/workspace"]["hasTrustDialogAccepted"], true);
    assert_eq!(state["hasCompletedOnboarding"], true);
}

#[test]
fn whether_a_workspace_is_trusted_is_the_persons_answer_and_never_the_sessions() {
    let trusted = |state: &Value| state["projects"]["/workspace"]["hasTrustDialogAccepted"].clone();
    let before = claude_json(None, None, &[], true);
    assert_eq!(trusted(&before), true);
    assert_eq!(trusted(&claude_json(Some(before), None, &[], false)), false);
    let host =
        json!({ "projects": { "/p": { "hasTrustDialogAccepted": true }, "/q": { "hasTrustDialogAccepted": "yes" } } });
    assert!(is_trusted_on_host(Some(&host), "/p"));
    assert!(
        !is_trusted_on_host(Some(&host), "/q")
            && !is_trusted_on_host(Some(&host), "/")
            && !is_trusted_on_host(None, "/p")
    );
}

#[test]
fn which_servers_of_the_workspace_run_is_as_the_person_decided_on_the_host() {
    let projects =
        json!({ "/p": { "disabledMcpjsonServers": ["x"], "history": [] }, "/q": { "enabledMcpjsonServers": ["y"] } });
    let host: Documents = [(STATE, json!({ "projects": projects }))].into();
    let state = written(&seed(&Given { host, workspace: "/p", ..Given::default() }), STATE);
    let here = &state["projects"]["/workspace"];
    assert_eq!(here["disabledMcpjsonServers"], json!(["x"]));
    assert!(here.get("enabledMcpjsonServers").is_none() && here.get("history").is_none(), "{here}");
}

#[test]
fn what_the_session_knows_already_is_kept() {
    let session = json!({ "numStartups": 7, "projects": { "/workspace": { "lastCost": 1 } } });
    let state = claude_json(Some(session), None, &[], true);
    assert_eq!(state["numStartups"], 7);
    assert_eq!(state["projects"]["/workspace"]["lastCost"], 1);
}

#[test]
fn a_given_key_is_approved_once_by_its_tail() {
    let key = "sk-ant-0123456789abcdefghij";
    let keys = [key.to_owned()];
    let once = claude_json(None, None, &keys, true);
    let twice = claude_json(Some(once.clone()), None, &keys, true);
    assert_eq!(once, twice);
    assert_eq!(twice["customApiKeyResponses"]["approved"], json!(["0123456789abcdefghij"]));
    assert!(!twice.to_string().contains("sk-ant"));
}

#[test]
fn a_key_in_the_hosts_settings_is_approved() {
    let settings = json!({ "env": { "ANTHROPIC_API_KEY": "sk-ant-0123456789abcdefghij" } });
    let given = Given { host: [(SETTINGS, settings)].into(), secrets: true, ..Given::default() };
    let state = written(&seed(&given), STATE);
    assert_eq!(state["customApiKeyResponses"]["approved"], json!(["0123456789abcdefghij"]));
}

#[test]
fn a_workspace_that_runs_programs_is_asked_about_unless_it_is_trusted_on_the_host() {
    let given =
        |host: Documents| Given { host, in_workspace: vec![(".mcp.json", None)], workspace: "/p", ..Given::default() };
    assert_eq!(seed(&given(Documents::new())).asks_about, [".mcp.json"]);
    let trusted = json!({ "projects": { "/p": { "hasTrustDialogAccepted": true } } });
    assert!(seed(&given([(STATE, trusted)].into())).asks_about.is_empty());
}

#[test]
fn secrets_of_the_host_are_named_or_left_out() {
    let settings = json!({ "env": { "TOKEN": "t0" }, "model": "opus" });
    let state = json!({ "mcpServers": { "x": { "url": "https://x/", "headers": { "X-Who": "t1" } } } });
    let host: Documents = [(SETTINGS, settings), (STATE, state)].into();
    let place = HostPlace { home: "/home/ann".into(), named: None };
    let seeded = |secrets| seed(&Given { place: place.clone(), host: host.clone(), secrets, ..Given::default() });
    let (given, dropped) = (seeded(true), seeded(false));
    let secrets = |file: &str, key: &str| Secrets { file: file.into(), keys: vec![key.into()] };
    let expected = [
        secrets("/home/ann/.claude/settings.json", "env.TOKEN"),
        secrets("/home/ann/.claude.json", "mcpServers.x.headers.X-Who"),
    ];
    assert_eq!(given.secrets, expected);
    assert_eq!(written(&given, SETTINGS)["env"]["TOKEN"], "t0");
    assert_eq!(dropped.secrets, []);
    let (settings, state) = (written(&dropped, SETTINGS), written(&dropped, STATE));
    assert_eq!((&settings["model"], &state["mcpServers"]["x"]["url"]), (&json!("opus"), &json!("https://x/")));
    assert!(!settings.to_string().contains("t0") && !state.to_string().contains("t1"));
}

#[test]
fn a_server_that_is_gone_on_the_host_is_gone_in_the_session_and_the_sessions_own_stays() {
    let session = json!({ "mcpServers": { "gone": {}, "own": {} }, "numStartups": 3 });
    let host = json!({ "mcpServers": { "new": { "url": "https://x/" } } });
    let given = Given {
        host: [(STATE, host)].into(),
        session: [(STATE, session)].into(),
        noted: vec!["gone".into()],
        ..Given::default()
    };
    let seeded = seed(&given);
    let state = written(&seeded, STATE);
    assert_eq!(state["mcpServers"], json!({ "own": {}, "new": { "url": "https://x/" } }));
    assert_eq!((&state["numStartups"], &seeded.noted), (&json!(3), &vec!["new".to_owned()]));
}

#[test]
fn what_the_memory_imports_comes_along_or_is_told() {
    let text = "mail ann@example.com\n@RTK.md @./near/z.md and @~/.claude/own/x.md but @~/notes/y.md @../w.md\n";
    let given = Given {
        place: HostPlace { home: "/home/ann".into(), named: None },
        host: [(MEMORY, json!(text))].into(),
        files: Some(&Everything::default()),
        ..Given::default()
    };
    let seeded = seed(&given);
    let copied: Vec<_> = seeded.copied.iter().map(|one| one.session.to_str().unwrap()).collect();
    assert_eq!(copied, ["RTK.md", "near", "own"]);
    let reported = |key: &str, place: &str| Omission::NamesHost {
        file: "/home/ann/.claude/CLAUDE.md".into(),
        key: key.into(),
        place: place.into(),
        left_out: false,
    };
    let expected = [reported("@~/notes/y.md", "/home/ann/notes/y.md"), reported("@../w.md", "/home/ann/w.md")];
    assert_eq!(seeded.omitted[..2], expected);
}

/// What comes along and what is told where the memory says this and other files what they say.
fn imported(text: &str, scripts: Vec<(&'static str, &'static str)>) -> (Vec<String>, Vec<Omission>) {
    let host = Everything { scripts, ..Everything::default() };
    let given = Given {
        place: HostPlace { home: "/home/ann".into(), named: None },
        host: [(MEMORY, json!(text))].into(),
        files: Some(&host),
        ..Given::default()
    };
    let seeded = seed(&given);
    let copied = seeded.copied.iter().map(|one| one.session.to_str().unwrap().to_owned()).collect();
    let is_of_host = |one: &Omission| matches!(one, Omission::OfHostOnly(_));
    (copied, seeded.omitted.into_iter().filter(|one| !is_of_host(one)).collect())
}

#[test]
fn what_imported_files_import_comes_along_or_is_told() {
    let (copied, omitted) = imported(
        "@one/a.md",
        vec![
            ("/home/ann/.claude/one/a.md", "@b.md @../two.md"),
            ("/home/ann/.claude/one/b.md", "@~/.claude/three/c.md and @./a.md"),
            ("/home/ann/.claude/three/c.md", "@~/notes/y.md"),
        ],
    );
    assert_eq!(copied, ["one", "two.md", "three"]);
    let told = Omission::NamesHost {
        file: "/home/ann/.claude/three/c.md".into(),
        key: "@~/notes/y.md".into(),
        place: "/home/ann/notes/y.md".into(),
        left_out: false,
    };
    assert_eq!(omitted, [told]);
}

#[test]
fn imports_are_followed_as_deep_as_the_agent_follows_them() {
    let (copied, _) = imported(
        "@1.md",
        vec![
            ("/home/ann/.claude/1.md", "@2.md"),
            ("/home/ann/.claude/2.md", "@3.md"),
            ("/home/ann/.claude/3.md", "@4.md"),
            ("/home/ann/.claude/4.md", "@5.md"),
            ("/home/ann/.claude/5.md", "@6.md"),
            ("/home/ann/.claude/6.md", "@7.md"),
        ],
    );
    assert_eq!(copied, ["1.md", "2.md", "3.md", "4.md", "5.md", "6.md"]);
}

#[test]
fn odd_shapes_do_not_panic() {
    let odd = json!({ "customApiKeyResponses": 3, "projects": [] });
    assert_eq!(
        claude_json(Some(odd), Some(&json!(1)), &["k".to_owned()], true)["customApiKeyResponses"]["approved"],
        json!(["k"])
    );
}
