//! Who runs cci: user, home, current directory, environment.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use cci_agent::{Agent, HostPlace};
use cci_core::environment::HostLocale;
use cci_core::idmap::Ids;
use cci_core::{Error, Result};
use cci_guest::GuestText;
use cci_guest::umask::Umask;

use super::accounts::Account;

/// The user and the place that cci was called from, read once.
#[derive(Debug, Clone)]
pub struct Caller {
    /// User and primary group, as the account has it.
    pub ids: Ids,
    /// The home directory.
    pub home: PathBuf,
    /// The current directory, by the name the shell has for it.
    pub current_dir: PathBuf,
    /// Whether that directory was removed; whatever has its name now is another one.
    pub is_current_dir_gone: bool,
    /// The permissions that new files do not get.
    pub umask: Umask,
    /// The environment; names or values that are not UTF-8 are left out.
    pub environment: BTreeMap<String, String>,
    /// What is left out of it for its value.
    pub not_text: BTreeMap<String, OsString>,
}

impl Caller {
    /// `~/.cci`.
    #[must_use]
    pub fn cci_dir(&self) -> PathBuf {
        self.home.join(".cci")
    }

    /// Reads the process's own facts.
    pub fn of_this_process() -> Result<Self> {
        let (uid, gid) = (rustix::process::geteuid().as_raw(), rustix::process::getegid().as_raw());
        // `newgrp incus-admin` makes the socket usable in a login that began before; files keep the user's own group
        let ids = Account::of_uid(uid).map_or(Ids { uid, gid }, |account| account.ids);
        let (mut environment, mut not_text) = (BTreeMap::new(), BTreeMap::new());
        for (name, value) in std::env::vars_os() {
            let Ok(name) = name.into_string() else { continue };
            match value.into_string() {
                Ok(value) => drop(environment.insert(name, value)),
                Err(value) => drop(not_text.insert(name, value)),
            }
        }
        let home = home(std::env::home_dir())?;
        let (current_dir, is_current_dir_gone) = match std::env::current_dir() {
            Ok(here) => (logical(here, &environment), false),
            Err(_) => (name_of_removed(&environment), true),
        };
        let umask = Umask::of_process(&fs::read_to_string("/proc/self/status").unwrap_or_default());
        Ok(Self { ids, home, current_dir, is_current_dir_gone, umask, environment, not_text })
    }

    /// Refuses to run as root with another user's home: under a `sudo` that keeps `HOME`, cci would create files there that
    /// lock their owner out.
    pub fn refuse_anothers_home(&self) -> Result<()> {
        if self.ids.uid != 0 {
            return Ok(());
        }
        let config = self.place("XDG_CONFIG_HOME");
        let named = [("HOME", Some(self.home.as_path())), ("XDG_CONFIG_HOME", config.as_deref())];
        for (variable, dir) in named.into_iter().filter_map(|(variable, dir)| Some((variable, dir?))) {
            // what is not there yet is made below somebody's
            let owner = dir.ancestors().find_map(|above| fs::metadata(above).ok()).map_or(0, |there| there.uid());
            if owner != 0 {
                return Err(self.anothers(variable, dir, owner));
            }
        }
        Ok(())
    }

    fn anothers(&self, variable: &str, dir: &Path, owner: u32) -> Error {
        let name = Account::of_uid(owner).map_or_else(|| owner.to_string(), |account| account.name);
        let own = if dir == self.home {
            "use root's own home: `sudo -H cci …`".to_owned()
        } else {
            format!("unset {variable}")
        };
        Error::Forbidden {
            problem: format!("cci runs as root, but {variable} is {}, which belongs to {name}", GuestText::new(dir)),
            hint: Some(format!("run it as {name}, without `sudo`; or {own}")),
        }
    }

    /// Refuses a directory that is named after the current one where that was removed: what is at its name is another.
    pub fn refuse_removed(&self, named: &Path) -> Result<()> {
        if !self.is_current_dir_gone {
            return Ok(());
        }
        let problem = "the current directory no longer exists (if it was created again, `cd` to it)".to_owned();
        Err(Error::Workspace { path: named.to_owned(), problem })
    }

    /// What the environment says about the terminal.
    #[must_use]
    pub fn locale(&self) -> HostLocale {
        let owned = |name| self.var(name).map(str::to_owned);
        HostLocale { term: owned("TERM"), colorterm: owned("COLORTERM"), timezone: None }
    }

    /// Where the caller keeps the configuration of an agent.
    #[must_use]
    pub fn place_of(&self, agent: &dyn Agent) -> HostPlace {
        let named = agent.place_variable().and_then(|name| self.place(name));
        HostPlace { home: self.home.clone(), named: named.map(|dir| self.current_dir.join(dir)) }
    }

    /// The directory of cci's own configuration: a relative `XDG_CONFIG_HOME` does not count.
    #[must_use]
    pub fn config_dir(&self) -> PathBuf {
        let named = self.place("XDG_CONFIG_HOME").filter(|dir| dir.is_absolute());
        named.unwrap_or_else(|| self.home.join(".config")).join("cci")
    }

    /// A variable of the environment, if it is set and not empty.
    pub fn var(&self, name: &str) -> Option<&str> {
        self.environment.get(name).map(String::as_str).filter(|value| !value.is_empty())
    }

    /// The place that a variable names, in whatever bytes.
    #[must_use]
    pub fn place(&self, name: &str) -> Option<PathBuf> {
        self.var(name).map(PathBuf::from).or_else(|| self.not_text.get(name).map(PathBuf::from))
    }
}

fn home(found: Option<PathBuf>) -> Result<PathBuf> {
    let unfit = |problem| Error::HostUnfit { problem, hint: Some("set HOME to the path of your home".into()) };
    let home = found.ok_or_else(|| unfit("the home directory of this user is not known".into()))?;
    let is_relative = || unfit(format!("HOME is {}, which is no absolute path", GuestText::new(&home)));
    if home.is_absolute() { Ok(home) } else { Err(is_relative()) }
}

/// `PWD` if it is the current directory: it keeps the symlinks that the user typed.
fn logical(here: PathBuf, environment: &BTreeMap<String, String>) -> PathBuf {
    let identity = |path: &Path| fs::metadata(path).map(|meta| (meta.dev(), meta.ino())).ok();
    let named = named(environment).filter(|path| identity(path).is_some() && identity(path) == identity(&here));
    named.unwrap_or(here)
}

fn named(environment: &BTreeMap<String, String>) -> Option<PathBuf> {
    environment.get("PWD").map(PathBuf::from).filter(|path| path.is_absolute())
}

/// The name of a removed directory as the kernel remembers it, or `PWD` if that names the same directory.
fn name_of_removed(environment: &BTreeMap<String, String>) -> PathBuf {
    let link = fs::read_link("/proc/self/cwd").unwrap_or_default();
    let removed = link.to_string_lossy();
    let removed = Path::new(removed.strip_suffix(" (deleted)").unwrap_or(&removed));
    let same = |named: &PathBuf| !removed.is_absolute() || named.file_name() == removed.file_name();
    named(environment).filter(same).unwrap_or_else(|| Path::new("/").join(removed))
}

impl Caller {
    /// A made-up caller, uid 1000, for the tests of every crate that depends on this one.
    #[must_use]
    pub fn for_test(home: impl Into<PathBuf>, environment: &[(&str, &str)]) -> Self {
        let home = home.into();
        let environment = environment.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let (ids, umask) = (Ids { uid: 1000, gid: 1000 }, Umask::default());
        Self {
            ids,
            current_dir: home.clone(),
            is_current_dir_gone: false,
            umask,
            home,
            environment,
            not_text: BTreeMap::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::ffi::OsStringExt;

    use super::*;

    #[test]
    fn the_configuration_is_where_the_environment_says() {
        let dir = |environment: &[(&str, &str)]| Caller::for_test("/home/u", environment).config_dir();
        assert_eq!(dir(&[]), PathBuf::from("/home/u/.config/cci"));
        assert_eq!(dir(&[("XDG_CONFIG_HOME", "/x")]), PathBuf::from("/x/cci"));
        assert_eq!(dir(&[("XDG_CONFIG_HOME", "x")]), PathBuf::from("/home/u/.config/cci"));
        let agent = cci_agent::default_agent();
        let variable = agent.place_variable().unwrap();
        let named = |environment: &[(&str, &str)]| Caller::for_test("/home/u", environment).place_of(agent).named;
        assert_eq!(named(&[]), None);
        assert_eq!(named(&[(variable, "/w")]), Some("/w".into()));
        assert_eq!(named(&[(variable, "w")]), Some("/home/u/w".into()));
        let mut odd = Caller::for_test("/home/u", &[]);
        let place = OsString::from_vec(b"/caf\xe9".to_vec());
        odd.not_text = [variable, "XDG_CONFIG_HOME"].map(|name| (name.to_owned(), place.clone())).into();
        assert_eq!(odd.place_of(agent).named, Some(place.clone().into()));
        assert_eq!(odd.config_dir(), Path::new(&place).join("cci"));
    }

    #[test]
    fn a_home_that_is_no_absolute_path_is_named() {
        let refused = |found: Option<&str>| home(found.map(PathBuf::from)).unwrap_err().to_string();
        assert_eq!(refused(Some("rel")), "HOME is rel, which is no absolute path");
        assert_eq!(refused(None), "the home directory of this user is not known");
    }
}
