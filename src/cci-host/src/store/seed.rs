//! Puts what the agent needs of the host's own configuration into a session, before the agent starts.

mod copy;
mod limits;
mod note;
mod read;

#[cfg(test)]
mod tests;

use std::ffi::OsStr;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use cci_agent::{Agent, Documents, Given, HostPlace, NotCopied, Omission, Secrets, Seeded, Sources, json};
use cci_core::mount::Protected;
use cci_core::settings::SettingsSecrets;
use cci_core::{Error, Result};
use serde_json::Value;

use self::copy::Copying;
use self::limits::Limits;
use self::note::Note;
use super::guest_dir::{Content, GuestDir};

/// What a session's agent finds in its state directory when it starts.
pub struct Seed<'a> {
    /// Which agent it is.
    pub agent: &'static dyn Agent,
    /// Where the host user has its configuration.
    pub place: HostPlace,
    /// The directories in which the caller finds programs.
    pub search: Option<&'a str>,
    /// Whether the host's configuration is taken at all.
    pub from_host: bool,
    /// What happens to the secrets in its settings.
    pub secrets: SettingsSecrets,
    /// The key the agent finds in its environment.
    pub api_key: Option<&'a str>,
    /// The workspace on the host.
    pub workspace: &'a Path,
    /// Places of the host that containers never see.
    pub protected: Vec<Protected>,
    /// Places of the host that the container has, and where it has them.
    pub mounted: Vec<(PathBuf, String)>,
    /// The state directory in the container.
    pub state: String,
    /// The home in the container.
    pub guest_home: &'a str,
}

/// What the user should know about what was copied.
#[derive(Debug, Default)]
pub struct Planted {
    /// The secrets that come with the settings.
    pub secrets: Vec<Secrets>,
    /// What in the workspace the agent asks about before it runs anything of it.
    pub asks_about: Vec<&'static str>,
    /// What does not come along as it is.
    pub omitted: Vec<Omission>,
}

impl Seed<'_> {
    /// Writes it all into the state directory of the session in `session`; fresh host credentials replace saved ones.
    pub fn plant(&self, state: &GuestDir, session: &Path) -> Result<Planted> {
        let mut sources = if self.from_host { self.agent.sources(&self.place) } else { self.without_host() };
        let unusable = if self.from_host { limits::unusable(&sources.directory) } else { None };
        if unusable.is_some() {
            sources.host.retain(|document| !document.path.starts_with(&sources.directory));
        }
        let note = Note::read(session);
        let mut omitted = Vec::new();
        let (session_has, left_alone) = of_session(state, sources.session, &mut omitted)?;
        let host = of_host(&sources, &mut omitted);
        let seeded = self.made(host, session_has, note.agents.clone(), sources.workspace);
        for (name, content) in seeded.files.iter().filter(|(name, _)| !left_alone.contains(name)) {
            state.write(name, content).map_err(in_session("write", state, name))?;
        }
        omitted.extend(seeded.omitted);
        if self.from_host {
            let mut copying = Copying::after(note.copied, self.limits(&sources.directory));
            match unusable {
                Some(why) => copying.nothing_of(&sources.directory, why),
                None => sources.copied.iter().chain(&seeded.copied).for_each(|copied| copying.copy(copied, state)),
            }
            remove_gone(&mut copying, &sources, state);
            Note { copied: copying.made, agents: seeded.noted }.write(session)?;
            once_each(&mut omitted, copying.omitted);
        }
        Ok(Planted { secrets: seeded.secrets, asks_about: seeded.asks_about, omitted })
    }

    /// Where the links of the configuration in this directory may lead.
    fn limits(&self, directory: &Path) -> Limits {
        let open = directory.canonicalize().unwrap_or_else(|_| directory.to_owned());
        let of_talk = self.agent.transcripts().into_iter().flat_map(|kept| [Some(kept.dir), kept.trace]).flatten();
        let private = of_talk.filter_map(|name| Some(open.join(Path::new(name).components().next()?))).collect();
        Limits { open, private, protected: self.protected.clone() }
    }

    /// What is read where the host's configuration is not given to sessions.
    fn without_host(&self) -> Sources {
        let Sources { session, workspace, .. } = self.agent.sources(&self.place);
        Sources { session, workspace, ..Sources::default() }
    }

    fn made(&self, host: Documents, session: Documents, noted: Vec<String>, workspace: &[&'static str]) -> Seeded {
        let find = |program: &str| self.program(program);
        self.agent.seed(&Given {
            place: self.place.clone(),
            host,
            session,
            in_workspace: self.in_workspace(workspace),
            workspace: &self.workspace.to_string_lossy(),
            mounted: self.mounted.clone(),
            state: self.state.clone(),
            guest_home: self.guest_home,
            secrets: self.secrets == SettingsSecrets::Copy,
            api_key: self.api_key,
            noted,
            exists: if self.from_host { Some(&Path::exists) } else { None },
            find: Some(&find),
        })
    }

    /// Those files that the workspace has: they came with the repository, and the credentials are beside it.
    fn in_workspace(&self, files: &[&'static str]) -> Vec<(&'static str, Option<Value>)> {
        let owner = cci_core::idmap::Ids { uid: u32::MAX, gid: u32::MAX };
        let dir = GuestDir::open(self.workspace, owner).ok();
        let is_there = |file: &&&str| self.workspace.join(file).symlink_metadata().is_ok();
        let content = |file: &str| json::parse(&dir.as_ref()?.read_below(file)?).ok();
        files.iter().filter(is_there).map(|file| (*file, content(file))).collect()
    }

    /// The program of the host that a name stands for.
    fn program(&self, name: &str) -> Option<PathBuf> {
        let is_program =
            |path: &PathBuf| path.metadata().is_ok_and(|meta| meta.is_file() && meta.permissions().mode() & 0o111 != 0);
        let dirs = self.search.into_iter().flat_map(|search| search.split(':')).filter(|dir| dir.starts_with('/'));
        dirs.map(|dir| Path::new(dir).join(name)).find(is_program)
    }
}

/// Files of the host; one that cannot be understood is passed over.
fn of_host(sources: &Sources, omitted: &mut Vec<Omission>) -> Documents {
    let mut documents = Documents::new();
    for document in &sources.host {
        match read::document(document) {
            Ok(found) => documents.extend(found.map(|value| (document.name, value))),
            Err(problem) => omitted.push(problem),
        }
    }
    documents
}

/// What an earlier run of the session left, and the names of what stays as it is. What is damaged is put aside, for the
/// agent asks about it and waits; what is whole in it goes on.
fn of_session(
    state: &GuestDir,
    files: &[&'static str],
    omitted: &mut Vec<Omission>,
) -> Result<(Documents, Vec<&'static str>)> {
    let (mut documents, mut left_alone) = (Documents::new(), Vec::new());
    for name in files {
        let path = state.path().join(name);
        match state.read(name).map_err(in_session("read", state, name))? {
            Content::Absent => {}
            Content::Other => {
                let problem = "it is not a file and is replaced".to_owned();
                omitted.push(Omission::NotRead { path, problem });
            }
            Content::TooLarge => {
                omitted.push(Omission::LeftAlone { path, problem: "it is too large to be read".into() });
                left_alone.push(*name);
            }
            Content::File(bytes) => {
                if let Ok(value) = json::parse(&bytes) {
                    documents.insert(name, value);
                    continue;
                }
                let kept = state.put_aside(name).map_err(in_session("rename", state, name))?;
                omitted.push(Omission::PutAside { kept: path.with_file_name(kept), path });
                documents.extend(json::mended(&bytes).map(|value| (*name, value)));
            }
        }
    }
    Ok((documents, left_alone))
}

/// Adds what was not copied; a file that could not be read for another purpose either is named with it.
fn once_each(omitted: &mut Vec<Omission>, of_copying: Vec<Omission>) {
    let is_there = |path: &Path| {
        of_copying.iter().any(|one| matches!(one, Omission::NotCopied { path: named, .. } if named == path))
    };
    omitted.retain(|one| !matches!(one, Omission::NotRead { path, .. } if is_there(path)));
    omitted.extend(of_copying);
}

/// Removes what the session had of the host and the host has no more. Below what could not be read now, nothing is gone.
fn remove_gone(copying: &mut Copying, sources: &Sources, state: &GuestDir) {
    let of_host = |path: &Path| sources.directory.join(path);
    let unread: Vec<PathBuf> = copying
        .omitted
        .iter()
        .filter_map(|one| match one {
            // an earlier release may have copied it
            Omission::NotCopied { why: NotCopied::Closed(_), .. } => None,
            Omission::NotCopied { path, .. } => Some(path.clone()),
            _ => None,
        })
        .collect();
    let is_kept = |path: &Path| {
        let login = sources.copied.iter().any(|copied| copied.login && copied.session == path);
        login || unread.iter().any(|unread| of_host(path).starts_with(unread))
    };
    let before = std::mem::take(&mut copying.before);
    // what is in a directory comes behind it
    for (path, changed) in before.into_iter().rev() {
        if copying.made.contains_key(&path) {
            continue;
        }
        if is_kept(&path) {
            copying.made.insert(path, changed);
        } else {
            let other = changed.is_some() && state.changed_below(&path).is_some_and(|there| Some(there) != changed);
            if state.remove(&path) && other {
                copying.omitted.push(Omission::Undone(path));
            }
        }
    }
}

fn in_session(step: &'static str, state: &GuestDir, name: impl AsRef<OsStr>) -> impl FnOnce(io::Error) -> Error {
    let path = state.path().join(name.as_ref());
    move |source| Error::Host { step, path, source }
}
