//! Copies what the agent needs of the host's own configuration into a session, before the agent starts.

use std::io;
use std::path::Path;

use cci_core::agent_config::{
    RUN_BY_THE_AGENT, claude_json, is_trusted_on_host, secrets, settings_json, without_secrets,
};
use cci_core::settings::SettingsSecrets;
use cci_core::{Error, Result};
use serde_json::Value;

use super::guest_dir::GuestDir;

/// Files that are copied as they are.
const FILES: [&str; 3] = [".credentials.json", "CLAUDE.md", "config.yml"];
/// Directories that are copied with what is in them.
const DIRS: [&str; 3] = ["commands", "agents", "skills"];
/// How deep and how many: a link on the host that leads in circles ends here.
const DEEPEST: u8 = 8;

/// What a session's agent finds in its state directory when it starts.
pub struct Seed<'a> {
    /// The host user's home.
    pub home: &'a Path,
    /// Whether the host's configuration is taken at all.
    pub from_host: bool,
    /// What becomes of the secrets in its settings.
    pub secrets: SettingsSecrets,
    /// The key the agent finds in its environment.
    pub api_key: Option<&'a str>,
    /// The workspace on the host.
    pub workspace: &'a Path,
}

/// What the person should know of what was planted.
#[derive(Debug, Default)]
pub struct Planted {
    /// The keys of the secrets that come with the settings.
    pub secrets: Vec<String>,
    /// What in the workspace the agent asks about before it runs anything of it.
    pub asks_about: Vec<&'static str>,
}

impl Seed<'_> {
    /// Writes it all; fresh host credentials replace saved ones.
    pub fn plant(&self, state: &GuestDir) -> Result<Planted> {
        if self.from_host {
            let claude = self.home.join(".claude");
            for name in FILES {
                copy_file(&claude.join(name), state, name)?;
            }
            for name in DIRS {
                copy_tree(&claude.join(name), state, name, DEEPEST)?;
            }
        }
        let host_settings = self.host_json(&self.home.join(".claude/settings.json"))?;
        let (host_settings, given) = match (host_settings, self.secrets) {
            (Some(settings), SettingsSecrets::Drop) => (Some(without_secrets(settings)), Vec::new()),
            (settings, _) => {
                let given = settings.as_ref().map(secrets).unwrap_or_default();
                (settings, given)
            }
        };
        let base = if host_settings.is_some() { host_settings } else { session_json(state, "settings.json")? };
        put(state, "settings.json", &json_bytes(&settings_json(base)))?;
        let host_state = self.host_json(&self.home.join(".claude.json"))?;
        let session_state = session_json(state, ".claude.json")?;
        let asks_about = self.asks_about(host_state.as_ref());
        let merged = claude_json(session_state, host_state.as_ref(), self.api_key, asks_about.is_empty());
        put(state, ".claude.json", &json_bytes(&merged))?;
        Ok(Planted { secrets: given, asks_about })
    }

    /// What the workspace has of files by which the agent runs programs, unless the person trusts it on the host: it came
    /// with the repository, and the credentials are beside it.
    fn asks_about(&self, host: Option<&Value>) -> Vec<&'static str> {
        if is_trusted_on_host(host, &self.workspace.to_string_lossy()) {
            return Vec::new();
        }
        let is_there = |file: &&str| self.workspace.join(file).symlink_metadata().is_ok();
        RUN_BY_THE_AGENT.into_iter().filter(is_there).collect()
    }

    /// A JSON file of the host; one that is broken is named rather than passed over.
    fn host_json(&self, path: &Path) -> Result<Option<Value>> {
        if !self.from_host {
            return Ok(None);
        }
        let Some(bytes) = read(path)? else {
            return Ok(None);
        };
        serde_json::from_slice(&bytes).map(Some).map_err(|error| Error::Host {
            step: "read",
            path: path.to_owned(),
            source: io::Error::new(io::ErrorKind::InvalidData, error),
        })
    }
}

fn json_bytes(value: &Value) -> Vec<u8> {
    format!("{value:#}\n").into_bytes()
}

/// What an earlier run of the session left; the agent may have written anything there.
fn session_json(state: &GuestDir, name: &str) -> Result<Option<Value>> {
    let bytes = state.read(name).map_err(in_session("read", state, name))?;
    Ok(bytes.and_then(|bytes| serde_json::from_slice(&bytes).ok()))
}

fn copy_file(from: &Path, into: &GuestDir, name: &str) -> Result<()> {
    match read(from)? {
        Some(content) => put(into, name, &content),
        None => Ok(()),
    }
}

fn copy_tree(from: &Path, into: &GuestDir, name: &str, depth: u8) -> Result<()> {
    let entries = match std::fs::read_dir(from) {
        Ok(entries) => entries,
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
            return Ok(());
        }
        Err(source) => {
            return Err(Error::Host { step: "read", path: from.to_owned(), source });
        }
    };
    let into = into.subdir(name).map_err(in_session("create", into, name))?;
    for entry in entries.flatten() {
        let path = entry.path();
        let Some(name) = entry.file_name().to_str().map(str::to_owned) else {
            continue;
        };
        if path.is_file() {
            copy_file(&path, &into, &name)?;
        } else if path.is_dir() && depth > 0 {
            copy_tree(&path, &into, &name, depth - 1)?;
        }
    }
    Ok(())
}

/// A regular file of the host (through the person's own links), `None` if there is none.
fn read(path: &Path) -> Result<Option<Vec<u8>>> {
    if !path.is_file() {
        return Ok(None);
    }
    std::fs::read(path).map(Some).map_err(|source| Error::Host { step: "read", path: path.to_owned(), source })
}

fn put(state: &GuestDir, name: &str, content: &[u8]) -> Result<()> {
    state.write(name, content).map_err(in_session("write", state, name))
}

fn in_session(step: &'static str, state: &GuestDir, name: &str) -> impl FnOnce(io::Error) -> Error {
    let path = state.path().join(name);
    move |source| Error::Host { step, path, source }
}

#[cfg(test)]
mod tests {
    use super::*;
    use cci_core::idmap::Ids;
    use std::fs;

    fn planted(home: &Path, from_host: bool) -> tempfile::TempDir {
        let state = tempfile::tempdir().unwrap();
        let owner = Ids { uid: rustix::process::geteuid().as_raw(), gid: rustix::process::getegid().as_raw() };
        let dir = GuestDir::open(state.path(), owner).unwrap();
        Seed { home, from_host, secrets: SettingsSecrets::Copy, api_key: None, workspace: home }.plant(&dir).unwrap();
        state
    }

    #[test]
    fn the_agents_own_files_come_along_and_nothing_else() {
        let home = tempfile::tempdir().unwrap();
        let claude = home.path().join(".claude");
        fs::create_dir_all(claude.join("commands/deep")).unwrap();
        fs::create_dir_all(claude.join("projects/-other")).unwrap();
        fs::write(claude.join("commands/deep/x.md"), "do").unwrap();
        fs::write(claude.join(".credentials.json"), "{}").unwrap();
        fs::write(claude.join("history.jsonl"), "private").unwrap();
        fs::create_dir(home.path().join(".ssh")).unwrap();
        let state = planted(home.path(), true);
        let mut names: Vec<_> =
            fs::read_dir(state.path()).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        assert_eq!(names, [".claude.json", ".credentials.json", "commands", "settings.json"]);
        assert_eq!(fs::read_to_string(state.path().join("commands/deep/x.md")).unwrap(), "do");
    }

    #[test]
    fn nothing_of_the_host_is_taken_when_that_is_switched_off() {
        let home = tempfile::tempdir().unwrap();
        fs::create_dir(home.path().join(".claude")).unwrap();
        fs::write(home.path().join(".claude/CLAUDE.md"), "mine").unwrap();
        fs::write(home.path().join(".claude.json"), "{\"theme\":\"light\"}").unwrap();
        let state = planted(home.path(), false);
        assert!(!state.path().join("CLAUDE.md").exists());
        assert!(!fs::read_to_string(state.path().join(".claude.json")).unwrap().contains("light"));
    }
}
