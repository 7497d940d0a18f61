//! The file with an agent's login on the host.

use std::fs::File;
use std::io::{self, Read, Write};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use cci_agent::json::Keep;
use cci_agent::{Agent, Credentials, Import, Login, json};
use serde_json::Value;

use super::lock::Lock;
use crate::caller::Caller;
use crate::store::directory::Directory;

/// No login is larger.
const LARGEST: u64 = 1024 * 1024;

/// The file with an agent's login.
#[derive(Debug, Clone)]
pub struct LoginFile {
    directory: PathBuf,
    /// The `~/.cci` from which the directory of an account of cci's is reached.
    kept_in: Option<PathBuf>,
    login: &'static dyn Login,
}

/// What is there.
#[derive(Debug, Clone)]
pub enum Found {
    /// Nothing.
    Absent,
    /// Something else than the agent's own file, and what.
    Other(String),
    /// A login that has ended, or was blanked: the whole file.
    Ended(Value),
    /// A login.
    Login(Box<Held>),
}

/// A login that was read.
#[derive(Debug, Clone)]
pub struct Held {
    /// The whole file.
    pub content: Value,
    /// What cci needs of it.
    pub credentials: Credentials,
    /// When the file was written, in milliseconds since 1970.
    pub written: u64,
}

impl Held {
    /// When the access token is to be renewed: five minutes before its end, or after three quarters of a shorter life.
    #[must_use]
    pub fn due(&self) -> Option<u64> {
        const EARLY: u64 = 5 * 60 * 1000;
        let expires = self.credentials.expires?;
        let lives = expires.saturating_sub(self.written);
        Some(expires.saturating_sub(EARLY.min(lives / 4)))
    }
}

impl LoginFile {
    /// Where the caller's own agent has its login.
    #[must_use]
    pub fn of(caller: &Caller, agent: &dyn Agent) -> Option<Self> {
        let login = agent.login()?;
        let own = caller.place(login.place_variable()).map(|dir| caller.current_dir.join(dir));
        let usual = || agent.sources(&caller.place_of(agent), &Import::default()).directory;
        Some(Self::at(own.unwrap_or_else(usual), login))
    }

    /// In this directory of the agent's.
    #[must_use]
    pub fn at(directory: PathBuf, login: &'static dyn Login) -> Self {
        Self { directory, kept_in: None, login }
    }

    /// In this directory below a `~/.cci`, which is reached through no link.
    pub(super) fn kept(cci_dir: &Path, below: &Path, login: &'static dyn Login) -> Self {
        Self { directory: cci_dir.join(below), kept_in: Some(cci_dir.to_owned()), login }
    }

    /// Its directory.
    #[must_use]
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// How the agent handles it.
    #[must_use]
    pub fn login(&self) -> &'static dyn Login {
        self.login
    }

    /// Its path.
    #[must_use]
    pub fn path(&self) -> PathBuf {
        self.directory.join(self.login.file())
    }

    /// Reads it; a link is not followed, as the agent follows none.
    #[must_use]
    pub fn read(&self) -> Found {
        match self.content() {
            Ok(None) => Found::Absent,
            Ok(Some((bytes, written))) => understood(self.login, &bytes, written),
            Err(error) => Found::Other(error.to_string()),
        }
    }

    /// Opens its directory.
    pub(super) fn opened(&self) -> io::Result<Directory> {
        match self.kept_in.as_deref().and_then(|cci_dir| Some((cci_dir, self.directory.strip_prefix(cci_dir).ok()?))) {
            Some((cci_dir, below)) => Directory::kept(cci_dir, below),
            None => Directory::of_the_agent(&self.directory),
        }
    }

    fn content(&self) -> io::Result<Option<(Vec<u8>, u64)>> {
        let file = match self.opened().and_then(|directory| directory.open(self.login.file())) {
            Ok(file) => file,
            Err(error) if crate::way::is_missing(&error) => return Ok(None),
            Err(error) if rustix::io::Errno::from_io_error(&error) == Some(rustix::io::Errno::LOOP) => {
                return Err(io::Error::other("it is a link"));
            }
            Err(error) => return Err(error),
        };
        let meta = file.metadata()?;
        if !meta.is_file() || meta.len() > LARGEST {
            return Err(io::Error::other("it is no file, or too large"));
        }
        let mut bytes = Vec::new();
        file.take(LARGEST).read_to_end(&mut bytes)?;
        let written = u64::try_from(meta.mtime()).unwrap_or_default() * 1000;
        Ok(Some((bytes, written + u64::try_from(meta.mtime_nsec()).unwrap_or_default() / 1_000_000)))
    }

    /// Makes sure before a token is spent that its successor can be kept: a file of that size next to the login's place.
    pub fn prepare(&self) -> io::Result<Replacement> {
        let (bytes, _) = self.content()?.unwrap_or_default();
        let ready = Replacement::in_directory(self.opened()?)?;
        ready.file.as_file().write_all(&vec![b' '; bytes.len() + 8 * 1024])?;
        ready.file.as_file().sync_all()?;
        Ok(ready)
    }

    /// Puts a whole file in its place.
    pub(super) fn put(&self, directory: Directory, content: &Value) -> io::Result<()> {
        Replacement::in_directory(directory)?.put(self.login.file(), content)
    }

    /// Puts what `renewed` makes of the content in its place, if the login there is still `before`, which was renewed, or
    /// that one blanked: an agent does that which has posted the same token, and found it spent. Returns what is there
    /// then. The agent keeps more in that file, which may have changed meanwhile.
    pub fn replace(
        &self,
        with: Replacement,
        before: &Held,
        renewed: impl FnOnce(&Value) -> Option<Value>,
    ) -> io::Result<Option<Value>> {
        let there = match self.read() {
            Found::Login(there) if there.credentials.refresh == before.credentials.refresh => there.content,
            Found::Ended(blank) => match self.login.restored(&blank, &before.content) {
                Some(restored) => restored,
                None => return Ok(None),
            },
            _ => return Ok(None),
        };
        let Some(content) = renewed(&there) else { return Ok(None) };
        with.put(self.login.file(), &content)?;
        Ok(Some(content))
    }

    /// Takes the agent's locks, if nobody has them.
    pub fn try_lock(&self) -> io::Result<Option<Lock>> {
        Lock::try_take(self.opened()?, self.login.locks())
    }
}

/// A file that will be the login; it is removed unless it is put in place.
#[derive(Debug)]
pub struct Replacement {
    // removed before its directory is closed, as fields are dropped in their order
    file: tempfile::NamedTempFile,
    directory: Directory,
}

impl Replacement {
    fn in_directory(directory: Directory) -> io::Result<Self> {
        let file = tempfile::Builder::new().prefix(".cci-").tempfile_in(directory.path())?;
        file.as_file().set_permissions(std::fs::Permissions::from_mode(0o600))?;
        Ok(Self { file, directory })
    }

    /// Makes it the file of this name, with this content.
    fn put(self, name: &str, content: &Value) -> io::Result<()> {
        let Self { mut file, directory } = self;
        file.as_file().set_len(0)?;
        io::Seek::rewind(file.as_file_mut())?;
        file.write_all(&serde_json::to_vec(content)?)?;
        file.as_file().sync_all()?;
        file.persist(directory.path().join(name)).map_err(|error| error.error)?;
        File::open(directory.path())?.sync_all()
    }
}

/// What the bytes of such a file say.
#[must_use]
pub fn understood(login: &dyn Login, bytes: &[u8], written: u64) -> Found {
    let Ok(content) = json::read(bytes, Keep::All) else { return Found::Other("it is no JSON".into()) };
    match login.read(&content) {
        None => Found::Other("cci does not know its form".into()),
        Some(credentials) if !credentials.is_login() => Found::Ended(content),
        Some(credentials) => Found::Login(Box::new(Held { content, credentials, written })),
    }
}
