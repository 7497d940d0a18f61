//! What Claude Code's own configuration must contain in a container, merged into what the user and earlier sessions
//! have.

use std::collections::{BTreeSet, VecDeque};
use std::path::Path;

use serde_json::{Map, Value, json};

use super::login::closed;
use super::named::{Found, Named};
use super::place::{SETTINGS, STATE, directory, state_file};
use super::secrets::{secrets, without_secrets};
use super::servers::{self, SERVERS};
use super::{settings, turns};
use crate::import::Part;
use crate::json::{Keep, deep_merge, file};
use crate::omission::{NotCopied, Omission};
use crate::seed::{Given, Secrets, Seeded};

/// The instructions that it reads at the start of every conversation.
pub(super) const MEMORY: &str = "CLAUDE.md";

/// The part of the host's `~/.claude.json` that is read; the history of other workspaces can be of any size.
pub(super) const OF_STATE: Keep = Keep::Keys(&[
    ("theme", Keep::All),
    ("oauthAccount", Keep::All),
    ("userID", Keep::All),
    ("hasAvailableSubscription", Keep::All),
    ("preferredNotifChannel", Keep::All),
    ("editorMode", Keep::All),
    (SERVERS, Keep::All),
    (
        "projects",
        Keep::Each(&Keep::Keys(&[
            ("hasTrustDialogAccepted", Keep::All),
            (SERVERS, Keep::All),
            (OF_PROJECT[0], Keep::All),
            (OF_PROJECT[1], Keep::All),
        ])),
    ),
]);
/// The keys of it that a session gets; the rest stays on the host.
const TAKEN: [&str; 6] =
    ["theme", "oauthAccount", "userID", "hasAvailableSubscription", "preferredNotifChannel", "editorMode"];
/// What of this workspace the person has decided on the host: which of its servers run.
const OF_PROJECT: [&str; 2] = ["enabledMcpjsonServers", "disabledMcpjsonServers"];
/// What an administrator of the host has said to the agent.
const OF_ADMINISTRATOR: [&str; 4] = [
    "/etc/claude-code/managed-settings.json",
    "/etc/claude-code/managed-settings.d",
    "/etc/claude-code/managed-mcp.json",
    "/etc/claude-code/CLAUDE.md",
];

/// The two files that are derived from the host's and the session's.
pub(super) fn seed(given: &Given<'_>) -> Seeded {
    let mut seeded = Seeded::default();
    let mut named = Named::of(given);
    let settings = settings_of_host(given, &mut named, &mut seeded);
    let api_keys = keys(settings.as_ref(), given.api_key);
    let is_of_host = settings.is_some();
    let mut settings = settings::with_ours(settings.or_else(|| of_session(given)));
    turns::add(&mut settings, given.turns.as_ref());
    let servers = servers_of_host(given, &mut named, &mut seeded);
    seeded.noted = noted(given, is_of_host, &servers);
    let host = given.host.get(STATE);
    if !is_trusted_on_host(host, given.workspace) {
        seeded.asks_about = given.in_workspace.iter().map(|(file, _)| *file).collect();
    }
    let session = without_servers(given.session.get(STATE).cloned(), given);
    let mut state = claude_json(session, host, &api_keys, seeded.asks_about.is_empty());
    decided(&mut state, host, given.workspace);
    if given.at_host_path {
        state["projects"][given.workspace] = state["projects"]["/workspace"].clone();
    }
    let state = with_servers(state, servers);
    imports(given, &mut named, &mut seeded.omitted);
    seeded.omitted.extend(settings::in_the_way(given));
    seeded.omitted.extend(of_administrator(given));
    seeded.copied.append(&mut named.copied);
    seeded.files = vec![(SETTINGS, file(&settings)), (STATE, file(&state))];
    seeded
}

/// The host's settings as the session gets them.
fn settings_of_host(given: &Given<'_>, named: &mut Named<'_>, seeded: &mut Seeded) -> Option<Value> {
    let path = directory(&given.place).join(SETTINGS);
    let settings = settings::imported(given.host.get(SETTINGS)?.clone(), &given.import);
    let settings = if given.is_closed { closed(settings) } else { settings };
    let settings = if given.secrets { settings } else { without_secrets(settings) };
    let (settings, omitted) = settings::adapted(settings, &path, named);
    seeded.omitted.extend(omitted);
    let (plugins, elsewhere) = settings::plugins(&settings, given, named);
    seeded.copied.extend(plugins);
    seeded.omitted.extend(elsewhere);
    report_secrets(&path, secrets(&settings), seeded);
    Some(settings)
}

/// The host's servers as the session gets them.
fn servers_of_host(given: &Given<'_>, named: &mut Named<'_>, seeded: &mut Seeded) -> Map<String, Value> {
    let path = state_file(&given.place);
    let state = given.host.get(STATE).filter(|_| given.import.has(Part::Mcp));
    let (servers, omitted) = servers::of_host(state, given, &path, named);
    seeded.omitted.extend(omitted);
    let mut table = json!({ SERVERS: servers });
    if given.secrets {
        report_secrets(&path, secrets(&table), seeded);
    } else {
        table = without_secrets(table);
    }
    match table[SERVERS].take() {
        Value::Object(servers) => servers,
        _ => Map::new(),
    }
}

fn report_secrets(file: &Path, keys: Vec<String>, seeded: &mut Seeded) {
    if !keys.is_empty() {
        seeded.secrets.push(Secrets { file: file.to_owned(), keys });
    }
}

/// A session's state without the servers that came from the host: some of them may be gone there.
fn without_servers(mut session: Option<Value>, given: &Given<'_>) -> Option<Value> {
    let servers = session.as_mut().and_then(|state| state.get_mut(SERVERS)?.as_object_mut());
    if let Some(servers) = servers.filter(|_| !given.unread.contains(&STATE)) {
        servers.retain(|name, _| !given.noted.contains(name));
    }
    session
}

/// The settings of the session itself: those that came from the host are gone if they are gone there.
fn of_session(given: &Given<'_>) -> Option<Value> {
    let is_gone = given.noted.iter().any(|noted| noted == SETTINGS) && !given.unread.contains(&SETTINGS);
    given.session.get(SETTINGS).filter(|_| !is_gone).cloned()
}

/// What came from the host: the settings by their file's name, servers by their own. What cannot be read now came before.
fn noted(given: &Given<'_>, has_settings: bool, servers: &Map<String, Value>) -> Vec<String> {
    let is_kept = |noted: &&String| {
        let file = if *noted == SETTINGS { SETTINGS } else { STATE };
        given.unread.contains(&file)
    };
    let settings = has_settings.then(|| SETTINGS.to_owned());
    settings.into_iter().chain(servers.keys().cloned()).chain(given.noted.iter().filter(is_kept).cloned()).collect()
}

/// A state with the servers that come from the host.
fn with_servers(mut state: Value, servers: Map<String, Value>) -> Value {
    if !servers.is_empty() {
        deep_merge(&mut state[SERVERS], Value::Object(Map::new()));
    }
    for (name, server) in servers {
        state[SERVERS][name] = server;
    }
    state
}

/// The administrator's configuration, which no container gets.
fn of_administrator(given: &Given<'_>) -> impl Iterator<Item = Omission> {
    OF_ADMINISTRATOR.iter().filter(|file| given.exists(Path::new(file))).map(|file| Omission::OfHostOnly(file.into()))
}

/// How deep imported files import others, and how many are looked into in all.
const DEEPEST: usize = 5;
const MOST: usize = 200;

/// Copies what `CLAUDE.md` and the files that it imports import (`@path`, relative to the file itself), or reports it.
fn imports(given: &Given<'_>, named: &mut Named<'_>, omitted: &mut Vec<Omission>) {
    let Some(Value::String(text)) = given.host.get(MEMORY) else { return };
    let memory = directory(&given.place).join(MEMORY);
    let mut known = BTreeSet::from([memory.clone()]);
    let mut left = VecDeque::from([(memory, text.clone(), 0)]);
    while let Some((file, text, depth)) = left.pop_front() {
        let words =
            text.split_whitespace().filter_map(|word| word.strip_prefix('@')).filter(|path| path.contains(['.', '/']));
        for word in words {
            let files = named.imported(&file, word);
            let told = |found: Found| found.told(&file, &format!("@{word}"), false);
            omitted.extend(named.found.drain(..).map(told));
            for file in files.into_iter().filter(|_| depth < DEEPEST) {
                if known.len() > MOST {
                    omitted.push(Omission::NotCopied { path: file, why: NotCopied::TooMuch });
                    return;
                }
                if known.insert(file.clone()) {
                    let text = given.files.and_then(|files| files.script(&file));
                    left.extend(text.map(|text| (file, text, depth + 1)));
                }
            }
        }
    }
}

/// The keys that the agent finds in its environment and in its settings.
fn keys(settings: Option<&Value>, given: Option<&str>) -> Vec<String> {
    let of_settings = settings.and_then(|settings| settings.get("env")?.get("ANTHROPIC_API_KEY")?.as_str());
    given.into_iter().chain(of_settings).map(str::to_owned).collect()
}

/// `.claude.json` of a session: the session's content, the user's account and preferences, and an answer to every
/// question that a sandbox decides by itself. `api_keys` are those that the agent finds, so it need not ask about them.
/// Whether the user trusts what the workspace tells the agent to run is decided only if it is `trusted`.
fn claude_json(session: Option<Value>, host: Option<&Value>, api_keys: &[String], trusted: bool) -> Value {
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
    for key in api_keys {
        approve(&mut state, key);
    }
    state
}

/// Adds what the person has decided on the host of this workspace.
fn decided(state: &mut Value, host: Option<&Value>, workspace: &str) {
    let Some(project) = host.and_then(|host| host.get("projects")?.get(workspace)) else { return };
    for key in OF_PROJECT.iter().filter(|key| project.get(**key).is_some_and(Value::is_array)) {
        state["projects"]["/workspace"][*key] = project[*key].clone();
    }
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
mod tests;
