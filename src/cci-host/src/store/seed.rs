//! Copies what the agent needs of the host's own configuration into a session, before the agent starts.

mod copy;
mod limits;
mod note;
mod on_host;
mod read;
mod wording;

#[cfg(test)]
mod tests;

use std::ffi::OsStr;
use std::io;
use std::path::{Path, PathBuf};

use cci_agent::json::{self, Keep};
use cci_agent::{
    Agent, Copied, Documents, Given, HostPlace, Import, NotCopied, Omission, Secrets, Seeded, Sources, TurnHooks,
};
use cci_core::mount::Protected;
use cci_core::settings::SettingsSecrets;
use cci_core::{Error, Result};
use serde_json::Value;

use self::copy::Copying;
use self::limits::Limits;
use self::note::Note;
use self::on_host::OnHost;
use self::wording::Wording;
use super::guest_dir::{Content, GuestDir};
use crate::login::{Found, Held, LoginFile, understood};
use crate::way;

/// What a session's agent finds in its state directory when it starts.
pub struct Seed<'a> {
    /// Which agent it is.
    pub agent: &'static dyn Agent,
    /// Where the host user keeps its configuration.
    pub place: HostPlace,
    /// The directories in which the caller finds programs.
    pub search: Option<&'a str>,
    /// Whether the host's configuration is copied at all.
    pub from_host: bool,
    /// Which parts of it are copied.
    pub import: &'a Import,
    /// What it gets of logins.
    pub login: LoginGiven,
    /// What happens to the secrets in its settings.
    pub secrets: SettingsSecrets,
    /// The key the agent finds in its environment.
    pub api_key: Option<&'a str>,
    /// The workspace on the host.
    pub workspace: &'a Path,
    /// Whether it may be there in the container too, and the agent work there.
    pub at_host_path: bool,
    /// Places of the host that containers never see.
    pub protected: Vec<Protected>,
    /// Places of the host that are in the container, and where.
    pub mounted: Vec<(PathBuf, String)>,
    /// The places of the host that containers could write, without links: links there can be theirs.
    pub written: Vec<PathBuf>,
    /// What the agent runs of cci's at its turns.
    pub turns: TurnHooks,
    /// The state directory in the container.
    pub state: String,
    /// The home in the container.
    pub guest_home: &'a str,
}

/// What a session gets of logins.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct LoginGiven {
    /// Whether the agent's login on the host is copied.
    pub is_copied: bool,
    /// Whether something of cci's lets the agent in, and nothing of the host's settings does.
    pub is_closed: bool,
    /// Whether one that the session has is dropped first.
    pub is_fresh: bool,
}

/// What the user should know about what was copied.
#[derive(Debug, Default)]
pub struct Planted {
    /// The secrets in the settings.
    pub secrets: Vec<Secrets>,
    /// What in the workspace the agent asks about before it runs anything of it.
    pub asks_about: Vec<&'static str>,
    /// What is not copied as it is.
    pub omitted: Vec<Omission>,
}

impl Seed<'_> {
    /// Writes it all into the state directory of the session in `session`; fresh host credentials replace saved ones.
    pub fn plant(&self, state: &GuestDir, session: &Path) -> Result<Planted> {
        let sources = if self.from_host { self.sources() } else { self.without_host() };
        let note = Note::read(session);
        if self.login.is_fresh {
            self.refuse_none()?;
            self.drop_login(state)?;
        }
        let mut omitted = Vec::new();
        let (session_has, left_alone) = of_session(state, sources.session, &mut omitted)?;
        let no_directory = self.from_host.then(|| unusable(&sources.directory)).flatten();
        let is_usable = no_directory.is_none();
        omitted.extend(no_directory);
        let (host, unread) = of_host(&sources, is_usable, &mut omitted);
        let in_workspace = self.in_workspace(sources.workspace, &mut omitted);
        let seeded = self.made((host, unread), session_has, note.agents.clone(), in_workspace);
        for (name, content) in seeded.files.iter().filter(|(name, _)| !left_alone.contains(name)) {
            state.write(name, content).map_err(in_session("write", state, name))?;
        }
        omitted.extend(seeded.omitted);
        if self.from_host && is_usable {
            let (wording, limits) = (self.wording(&sources), self.limits(&sources.directory));
            let mut copying = Copying::after(note.copied, wording, limits);
            for copied in sources.copied.iter().chain(&seeded.copied).filter(|copied| self.is_copied(copied, state)) {
                copying.copy(copied, state);
            }
            if !self.login.is_copied {
                self.forget_login(&mut copying, state);
            }
            omitted.extend(not_named(&copying, &sources));
            remove_gone(&mut copying, &sources, state);
            Note { copied: copying.made, agents: seeded.noted }.write(session)?;
            omitted.extend(copying.omitted);
        } else if !self.from_host {
            omitted.extend(self.taken_back(note, state, session)?);
        }
        Ok(Planted { secrets: seeded.secrets, asks_about: seeded.asks_about, omitted })
    }

    /// Refuses to drop a login that nothing of the host's could take the place of.
    fn refuse_none(&self) -> Result<()> {
        let sources = self.sources();
        let copied =
            sources.copied.iter().find(|copied| copied.login).filter(|_| self.login.is_copied && self.from_host);
        let Some((login, directory)) = self.agent.login().zip(copied.and_then(|copied| copied.host.parent())) else {
            return Ok(());
        };
        match LoginFile::at(directory.to_owned(), login).read() {
            Found::Login(_) => Ok(()),
            _ => Err(Error::Config {
                problem: "the host has no login that could take the place of the session's".into(),
                hint: Some(format!("log in with {} on the host first", self.agent.title())),
            }),
        }
    }

    /// Whether this is copied: a login only where it is wanted, and never in the place of a newer one.
    fn is_copied(&self, copied: &Copied, state: &GuestDir) -> bool {
        if !copied.login {
            return true;
        }
        let Some(login) = self.agent.login().filter(|_| self.login.is_copied) else { return self.login.is_copied };
        let Some(above) = copied.host.parent() else { return false };
        let there = match state.read(&copied.session) {
            Ok(Content::File(bytes)) => understood(login, &bytes, 0),
            _ => Found::Absent,
        };
        let expires = |held: &Held| held.credentials.expires;
        match (LoginFile::at(above.to_owned(), login).read(), there) {
            (Found::Absent | Found::Ended(_), _) | (Found::Other(_), Found::Login(_)) => false,
            (Found::Login(ours), Found::Login(theirs)) => expires(&ours) > expires(&theirs),
            (Found::Other(_) | Found::Login(_), _) => true,
        }
    }

    /// Removes the login that the session has, wherever it came from.
    fn drop_login(&self, state: &GuestDir) -> Result<()> {
        for path in self.sources().copied.into_iter().filter(|copied| copied.login).map(|copied| copied.session) {
            if state.seen(&path).is_some() && !state.remove(&path) {
                let source = io::Error::other("it stays where it is");
                return Err(Error::Host { step: "remove", path: state.path().join(path), source });
            }
        }
        Ok(())
    }

    /// Removes a login that an earlier launch has copied; one that the session has renewed since is its own.
    fn forget_login(&self, copying: &mut Copying, state: &GuestDir) {
        let copied = self.sources().copied;
        for path in copied.into_iter().filter(|copied| copied.login).map(|copied| copied.session) {
            let made = copying.before.get(&path).copied().flatten();
            let is_as_copied =
                made.is_some_and(|made| state.seen(&path).is_some_and(|now| now.modified == made.changed));
            if is_as_copied && state.remove(&path) {
                copying.before.remove(&path);
            }
        }
    }

    fn sources(&self) -> Sources {
        self.agent.sources(&self.place, self.import)
    }

    fn wording(&self, sources: &Sources) -> Wording {
        Wording::of(&sources.directory, &self.place.home, &self.state)
    }

    /// Where the links of the configuration in this directory may lead.
    fn limits(&self, directory: &Path) -> Limits {
        let open = directory.canonicalize().unwrap_or_else(|_| directory.to_owned());
        let of_talk = self.agent.transcripts().into_iter().flat_map(|kept| [Some(kept.dir), kept.trace]).flatten();
        let private = of_talk.filter_map(|name| Some(open.join(Path::new(name).components().next()?))).collect();
        Limits { open, private, protected: self.protected.clone(), written: self.written.clone() }
    }

    /// Removes what came from the host before that was switched off; a login that the session renewed is its own.
    fn taken_back(&self, note: Note, state: &GuestDir, session: &Path) -> Result<Vec<Omission>> {
        if note == Note::default() {
            return Ok(Vec::new());
        }
        let copied = self.sources().copied;
        let is_login = |path: &Path| copied.iter().any(|copied| copied.login && copied.session == path);
        let mut copying = Copying::after(note.copied, Wording::default(), Limits::default());
        copying.before.retain(|path, made| {
            let is_renewed = made.is_some_and(|made| state.seen(path).is_some_and(|now| now.modified != made.changed));
            !(is_renewed && is_login(path))
        });
        remove_gone(&mut copying, &Sources::default(), state);
        Note::default().write(session)?;
        Ok(copying.omitted)
    }

    /// What is read where the host's configuration is not given to sessions.
    fn without_host(&self) -> Sources {
        let Sources { session, workspace, .. } = self.sources();
        Sources { session, workspace, ..Sources::default() }
    }

    fn made(&self, host: OfHost, session: Documents, noted: Vec<String>, in_workspace: InWorkspace) -> Seeded {
        let (host, unread) = host;
        let files = OnHost { search: self.search };
        self.agent.seed(&Given {
            place: self.place.clone(),
            host,
            unread,
            import: self.import.clone(),
            session,
            in_workspace,
            workspace: &self.workspace.to_string_lossy(),
            at_host_path: self.at_host_path,
            mounted: self.mounted.clone(),
            state: self.state.clone(),
            guest_home: self.guest_home,
            secrets: self.secrets == SettingsSecrets::Copy,
            is_closed: self.login.is_closed,
            api_key: self.api_key,
            noted,
            turns: Some(self.turns.clone()),
            files: if self.from_host { Some(&files) } else { None },
        })
    }

    /// Those of the files that the workspace has: they came with the repository, and the credentials are next to it.
    /// One that is not understood is told: what in it keeps the agent from working is not known.
    fn in_workspace(&self, files: &[&'static str], omitted: &mut Vec<Omission>) -> InWorkspace {
        let owner = cci_core::idmap::Ids { uid: u32::MAX, gid: u32::MAX };
        let dir = GuestDir::open(self.workspace, owner).ok();
        let content = |file: &str| {
            let bytes = dir.as_ref().and_then(|dir| dir.read_below(file));
            let bytes = bytes.ok_or_else(|| "it is a link, no file, or too large".to_owned())?;
            json::parse(&bytes).map_err(|error| error.to_string())
        };
        let mut found = InWorkspace::new();
        for file in files {
            let path = self.workspace.join(file);
            if path.symlink_metadata().is_err() {
                continue;
            }
            match content(file) {
                Ok(value) => found.push((*file, Some(value))),
                Err(problem) => {
                    found.push((*file, None));
                    let problem = format!("not checked for what keeps the agent from working: {problem}");
                    omitted.push(Omission::NotRead { path, problem });
                }
            }
        }
        found
    }
}

/// Files of the workspace, and what is in them.
type InWorkspace = Vec<(&'static str, Option<Value>)>;

/// Files of the host, and the names of those that could not be read.
type OfHost = (Documents, Vec<&'static str>);

/// Why nothing of the agent's directory on the host can be used, where there is one.
fn unusable(directory: &Path) -> Option<Omission> {
    let path = || directory.to_owned();
    let omission = |why| Some(Omission::NotCopied { path: path(), why });
    match directory.join(".").metadata() {
        Ok(_) => None,
        Err(_) if directory.is_file() => omission(NotCopied::NoDirectory),
        Err(error) if way::is_missing(&error) && directory.is_symlink() => omission(NotCopied::Dangling),
        Err(error) if way::is_missing(&error) => None,
        Err(error) => omission(NotCopied::Unreadable(error.to_string())),
    }
}

/// What is in the agent's directory on the host, and neither comes along nor stays there as everybody's does. Hidden
/// files and the copies that editors make are nobody's configuration.
fn not_named(copying: &Copying, sources: &Sources) -> Vec<Omission> {
    let real = sources.directory.canonicalize();
    let names = real.and_then(|real| copy::names(&real)).unwrap_or_default();
    let is_copy =
        |name: &str| name.starts_with('.') || name.ends_with('~') || name.contains(".bak") || name.contains(".backup");
    let is_missed = |name: &&std::ffi::OsString| {
        let known = name.to_str().is_some_and(|name| sources.stays.contains(&name) || is_copy(name));
        !known && !copying.has_copied(Path::new(name))
    };
    names.iter().filter(is_missed).map(|name| Omission::NotNamed(sources.directory.join(name))).collect()
}

/// Files of the host; one that cannot be understood is passed over.
fn of_host(sources: &Sources, with_directory: bool, omitted: &mut Vec<Omission>) -> OfHost {
    let (mut documents, mut unread) = (Documents::new(), Vec::new());
    for document in &sources.host {
        if !with_directory && document.path.starts_with(&sources.directory) {
            unread.push(document.name);
            continue;
        }
        match read::document(document) {
            Ok(found) => documents.extend(found.map(|value| (document.name, value))),
            Err(problem) => {
                unread.push(document.name);
                omitted.push(problem);
            }
        }
    }
    (documents, unread)
}

/// What an earlier run of the session left, and the names of the files that stay as they are. A damaged file is moved aside,
/// because the agent would stop and ask about it; what can be read of it is used.
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
                let problem = "it was not a file, and is replaced".to_owned();
                omitted.push(Omission::NotRead { path, problem });
            }
            Content::TooLarge => {
                omitted.push(Omission::LeftAlone { path, problem: "it is too large to read".into() });
                left_alone.push(*name);
            }
            Content::File(bytes) => {
                let is_many = json::is_many(&bytes);
                if is_many && json::read(&bytes[..], Keep::Keys(&[])).is_ok() {
                    omitted.push(Omission::LeftAlone { path, problem: "it has too many values to be read".into() });
                    left_alone.push(*name);
                    continue;
                }
                if let Ok(value) = json::parse(&bytes) {
                    documents.insert(name, value);
                    continue;
                }
                let kept = state.put_aside(name).map_err(in_session("rename", state, name))?;
                omitted.push(Omission::PutAside { kept: path.with_file_name(kept), path });
                let mended = if is_many { None } else { json::mended(&bytes) };
                documents.extend(mended.map(|value| (*name, value)));
            }
        }
    }
    Ok((documents, left_alone))
}

/// Removes copies whose original is gone on the host. Nothing is removed below what could not be read now.
fn remove_gone(copying: &mut Copying, sources: &Sources, state: &GuestDir) {
    let of_host = |path: &Path| sources.directory.join(path);
    let unread: Vec<PathBuf> = copying
        .omitted
        .iter()
        .filter_map(|one| match one {
            // it may have been copied when it was no such link
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
    for (path, made) in before.into_iter().rev() {
        if copying.made.contains_key(&path) {
            continue;
        }
        if is_kept(&path) {
            copying.made.insert(path, made);
        } else {
            let there = state.seen(&path);
            let other = made.is_some_and(|made| there.is_some_and(|there| !made.is(there)));
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
