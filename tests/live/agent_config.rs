//! The host's configuration of the agent works in a session, with the real agent, or the launch says what does not.

use std::fs;
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::Path;
use std::time::Duration;

use serde_json::{Value, json};

use crate::support::anthropic::Anthropic;
use crate::support::host::{Host, Output, U1234, run};
use crate::support::wait;
use crate::support::watch::Over;

const LONG: Duration = Duration::from_secs(90);

/// A file of the host user's.
fn put(host: &Host, path: &str, text: &str, mode: u32) {
    let mut dir = host.home.clone();
    let path = Path::new(path);
    for part in path.parent().into_iter().flatten() {
        dir.push(part);
        if !dir.exists() {
            fs::create_dir(&dir).unwrap();
            chown(&dir, Some(host.user.uid), Some(host.user.gid())).unwrap();
        }
    }
    let path = host.home.join(path);
    fs::write(&path, text).unwrap();
    chown(&path, Some(host.user.uid), Some(host.user.gid())).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
}

/// The state of the only session, as it is on the host.
fn inside(host: &Host, path: &str) -> std::path::PathBuf {
    let sessions = host.sessions();
    assert_eq!(sessions.len(), 1, "{sessions:?}");
    host.home.join(".cci/sessions-claude").join(&sessions[0]).join(".claude").join(path)
}

fn said(out: &Output, warning: &str, what: &str) -> bool {
    out.stderr.lines().any(|line| line.starts_with(warning) && line.contains(what))
}

#[test]
fn hooks_status_line_style_rules_plugins_and_servers_of_the_host_work_in_a_session() {
    let (host, api) = (Host::live(U1234), Anthropic::start());
    let own = host.home.join(".claude").display().to_string();
    let noting = |word: &str| format!("#!/bin/sh\ncat >/dev/null\necho {word} >> /workspace/hooks\n");
    for (name, by) in [("a", "tilde"), ("b", "variable"), ("c", "path"), ("plugins/cache/m/p/1/h", "plugin")] {
        let path = if name.contains('/') { format!(".claude/{name}") } else { format!(".claude/hooks/{name}") };
        put(&host, &path, &noting(by), 0o755);
    }
    let guard = format!("#!/bin/bash\n. {own}/lib/guard.sh\nguard\n");
    put(&host, ".claude/hooks/guard", &guard, 0o755);
    let refuses = "guard() { grep -q forbidden && { echo 'the guard says no' >&2; exit 2; }; }\n";
    put(&host, ".claude/lib/guard.sh", refuses, 0o644);
    put(&host, ".claude/status", "#!/bin/sh\ncat >/dev/null\necho the-status-line\n", 0o755);
    put(&host, ".claude/output-styles/mine.md", "---\nname: Mine\ndescription: x\n---\nthe-output-style\n", 0o644);
    put(&host, ".claude/rules/r.md", "the-rule\n", 0o644);
    put(&host, ".claude/CLAUDE.md", "@more/x.md\n", 0o644);
    put(&host, ".claude/more/x.md", "the-import\n", 0o644);
    put(&host, ".claude/skills/s/SKILL.md", "---\nname: s\ndescription: the-skill\n---\nx\n", 0o644);
    plugin(&host, &own);
    put(&host, ".claude/servers/s.py", SERVER, 0o644);
    let servers = json!({ "own": { "type": "stdio", "command": "python3", "args": [format!("{own}/servers/s.py")] } });
    put(&host, ".claude.json", &json!({ "mcpServers": servers }).to_string(), 0o600);
    let hook = |command: String| json!({ "matcher": "Bash", "hooks": [{ "type": "command", "command": command }] });
    let hooks = [
        "~/.claude/hooks/a".to_owned(),
        "$HOME/.claude/hooks/b".to_owned(),
        format!("{own}/hooks/c"),
        format!("{own}/hooks/guard"),
    ];
    let settings = json!({
        "hooks": { "PreToolUse": hooks.map(hook) },
        "statusLine": { "type": "command", "command": "~/.claude/status" },
        "outputStyle": "Mine",
        "enabledPlugins": { "p@m": true },
    });
    put(&host, ".claude/settings.json", &settings.to_string(), 0o644);

    let flags = api.flags();
    let args: Vec<&str> = ["shell", "--background"].into_iter().chain(flags.iter().map(String::as_str)).collect();
    let out = host.cci(&args).ok();
    assert!(!out.stderr.contains("warning:") && !out.stderr.contains("stays on the host"), "{out}");
    let name = out.stdout.split_whitespace().next().unwrap();
    shows(&host, name, "the-status-line");
    host.cci(&["tmux", "send", name, "run: touch /workspace/allowed"]).ok();
    wait::until("the agent has run what no hook forbids", LONG, || {
        if host.proj.join("allowed").exists() { Ok(()) } else { Err(host.cci(&["tmux", "capture", name]).to_string()) }
    });
    let ran = fs::read_to_string(host.proj.join("hooks")).unwrap();
    for by in ["tilde", "variable", "path", "plugin"] {
        assert!(ran.lines().any(|line| line == by), "{by}: {ran}");
    }
    shows(&host, name, "echo <");
    host.cci(&["tmux", "send", name, "run: touch /workspace/forbidden"]).ok();
    shows(&host, name, "the guard says no");
    assert!(!host.proj.join("forbidden").exists());
    for part in ["the-output-style", "the-rule", "the-import", "the-skill", "the-plugins-skill", "the-servers-tool"] {
        assert!(api.saw(part), "{part}");
    }
}

#[track_caller]
fn shows(host: &Host, name: &str, text: &str) {
    wait::until(&format!("the agent shows {text:?}"), LONG, || {
        let out = host.cci(&["tmux", "capture", name, "--all"]);
        if out.stdout.contains(text) { Ok(()) } else { Err(out.to_string()) }
    });
}

/// A plugin that is installed, with a hook and a skill.
fn plugin(host: &Host, own: &str) {
    let json = |path: &str, value: Value| put(host, &format!(".claude/plugins/{path}"), &value.to_string(), 0o644);
    let when = "2026-01-01T00:00:00.000Z";
    let hook = json!({ "matcher": "*", "hooks": [{ "type": "command", "command": "${CLAUDE_PLUGIN_ROOT}/h" }] });
    json("cache/m/p/1/.claude-plugin/plugin.json", json!({ "name": "p", "version": "1" }));
    json("cache/m/p/1/hooks/hooks.json", json!({ "hooks": { "PreToolUse": [hook] } }));
    let skill = "---\nname: t\ndescription: the-plugins-skill\n---\nx\n";
    put(host, ".claude/plugins/cache/m/p/1/skills/t/SKILL.md", skill, 0o644);
    let listed = json!([{ "name": "p", "source": "./p", "version": "1" }]);
    let market = json!({ "name": "m", "owner": { "name": "x" }, "plugins": listed });
    json("marketplaces/m/.claude-plugin/marketplace.json", market);
    json("marketplaces/m/p/.claude-plugin/plugin.json", json!({ "name": "p", "version": "1" }));
    let (place, source) = (format!("{own}/plugins/marketplaces/m"), json!({ "source": "github", "repo": "x/y" }));
    let known = json!({ "m": { "source": source, "installLocation": place, "lastUpdated": when } });
    json("known_marketplaces.json", known);
    let place = format!("{own}/plugins/cache/m/p/1");
    let times = (when, when);
    let installed = json!([{
        "scope": "user", "installPath": place, "version": "1", "installedAt": times.0, "lastUpdated": times.1,
    }]);
    json("installed_plugins.json", json!({ "version": 2, "plugins": { "p@m": installed } }));
}

/// An MCP server with one tool.
const SERVER: &str = r#"
import json, sys
for line in sys.stdin:
    asked = json.loads(line)
    if asked.get("method") == "initialize":
        version = asked["params"]["protocolVersion"]
        answer = {"protocolVersion": version, "capabilities": {"tools": {}}, "serverInfo": {"name": "s", "version": "1"}}
    elif asked.get("method") == "tools/list":
        answer = {"tools": [{"name": "the-servers-tool", "description": "x", "inputSchema": {"type": "object"}}]}
    elif "id" in asked:
        answer = {}
    else:
        continue
    print(json.dumps({"jsonrpc": "2.0", "id": asked["id"], "result": answer}), flush=True)
"#;

#[test]
fn what_the_hosts_configuration_needs_of_the_host_is_told_at_launch() {
    let host = Host::live(U1234);
    put(&host, ".claude/hooks/env", "#!/home/nobody/bin/python\n", 0o755);
    let python = host.home.join(".venv/bin/python");
    put(&host, ".venv/bin/python", "#!/bin/sh\n", 0o755);
    put(&host, ".claude/hooks/venv", &format!("#!{}\n", python.display()), 0o755);
    put(&host, "bin/tool", "#!/bin/sh\n", 0o755);
    put(&host, ".claude/hooks/calls", "#!/bin/sh\nexec ~/bin/tool\n", 0o755);
    put(&host, ".claude/notes/x", "x", 0o644);
    put(&host, ".claude/projects/-x/y.jsonl", "private", 0o600);
    put(&host, ".claude/skills/open/x", "x", 0o644);
    let hook = |command: &str| json!([{ "hooks": [{ "type": "command", "command": command }] }]);
    let settings = json!({
        "hooks": {
            "PreToolUse": hook("~/.claude/hooks/venv"),
            "PostToolUse": hook("~/.claude/hooks/calls"),
            "Stop": [{ "hooks": [{ "type": "http", "url": "http://localhost:8181/guard" }] }],
        },
        "apiKeyHelper": "gpgv --key",
    });
    put(&host, ".claude/settings.json", &settings.to_string(), 0o644);
    // another user's
    let closed = host.home.join(".claude/skills/closed");
    fs::write(&closed, "x").unwrap();
    fs::set_permissions(&closed, fs::Permissions::from_mode(0o600)).unwrap();
    let out = host.cci(&["shell", "--background", "--debug"]).ok();
    for (warning, what) in [
        ("warning: only on the host: ", format!("{} (hooks.PreToolUse.hooks.command", python.display())),
        ("warning: only on the host: ", "bin/tool (hooks.PostToolUse.hooks.command".to_owned()),
        ("warning: a loopback address", "hooks.Stop.hooks.url".to_owned()),
        ("warning: needs a program that the image may not have: ", "gpgv (apiKeyHelper".to_owned()),
        ("warning: not copied into the container: ", format!("{} (Permission denied", closed.display())),
        ("left on the host, because no setting names it: ", ".claude/notes".to_owned()),
    ] {
        assert!(said(&out, warning, &what), "{warning}{what}: {out}");
    }
    assert!(!out.stderr.contains("projects"), "{out}");
    let settings: Value = serde_json::from_str(&fs::read_to_string(inside(&host, "settings.json")).unwrap()).unwrap();
    assert!(settings.get("apiKeyHelper").is_none(), "{settings}");
    assert!(inside(&host, "skills/open/x").exists() && !inside(&host, "skills/closed").exists());
    assert!(!inside(&host, "projects/-x").exists() && !inside(&host, "notes").exists());
}

#[test]
fn only_the_chosen_parts_of_the_hosts_configuration_come_along() {
    let host = Host::live(U1234);
    put(&host, ".claude/settings.json", &json!({ "model": "opus", "cleanupPeriodDays": 30 }).to_string(), 0o644);
    put(&host, ".claude/hooks/x", "#!/bin/sh\n", 0o755);
    put(&host, ".claude/skills/s/SKILL.md", "x", 0o640);
    put(&host, ".claude/CLAUDE.md", "x", 0o644);
    put(&host, ".config/cci/config.toml", "[tool]\nimport = [\"settings\", \"skills\", \"hooks\"]\n", 0o644);
    fs::write(host.proj.join(".cci.toml"), "[tool]\nimport = [\"settings\", \"skills\"]\n").unwrap();
    let out = host.cci(&["shell", "--background", "--debug"]).ok();
    assert!(!out.stderr.contains("CLAUDE.md") && !out.stderr.contains("hooks"), "{out}");
    assert!(!inside(&host, "CLAUDE.md").exists() && !inside(&host, "hooks").exists());
    assert_eq!(fs::metadata(inside(&host, "skills/s/SKILL.md")).unwrap().permissions().mode() & 0o777, 0o640);
    let settings: Value = serde_json::from_slice(&fs::read(inside(&host, "settings.json")).unwrap()).unwrap();
    assert_eq!(settings["model"], "opus");
    assert!(settings["cleanupPeriodDays"].as_u64().unwrap() > 10_000, "transcripts stay: {settings}");

    fs::write(host.proj.join(".cci.toml"), "[tool]\nimport = [\"settings\", \"mcp\"]\n").unwrap();
    let out = host.cci(&["run", "--", "true"]);
    assert!(out.code == 2 && out.stderr.contains("tool.import is refused from a project file"), "{out}");
    fs::write(host.proj.join(".cci.toml"), "[tool]\nimport = [\"setings\"]\n").unwrap();
    let out = host.cci(&["run", "--", "true"]);
    assert!(out.code == 2 && out.stderr.contains("some of settings, instructions, "), "{out}");
    assert!(out.stderr.contains("'setings'") && out.stderr.contains("settings"), "{out}");
}

#[test]
fn another_account_that_the_agents_variable_names_is_the_sessions() {
    let host = Host::live(U1234);
    for (dir, who) in [(".claude", "first"), ("second", "second")] {
        put(&host, &format!("{dir}/CLAUDE.md"), who, 0o644);
        put(&host, &format!("{dir}/.credentials.json"), &json!({ "who": who }).to_string(), 0o600);
        put(&host, &format!("{dir}/hooks/x"), who, 0o755);
    }
    // a login in this form can only be copied
    fs::write(host.dir("home/.config/cci").join("config.toml"), "[login]\nmode = \"copy\"\n").unwrap();
    put(&host, ".claude.json", &json!({ "userID": "first" }).to_string(), 0o600);
    put(&host, "second/.claude.json", &json!({ "userID": "second" }).to_string(), 0o600);
    let status = json!({ "statusLine": { "type": "command", "command": "sh ~/second/hooks/x" } });
    put(&host, "second/settings.json", &status.to_string(), 0o644);
    let second = host.home.join("second");
    let account = [("CLAUDE_CONFIG_DIR", second.to_str().unwrap())];
    let out = host.cci_with(&["shell", "--background", "--debug"], &account, b"").ok();
    assert!(!out.stderr.contains("warning:"), "{out}");
    let read = |path: &str| fs::read_to_string(inside(&host, path)).unwrap();
    assert_eq!((read("CLAUDE.md").as_str(), read("hooks/x").as_str()), ("second", "second"));
    assert_eq!(read(".credentials.json"), r#"{"who":"second"}"#);
    assert_eq!(serde_json::from_str::<Value>(&read(".claude.json")).unwrap()["userID"], "second");
    let settings: Value = serde_json::from_str(&read("settings.json")).unwrap();
    assert_eq!(settings["statusLine"]["command"], "sh /home/code/.claude/hooks/x");
}

#[test]
fn a_session_whose_transcript_is_gone_is_not_resumed_as_an_empty_one() {
    let host = Host::live(U1234);
    host.cci(&["shell", "--background", "--debug"]).ok();
    host.cci(&["kill", &host.only_container()]).ok();
    host.wait_until_gone();
    fs::write(inside(&host, "history.jsonl"), "{\"display\":\"hello\"}\n").unwrap();
    let id = host.sessions()[0].clone();
    let out = host.cci(&["shell", "--background", &format!("--resume={id}")]);
    assert_eq!(out.code, 1, "{out}");
    assert!(out.stderr.contains("the agent's transcript is gone") && out.stderr.contains("hint:"), "{out}");
    assert_eq!(host.containers(), Vec::<String>::new(), "{out}");
    let info: Value = serde_json::from_str(&host.cci(&["info", &id, "--format", "json"]).ok().stdout).unwrap();
    assert_eq!(info["data_present"], false, "{info:#}");
}

#[test]
fn an_agents_state_of_239_mb_on_the_host_takes_little_memory() {
    let host = Host::live(U1234);
    let talk = format!("{{\"display\":\"{}\"}}", "x".repeat(1000));
    let project = |number: usize| format!("\"/p/{number}\":{{\"history\":[{}]}}", vec![talk.as_str(); 1000].join(","));
    let projects: Vec<String> = (0..236).map(project).collect();
    let text = format!("{{\"userID\":\"u\",\"projects\":{{{}}}}}", projects.join(","));
    assert!(text.len() > 239_000_000, "{}", text.len());
    put(&host, ".claude.json", &text, 0o600);
    let mut limited = host.command("prlimit");
    limited.args(["--data=120000000", "cci", "shell", "--background", "--debug"]);
    run(limited, b"").ok();
    let state: Value = serde_json::from_str(&fs::read_to_string(inside(&host, ".claude.json")).unwrap()).unwrap();
    assert_eq!(state["userID"], "u");
}

#[test]
fn a_file_that_is_rewritten_all_the_time_ends_none_of_twenty_launches() {
    let host = Host::live(U1234);
    let path = host.home.join(".claude.json");
    let text = json!({ "tipsHistory": "x".repeat(4_000_000), "userID": "u" }).to_string();
    put(&host, ".claude.json", &text, 0o600);
    let over = std::sync::atomic::AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !over.load(std::sync::atomic::Ordering::Relaxed) {
                fs::write(&path, &text).unwrap();
            }
        });
        let _end = Over(&over);
        for _ in 0..20 {
            let out = host.cci(&["shell", "--background", "--debug"]);
            host.remove_containers();
            out.ok();
        }
    });
}
