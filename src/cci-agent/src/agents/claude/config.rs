//! What Claude Code's own configuration must contain in a container, merged into what the user and earlier sessions
//! have.

use serde_json::{Map, Value, json};

use super::secrets::{secrets, without_secrets};
use crate::json::{deep_merge, file};
use crate::seed::{Broken, Files, Given, Secrets, Seeded};

/// The settings, in the state directory.
pub(super) const SETTINGS: &str = "settings.json";
/// The same on the host.
pub(super) const HOST_SETTINGS: &str = ".claude/settings.json";
/// Its own notes: next to its directory on the host, in the state directory of a session.
pub(super) const STATE: &str = ".claude.json";

/// The two files that are derived from the host's and the session's.
pub(super) fn seed(given: &Given<'_>) -> Result<Seeded, Broken> {
    let (settings, secrets) = settings_of_host(given)?;
    let settings = settings_json(settings.or_else(|| of_session(&given.session, SETTINGS)));
    let host_state = of_host(&given.host, STATE)?;
    let asks_about =
        if is_trusted_on_host(host_state.as_ref(), given.workspace) { Vec::new() } else { given.in_workspace.clone() };
    let session_state = of_session(&given.session, STATE);
    let state = claude_json(session_state, host_state.as_ref(), given.api_key, asks_about.is_empty());
    Ok(Seeded { files: vec![(SETTINGS, file(&settings)), (STATE, file(&state))], secrets, asks_about })
}

/// The host's settings as the session gets them, and the secrets that remain in them.
fn settings_of_host(given: &Given<'_>) -> Result<(Option<Value>, Option<Secrets>), Broken> {
    let Some(settings) = of_host(&given.host, HOST_SETTINGS)? else { return Ok((None, None)) };
    if !given.secrets {
        return Ok((Some(without_secrets(settings)), None));
    }
    let keys = secrets(&settings);
    let secrets = (!keys.is_empty()).then_some(Secrets { file: HOST_SETTINGS, keys });
    Ok((Some(settings), secrets))
}

/// A file of the host; a broken one is reported rather than ignored.
fn of_host(host: &Files, file: &'static str) -> Result<Option<Value>, Broken> {
    let Some(bytes) = host.get(file) else { return Ok(None) };
    serde_json::from_slice(bytes).map(Some).map_err(|error| Broken { file, source: error.into() })
}

/// A file of the session, in which the agent may have written anything.
fn of_session(session: &Files, file: &str) -> Option<Value> {
    serde_json::from_slice(session.get(file)?).ok()
}

/// `settings.json` of a session: the user's keys, and the sandbox's on top.
fn settings_json(host: Option<Value>) -> Value {
    let mut settings = host.filter(Value::is_object).unwrap_or_else(|| json!({}));
    deep_merge(
        &mut settings,
        json!({
            "allowDangerouslySkipPermissions": true,
            "bypassPermissionsModeAccepted": true,
            "skipDangerousModePermissionPrompt": true,
            "permissions": { "defaultMode": "bypassPermissions" },
        }),
    );
    settings
}

/// The keys of the host's `~/.claude.json` that a fresh start needs; the history of other workspaces stays on the host.
const TAKEN: [&str; 6] =
    ["theme", "oauthAccount", "userID", "hasAvailableSubscription", "preferredNotifChannel", "editorMode"];

/// `.claude.json` of a session: the session's content, the user's account and preferences, and an answer to every
/// question that a sandbox decides by itself. `api_key` is the one in the agent's environment, so it need not ask about
/// it. Whether the user trusts what the workspace tells the agent to run is decided only if it is `trusted`.
fn claude_json(session: Option<Value>, host: Option<&Value>, api_key: Option<&str>, trusted: bool) -> Value {
    let mut state = session.filter(Value::is_object).unwrap_or_else(|| json!({ "theme": "dark" }));
    let taken: Map<String, Value> =
        TAKEN.iter().filter_map(|key| Some(((*key).to_owned(), host?.get(*key)?.clone()))).collect();
    deep_merge(&mut state, Value::Object(taken));
    deep_merge(
        &mut state,
        json!({
            "hasCompletedOnboarding": true,
            "hasSeenAutoDefaultNudge": true,
            "bypassPermissionsModeAccepted": true,
            "projects": { "/workspace": { "hasTrustDialogAccepted": trusted, "hasCompletedProjectOnboarding": true } },
        }),
    );
    if let Some(key) = api_key {
        approve(&mut state, key);
    }
    state
}

/// Whether the user has told their own agent on the host that they trust the workspace at this path.
fn is_trusted_on_host(host: Option<&Value>, workspace: &str) -> bool {
    let project = host.and_then(|host| host.get("projects")?.get(workspace));
    project.and_then(|project| project.get("hasTrustDialogAccepted")) == Some(&Value::Bool(true))
}

/// Adds the last twenty characters of a key to the approved ones, in the agent's own format.
fn approve(state: &mut Value, key: &str) {
    let tail = json!(key.chars().rev().take(20).collect::<Vec<_>>().into_iter().rev().collect::<String>());
    let listed = |name: &str| match &state["customApiKeyResponses"][name] {
        Value::Array(known) => known.clone(),
        _ => Vec::new(),
    };
    let (mut approved, rejected) = (listed("approved"), listed("rejected"));
    if !approved.contains(&tail) {
        approved.push(tail);
    }
    state["customApiKeyResponses"] = json!({ "approved": approved, "rejected": rejected });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_persons_settings_stay_also_inside_permissions() {
        let host = json!({ "model": "opus", "permissions": { "allow": ["Bash(ls)"], "defaultMode": "plan" }, "env": { "A": "1" } });
        let settings = settings_json(Some(host));
        assert_eq!(settings["model"], "opus");
        assert_eq!(settings["permissions"]["allow"][0], "Bash(ls)");
        assert_eq!(settings["permissions"]["defaultMode"], "bypassPermissions");
        assert_eq!(settings["env"]["A"], "1");
        assert_eq!(settings_json(Some(json!([1])))["allowDangerouslySkipPermissions"], true);
    }

    #[test]
    fn the_history_of_other_workspaces_stays_on_the_host() {
        let host =
            json!({ "theme": "light", "oauthAccount": { "a": 1 }, "projects": { "/secret": {} }, "tipsHistory": {} });
        let state = claude_json(None, Some(&host), None, true);
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
        let before = claude_json(None, None, None, true);
        assert_eq!(trusted(&before), true);
        assert_eq!(trusted(&claude_json(Some(before), None, None, false)), false);
        let host = json!({ "projects": { "/p": { "hasTrustDialogAccepted": true }, "/q": { "hasTrustDialogAccepted": "yes" } } });
        assert!(is_trusted_on_host(Some(&host), "/p"));
        assert!(
            !is_trusted_on_host(Some(&host), "/q")
                && !is_trusted_on_host(Some(&host), "/")
                && !is_trusted_on_host(None, "/p")
        );
    }

    #[test]
    fn what_the_session_knows_already_is_kept() {
        let session = json!({ "numStartups": 7, "projects": { "/workspace": { "lastCost": 1 } } });
        let state = claude_json(Some(session), None, None, true);
        assert_eq!(state["numStartups"], 7);
        assert_eq!(state["projects"]["/workspace"]["lastCost"], 1);
    }

    #[test]
    fn a_given_key_is_approved_once_by_its_tail() {
        let key = "sk-ant-0123456789abcdefghij";
        let once = claude_json(None, None, Some(key), true);
        let twice = claude_json(Some(once.clone()), None, Some(key), true);
        assert_eq!(once, twice);
        assert_eq!(twice["customApiKeyResponses"]["approved"], json!(["0123456789abcdefghij"]));
        assert!(!twice.to_string().contains("sk-ant"));
    }

    #[test]
    fn a_broken_file_of_the_host_is_named_and_one_of_the_session_is_made_anew() {
        let broken = |file| Files::from([(file, b"{".to_vec())]);
        for file in [HOST_SETTINGS, STATE] {
            assert_eq!(seed(&Given { host: broken(file), ..Given::default() }).unwrap_err().file, file);
            assert!(seed(&Given { session: broken(file), ..Given::default() }).is_ok());
        }
    }

    #[test]
    fn a_workspace_that_runs_programs_is_asked_about_unless_it_is_trusted_on_the_host() {
        let given = |host: Files| Given { host, in_workspace: vec![".mcp.json"], workspace: "/p", ..Given::default() };
        assert_eq!(seed(&given(Files::new())).unwrap().asks_about, [".mcp.json"]);
        let trusted = br#"{"projects":{"/p":{"hasTrustDialogAccepted":true}}}"#;
        assert!(seed(&given(Files::from([(STATE, trusted.to_vec())]))).unwrap().asks_about.is_empty());
    }

    #[test]
    fn secrets_of_the_host_are_named_or_left_out() {
        let host = Files::from([(HOST_SETTINGS, br#"{"env":{"TOKEN":"t0"},"model":"opus"}"#.to_vec())]);
        let seeded = |secrets| seed(&Given { host: host.clone(), secrets, ..Given::default() }).unwrap();
        let settings = |seeded: &Seeded| String::from_utf8(seeded.files[0].1.clone()).unwrap();
        let (given, dropped) = (seeded(true), seeded(false));
        assert_eq!(given.secrets, Some(Secrets { file: HOST_SETTINGS, keys: vec!["env.TOKEN".into()] }));
        assert!(settings(&given).contains("t0"));
        assert_eq!(dropped.secrets, None);
        assert!(settings(&dropped).contains("opus") && !settings(&dropped).contains("t0"));
    }

    #[test]
    fn odd_shapes_do_not_panic() {
        let odd = json!({ "customApiKeyResponses": 3, "projects": [] });
        assert_eq!(
            claude_json(Some(odd), Some(&json!(1)), Some("k"), true)["customApiKeyResponses"]["approved"],
            json!(["k"])
        );
    }
}
