//! Copies what the agent needs of the host's own configuration into a session, before the agent starts.

use std::io;
use std::path::Path;

use cci_agent::{Agent, Broken, Copied, Files, Given, Secrets};
use cci_core::settings::SettingsSecrets;
use cci_core::{Error, Result};

use super::guest_dir::GuestDir;

/// The maximum depth: a circular link on the host ends here.
const MAX_DEPTH: u8 = 8;

/// What a session's agent finds in its state directory when it starts.
pub struct Seed<'a> {
    /// Which agent it is.
    pub agent: &'static dyn Agent,
    /// The host user's home.
    pub home: &'a Path,
    /// Whether the host's configuration is copied at all.
    pub from_host: bool,
    /// What happens to the secrets in its settings.
    pub secrets: SettingsSecrets,
    /// The key the agent finds in its environment.
    pub api_key: Option<&'a str>,
    /// The workspace on the host.
    pub workspace: &'a Path,
}

/// What the user should know about what was copied.
#[derive(Debug, Default)]
pub struct Planted {
    /// The secrets in the settings.
    pub secrets: Option<Secrets>,
    /// What in the workspace the agent asks about before it runs anything of it.
    pub asks_about: Vec<&'static str>,
}

impl Seed<'_> {
    /// Writes it all; fresh host credentials replace saved ones.
    pub fn plant(&self, state: &GuestDir) -> Result<Planted> {
        let sources = self.agent.sources();
        if self.from_host {
            for Copied { host, session } in sources.files {
                copy_file(&self.home.join(host), state, session)?;
            }
            for Copied { host, session } in sources.trees {
                copy_tree(&self.home.join(host), state, session, MAX_DEPTH)?;
            }
        }
        let given = Given {
            host: self.of_host(sources.host)?,
            session: of_session(state, sources.session)?,
            in_workspace: self.in_workspace(sources.workspace),
            workspace: &self.workspace.to_string_lossy(),
            secrets: self.secrets == SettingsSecrets::Copy,
            api_key: self.api_key,
        };
        let seeded = self.agent.seed(&given).map_err(|broken| self.cannot_read(broken))?;
        for (name, content) in &seeded.files {
            put(state, name, content)?;
        }
        Ok(Planted { secrets: seeded.secrets, asks_about: seeded.asks_about })
    }

    /// Files of the host.
    fn of_host(&self, files: &[&'static str]) -> Result<Files> {
        let files = files.iter().filter(|_| self.from_host);
        files.filter_map(|file| Some(read(&self.home.join(file)).transpose()?.map(|bytes| (*file, bytes)))).collect()
    }

    /// Those of the files that the workspace has: they came with the repository, and the credentials are next to it.
    fn in_workspace(&self, files: &[&'static str]) -> Vec<&'static str> {
        let is_there = |file: &&&str| self.workspace.join(file).symlink_metadata().is_ok();
        files.iter().filter(is_there).copied().collect()
    }

    fn cannot_read(&self, Broken { file, source }: Broken) -> Error {
        let source = io::Error::new(io::ErrorKind::InvalidData, source);
        Error::Host { step: "read", path: self.home.join(file), source }
    }
}

/// What an earlier run of the session left.
fn of_session(state: &GuestDir, files: &[&'static str]) -> Result<Files> {
    let read = |file: &&'static str| {
        Some(state.read(file).transpose()?.map(|bytes| (*file, bytes)).map_err(in_session("read", state, file)))
    };
    files.iter().filter_map(read).collect()
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

/// A regular file of the host (through the user's own links), `None` if there is none.
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
    use std::collections::BTreeSet;
    use std::fs;
    use std::path::PathBuf;

    fn owner() -> Ids {
        Ids { uid: rustix::process::geteuid().as_raw(), gid: rustix::process::getegid().as_raw() }
    }

    fn planted(home: &Path, from_host: bool) -> tempfile::TempDir {
        let state = tempfile::tempdir().unwrap();
        let dir = GuestDir::open(state.path(), owner()).unwrap();
        let secrets = SettingsSecrets::Copy;
        let workspace = state.path();
        Seed { agent: agent(), home, from_host, secrets, api_key: None, workspace }.plant(&dir).unwrap();
        state
    }

    fn agent() -> &'static dyn Agent {
        cci_agent::default_agent()
    }

    fn names(dir: &Path) -> BTreeSet<String> {
        fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
    }

    #[test]
    fn the_agents_own_files_come_along_and_nothing_else() {
        let (home, sources) = (tempfile::tempdir().unwrap(), agent().sources());
        let write = |place: PathBuf, text: &str| {
            fs::create_dir_all(place.parent().unwrap()).unwrap();
            fs::write(place, text).unwrap();
        };
        for file in sources.files {
            write(home.path().join(file.host), file.session);
        }
        for tree in sources.trees {
            write(home.path().join(tree.host).join("deep/x.md"), "do");
            write(home.path().join(tree.host).with_file_name("projects/-other/x"), "private");
        }
        write(home.path().join(sources.host[0]).with_file_name("history.jsonl"), "private");
        write(home.path().join(".ssh/id"), "private");
        let state = planted(home.path(), true);
        let copied = [sources.files, sources.trees].concat();
        let made = agent().seed(&Given::default()).unwrap().files.into_iter().map(|(name, _)| name);
        let expected = copied.iter().map(|copied| copied.session).chain(made).map(str::to_owned).collect();
        assert_eq!(names(state.path()), expected);
        for file in sources.files {
            assert_eq!(fs::read_to_string(state.path().join(file.session)).unwrap(), file.session);
        }
        for tree in sources.trees {
            assert_eq!(fs::read_to_string(state.path().join(tree.session).join("deep/x.md")).unwrap(), "do");
        }
    }

    #[test]
    fn nothing_of_the_host_is_taken_when_that_is_switched_off() {
        let (home, sources) = (tempfile::tempdir().unwrap(), agent().sources());
        for place in sources.files.iter().map(|file| file.host).chain(sources.host.iter().copied()) {
            let place = home.path().join(place);
            fs::create_dir_all(place.parent().unwrap()).unwrap();
            fs::write(place, "{\"theme\":\"mine\"}").unwrap();
        }
        let state = planted(home.path(), false);
        let made = agent().seed(&Given::default()).unwrap().files;
        assert_eq!(names(state.path()), made.iter().map(|(name, _)| (*name).to_owned()).collect());
        for (name, content) in made {
            assert_eq!(fs::read(state.path().join(name)).unwrap(), content, "{name}");
        }
    }

    #[test]
    fn a_file_of_the_host_that_is_broken_is_named() {
        let home = tempfile::tempdir().unwrap();
        let broken = home.path().join(agent().sources().host[0]);
        fs::create_dir_all(broken.parent().unwrap()).unwrap();
        fs::write(&broken, "{").unwrap();
        let (state, secrets) = (tempfile::tempdir().unwrap(), SettingsSecrets::Copy);
        let dir = GuestDir::open(state.path(), owner()).unwrap();
        let seed =
            Seed { agent: agent(), home: home.path(), from_host: true, secrets, api_key: None, workspace: home.path() };
        let error = seed.plant(&dir).unwrap_err().to_string();
        assert!(error.contains(broken.to_str().unwrap()), "{error}");
    }
}
