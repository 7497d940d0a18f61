//! The accounts that the caller has for an agent besides the agent's own login: `~/.cci/logins/AGENT/NAME`.

use std::fs;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use cci_agent::{Agent, Login};
use cci_core::account::AccountName;
use cci_core::{Error, Result};
use serde_json::Value;

use super::file::{Found, Held, LoginFile};
use crate::store::directory::Directory;
use crate::store::put::{self, PRIVATE, host};

/// Where it is noted which of them sessions use. No account has this name.
const IN_USE: &str = "in-use.txt";

/// Where in an account's file it is noted for which API it is.
const API: &str = "api";

/// The accounts for one agent.
#[derive(Debug, Clone)]
pub struct Accounts {
    cci_dir: PathBuf,
    /// Where they are in it.
    below: PathBuf,
    agent: &'static dyn Agent,
    login: &'static dyn Login,
}

impl Accounts {
    /// For this agent, if cci knows its login.
    #[must_use]
    pub fn of(cci_dir: &Path, agent: &'static dyn Agent) -> Option<Self> {
        let login = agent.login()?;
        let below = Path::new("logins").join(agent.name());
        Some(Self { cci_dir: cci_dir.to_owned(), below, agent, login })
    }

    /// The agent.
    #[must_use]
    pub fn agent(&self) -> &'static dyn Agent {
        self.agent
    }

    /// How it is logged in.
    #[must_use]
    pub fn login(&self) -> &'static dyn Login {
        self.login
    }

    /// The file of an account, whether it is there or not.
    #[must_use]
    pub fn file(&self, name: &AccountName) -> LoginFile {
        LoginFile::kept(&self.cci_dir, &self.below.join(name.as_str()), self.login)
    }

    /// The file that a session is let in with: that of its account, or the agent's own in this directory.
    #[must_use]
    pub fn of_a_session(&self, account: Option<&AccountName>, directory: &Path) -> LoginFile {
        match account {
            Some(name) => self.file(name),
            None => LoginFile::at(directory.to_owned(), self.login),
        }
    }

    /// Their directory, as it is told.
    fn directory(&self) -> PathBuf {
        self.cci_dir.join(&self.below)
    }

    fn opened(&self) -> Result<Directory> {
        Directory::kept(&self.cci_dir, &self.below).map_err(host("open", &self.directory()))
    }

    /// The names of all, in order.
    pub fn names(&self) -> Result<Vec<AccountName>> {
        let read = || fs::read_dir(Directory::kept(&self.cci_dir, &self.below)?.path());
        let entries = match read() {
            Ok(entries) => entries,
            Err(error) if crate::way::is_missing(&error) => return Ok(Vec::new()),
            Err(error) => return Err(host("read", &self.directory())(error)),
        };
        let all = entries.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok());
        let mut names: Vec<AccountName> = all.filter(|name| self.has(name)).collect();
        names.sort();
        Ok(names)
    }

    /// Whether there is such an account.
    #[must_use]
    pub fn has(&self, name: &AccountName) -> bool {
        !matches!(self.file(name).read(), Found::Absent)
    }

    /// Refuses an account that is not there.
    pub fn require(&self, name: &AccountName) -> Result<LoginFile> {
        if self.has(name) {
            return Ok(self.file(name));
        }
        Err(Error::Config {
            problem: format!("there is no account {name} for {}", self.agent.title()),
            hint: Some(format!("`cci login add {name}` adds it; `cci login status` shows the accounts")),
        })
    }

    /// The API that an account is for, if it is not the usual one.
    #[must_use]
    pub fn api_of(held: &Held) -> Option<&str> {
        held.content.get(API).and_then(Value::as_str)
    }

    /// Refuses a name that cannot be added.
    pub fn may_add(&self, name: &AccountName, replaces: bool) -> Result<()> {
        if name.is_host() {
            return Err(Error::usage("`host` is the agent's own login on this host: choose another name"));
        }
        if !replaces && self.has(name) {
            return Err(Error::Usage {
                problem: format!("there is an account {name} already"),
                hint: Some("`--force` replaces it".into()),
            });
        }
        Ok(())
    }

    /// Keeps an account, for this API or the usual one; one that is there is replaced only if that is wanted, and stays one
    /// for its API where none is given.
    pub fn add(&self, name: &AccountName, content: Value, api: Option<&str>, replaces: bool) -> Result<()> {
        self.may_add(name, replaces)?;
        let file = self.file(name);
        let made = Directory::made(&self.cci_dir, &self.below.join(name.as_str()));
        let directory = made.map_err(host("create", file.directory()))?;
        let _lock = self.lock()?;
        // another call may have been quicker
        self.may_add(name, replaces)?;
        let api = match (api, file.read()) {
            (None, Found::Login(held)) => Self::api_of(&held).map(str::to_owned),
            (api, _) => api.map(str::to_owned),
        };
        let mut content = content;
        if let (Some(table), Some(api)) = (content.as_object_mut(), api) {
            table.insert(API.to_owned(), api.into());
        }
        file.put(directory, &content).map_err(host("write", &file.path()))
    }

    /// Removes one; not the one that sessions use.
    pub fn remove(&self, name: &AccountName) -> Result<()> {
        self.require(name)?;
        let all = self.lock()?;
        let file = self.require(name)?;
        if self.in_use()?.as_ref() == Some(name) {
            return Err(Error::Forbidden {
                problem: format!("sessions use the account {name}"),
                hint: Some("`cci login use host`, or another account, then remove it".into()),
            });
        }
        let remove = || fs::remove_file(file.opened()?.path().join(self.login.file()));
        remove().map_err(host("remove", &file.path()))?;
        // a lock of a renewal may still be in it
        let _ = fs::remove_dir(all.path().join(name.as_str()));
        Ok(())
    }

    /// The account that sessions use where nothing else is configured; none is the agent's own login.
    pub fn in_use(&self) -> Result<Option<AccountName>> {
        let path = self.directory().join(IN_USE);
        let mut text = String::new();
        match Directory::kept(&self.cci_dir, &self.below).and_then(|directory| directory.open(IN_USE)) {
            Ok(file) => file.take(1024).read_to_string(&mut text).map_err(host("read", &path))?,
            Err(error) if crate::way::is_missing(&error) => return Ok(None),
            Err(error) => return Err(host("read", &path)(error)),
        };
        let name = text.trim().parse::<AccountName>();
        name.map(Some).map_err(|error| host("read", &path)(io::Error::new(io::ErrorKind::InvalidData, error)))
    }

    /// Has sessions use an account.
    pub fn use_one(&self, name: &AccountName) -> Result<()> {
        let path = self.directory().join(IN_USE);
        if name.is_host() {
            let remove = || fs::remove_file(Directory::kept(&self.cci_dir, &self.below)?.path().join(IN_USE));
            return match remove() {
                Err(error) if !crate::way::is_missing(&error) => Err(host("remove", &path)(error)),
                _ => Ok(()),
            };
        }
        self.require(name)?;
        let all = self.lock()?;
        self.require(name)?;
        put::atomically(&all.path().join(IN_USE), format!("{name}\n").as_bytes(), PRIVATE)
    }

    /// Keeps other calls from changing the accounts until it is dropped.
    fn lock(&self) -> Result<Directory> {
        let directory = self.opened()?;
        directory.lock().map_err(host("lock", &self.directory()))?;
        Ok(directory)
    }

    /// Which account a session uses: what is configured counts more than what is in use.
    pub fn chosen(&self, configured: Option<&AccountName>) -> Result<Option<AccountName>> {
        let chosen = match configured {
            Some(name) => Some(name.clone()),
            None => self.in_use()?,
        };
        Ok(chosen.filter(|name| !name.is_host()))
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt, symlink};

    use cci_agent::By;

    use super::*;

    fn accounts(home: &Path) -> Accounts {
        Accounts::of(&home.join(".cci"), cci_agent::default_agent()).unwrap()
    }

    fn name(raw: &str) -> AccountName {
        raw.parse().unwrap()
    }

    fn add(accounts: &Accounts, named: &str, key: &str, replaces: bool) -> Result<()> {
        accounts.add(&name(named), accounts.login.account(By::Key(key)).unwrap(), None, replaces)
    }

    fn key(accounts: &Accounts, named: &str) -> Option<String> {
        match accounts.file(&name(named)).read() {
            Found::Login(held) => Some(held.credentials.access),
            _ => None,
        }
    }

    #[test]
    fn an_account_is_kept_for_this_user_only() {
        let home = tempfile::tempdir().unwrap();
        let accounts = accounts(home.path());
        assert_eq!(accounts.names().unwrap(), []);
        add(&accounts, "work", "k1", false).unwrap();
        add(&accounts, "home", "k2", false).unwrap();
        assert_eq!(accounts.names().unwrap(), [name("home"), name("work")]);
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        let file = accounts.file(&name("work"));
        assert_eq!((mode(&file.path()), mode(file.directory()), mode(&accounts.directory())), (0o600, 0o700, 0o700));
        assert!(add(&accounts, "work", "k3", false).unwrap_err().to_string().contains("already"));
        assert_eq!(key(&accounts, "work").unwrap(), "k1");
        add(&accounts, "work", "k3", true).unwrap();
        assert_eq!(key(&accounts, "work").unwrap(), "k3");
        assert!(add(&accounts, "host", "k", true).is_err());
        assert_eq!(fs::read_dir(file.directory()).unwrap().count(), 1, "nothing is left beside it");
    }

    #[test]
    fn what_is_in_use_is_not_removed_and_what_is_not_there_is_not_used() {
        let home = tempfile::tempdir().unwrap();
        let accounts = accounts(home.path());
        assert!(accounts.use_one(&name("work")).unwrap_err().to_string().contains("no account work"));
        add(&accounts, "work", "k1", false).unwrap();
        add(&accounts, "home", "k2", false).unwrap();
        accounts.use_one(&name("work")).unwrap();
        assert_eq!(accounts.chosen(None).unwrap(), Some(name("work")));
        assert_eq!(accounts.chosen(Some(&name("home"))).unwrap(), Some(name("home")));
        assert_eq!(accounts.chosen(Some(&AccountName::host())).unwrap(), None);
        assert!(accounts.remove(&name("work")).is_err());
        accounts.remove(&name("home")).unwrap();
        accounts.use_one(&AccountName::host()).unwrap();
        accounts.use_one(&AccountName::host()).unwrap();
        assert_eq!(accounts.chosen(None).unwrap(), None);
        accounts.remove(&name("work")).unwrap();
        assert_eq!(accounts.names().unwrap(), []);
        assert!(accounts.require(&name("work")).is_err());
    }

    #[test]
    fn links_in_the_place_of_what_is_kept_are_refused() {
        let home = tempfile::tempdir().unwrap();
        let accounts = accounts(home.path());
        let elsewhere = tempfile::tempdir().unwrap();
        fs::create_dir_all(accounts.directory()).unwrap();
        symlink(elsewhere.path(), accounts.directory().join("work")).unwrap();
        add(&accounts, "work", "k1", true).unwrap_err();
        assert_eq!(fs::read_dir(elsewhere.path()).unwrap().count(), 0);
        add(&accounts, "home", "k2", false).unwrap();
        let (path, target) = (accounts.file(&name("home")).path(), elsewhere.path().join("t"));
        fs::rename(&path, &target).unwrap();
        symlink(&target, &path).unwrap();
        assert_eq!(key(&accounts, "home"), None);
        symlink(&target, accounts.directory().join(IN_USE)).unwrap();
        accounts.in_use().unwrap_err();
        add(&accounts, "home", "k3", true).unwrap();
        assert!(fs::read_to_string(&target).unwrap().contains("k2"), "the link is replaced, and not followed");
    }
    #[test]
    fn no_link_leads_to_them_and_the_directory_of_cci_itself_may_be_one() {
        let (home, elsewhere) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        symlink(elsewhere.path(), home.path().join(".cci")).unwrap();
        let accounts = accounts(home.path());
        add(&accounts, "work", "k1", false).unwrap();
        accounts.use_one(&name("work")).unwrap();
        assert_eq!(key(&accounts, "work").unwrap(), "k1");
        for below in [Path::new("logins"), accounts.below.as_path()] {
            let (there, aside) = (accounts.cci_dir.join(below), elsewhere.path().join("aside"));
            fs::rename(&there, &aside).unwrap();
            symlink(&aside, &there).unwrap();
            assert_eq!(key(&accounts, "work"), None, "{}", below.display());
            accounts.names().unwrap_err();
            accounts.in_use().unwrap_err();
            accounts.use_one(&name("work")).unwrap_err();
            add(&accounts, "work", "k2", true).unwrap_err();
            accounts.remove(&name("work")).unwrap_err();
            let file = accounts.file(&name("work"));
            assert!(file.prepare().is_err() && file.try_lock().is_err());
            fs::remove_file(&there).unwrap();
            fs::rename(&aside, &there).unwrap();
        }
        assert_eq!(key(&accounts, "work").unwrap(), "k1", "nothing was changed through a link");
    }
}
