//! Who runs cci: user, home, current directory, environment.

use std::collections::BTreeMap;
use std::path::PathBuf;

use cci_core::environment::HostLocale;
use cci_core::idmap::Ids;
use cci_core::{Error, Result};

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
    /// The environment; names or values that are not UTF-8 are left out.
    pub environment: BTreeMap<String, String>,
}

impl Caller {
    /// Reads the process's own facts.
    pub fn of_this_process() -> Result<Self> {
        let (uid, gid) = (rustix::process::geteuid().as_raw(), rustix::process::getegid().as_raw());
        // `newgrp incus-admin` makes the socket usable in a login that began before; files keep the user's own group
        let ids = Account::of_uid(uid).map_or(Ids { uid, gid }, |account| account.ids);
        let environment: BTreeMap<String, String> = std::env::vars_os()
            .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
            .collect();
        let home = std::env::home_dir().filter(|home| home.is_absolute()).ok_or_else(|| Error::HostUnfit {
            problem: "the home directory of this user is not known".into(),
            hint: Some("set HOME".into()),
        })?;
        Ok(Self { ids, home, current_dir: logical_current_dir(&environment)?, environment })
    }

    /// What the environment says about the terminal.
    #[must_use]
    pub fn locale(&self) -> HostLocale {
        let owned = |name| self.var(name).map(str::to_owned);
        HostLocale { term: owned("TERM"), colorterm: owned("COLORTERM"), timezone: None }
    }

    /// A variable of the environment, if it is set and not empty.
    pub fn var(&self, name: &str) -> Option<&str> {
        self.environment.get(name).map(String::as_str).filter(|value| !value.is_empty())
    }
}

/// `PWD` if it is the current directory: it keeps the symlinks that the user typed.
fn logical_current_dir(environment: &BTreeMap<String, String>) -> Result<PathBuf> {
    use std::os::unix::fs::MetadataExt;

    let identity = |path: &std::path::Path| std::fs::metadata(path).map(|meta| (meta.dev(), meta.ino())).ok();
    let here = std::env::current_dir().map_err(|source| Error::Host {
        step: "find",
        path: PathBuf::from("the current directory"),
        source,
    })?;
    let named = environment.get("PWD").map(PathBuf::from).filter(|path| path.is_absolute());
    Ok(named.filter(|path| identity(path).is_some() && identity(path) == identity(&here)).unwrap_or(here))
}

impl Caller {
    /// A made-up caller, uid 1000, for the tests of every crate that depends on this one.
    #[must_use]
    pub fn for_test(home: impl Into<PathBuf>, environment: &[(&str, &str)]) -> Self {
        let home = home.into();
        let environment = environment.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        Self { ids: Ids { uid: 1000, gid: 1000 }, current_dir: home.clone(), home, environment }
    }
}
