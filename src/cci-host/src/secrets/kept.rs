//! The files of the secrets.

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use cci_core::secret::{GitHub, SecretHost, SecretName, SecretValue};
use cci_core::{Error, Result};
use serde::{Deserialize, Serialize};

use crate::store::directory::Directory;
use crate::store::put::{self, PRIVATE, host};

/// Where they are in `~/.cci`.
const PLACE: &str = "secrets";
/// What ends the name of a file.
const END: &str = ".json";
/// No file is larger.
const LARGEST: u64 = 64 * 1024;

/// Where a secret's value is from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Source {
    /// It is kept in the file.
    Value(SecretValue),
    /// A command of the host prints it.
    Command(String),
}

/// A secret, and what it is for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Secret {
    /// Which requests may carry it: those to these hosts.
    pub hosts: Vec<SecretHost>,
    /// The variable of the agent's environment that its placeholder is in.
    pub variable: String,
    /// Where its value is from.
    pub source: Source,
    /// Which repositories it is for, if it is a token of GitHub's or of a server like it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub github: Option<GitHub>,
}

impl Secret {
    /// Every host that gets it.
    #[must_use]
    pub fn places(&self) -> Vec<SecretHost> {
        match &self.github {
            Some(_) => self.hosts.iter().flat_map(GitHub::hosts).collect(),
            None => self.hosts.clone(),
        }
    }

    /// Whether TLS to a host of this name is ended for it.
    #[must_use]
    pub fn is_for_tls(&self, name: &str) -> bool {
        self.places().iter().any(|host| host.is_tls() && host.name() == name)
    }

    /// The names of the hosts whose TLS is ended for it.
    #[must_use]
    pub fn tls_hosts(&self) -> Vec<String> {
        let places = self.places();
        places.iter().filter(|host| host.is_tls()).map(|host| host.name().to_owned()).collect()
    }

    /// Whether there is any such host.
    #[must_use]
    pub fn is_for_any_tls(&self) -> bool {
        self.places().iter().any(SecretHost::is_tls)
    }
}

/// All of them.
#[derive(Debug, Clone)]
pub struct Secrets {
    cci_dir: PathBuf,
}

impl Secrets {
    /// Those of this `~/.cci`.
    #[must_use]
    pub fn of(cci_dir: &Path) -> Self {
        Self { cci_dir: cci_dir.to_owned() }
    }

    /// Where they are, for a person to read.
    fn directory(&self) -> PathBuf {
        self.cci_dir.join(PLACE)
    }

    fn path(&self, name: &SecretName) -> PathBuf {
        self.directory().join(file(name))
    }

    fn opened(&self) -> io::Result<Directory> {
        Directory::kept(&self.cci_dir, Path::new(PLACE))
    }

    /// All, by name.
    pub fn all(&self) -> Result<BTreeMap<SecretName, Secret>> {
        let entries = match self.opened().and_then(|directory| fs::read_dir(directory.path())) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(BTreeMap::new()),
            Err(error) => return Err(host("read", &self.directory())(error)),
        };
        let names = entries.filter_map(|entry| entry.ok()?.file_name().to_str()?.strip_suffix(END)?.parse().ok());
        let read = |name: SecretName| self.read(&name).map(|secret| secret.map(|secret| (name, secret))).transpose();
        names.filter_map(read).collect()
    }

    /// One, if it is there.
    pub fn read(&self, name: &SecretName) -> Result<Option<Secret>> {
        let path = self.path(name);
        let mut bytes = Vec::new();
        match self.opened().and_then(|directory| directory.open(&file(name))) {
            Ok(file) => file.take(LARGEST).read_to_end(&mut bytes).map_err(host("read", &path))?,
            Err(error) if crate::way::is_missing(&error) => return Ok(None),
            Err(error) => return Err(host("read", &path)(error)),
        };
        // what serde says of a text that does not fit may quote it
        let unknown = |_| host("read", &path)(io::Error::new(io::ErrorKind::InvalidData, "it is no secret of cci's"));
        serde_json::from_slice(&bytes).map(Some).map_err(unknown)
    }

    /// Refuses a secret that is not there.
    pub fn require(&self, name: &SecretName) -> Result<Secret> {
        self.read(name)?.ok_or_else(|| Error::Config {
            problem: format!("there is no secret {name}"),
            hint: Some(format!("`cci secret set {name} --host HOST` keeps it; `cci secret list` shows the secrets")),
        })
    }

    /// Keeps one, in place of one of the same name.
    pub fn put(&self, name: &SecretName, secret: &Secret) -> Result<()> {
        let made = Directory::made(&self.cci_dir, Path::new(PLACE));
        let directory = made.map_err(host("create", &self.directory()))?;
        directory.lock().map_err(host("lock", &self.directory()))?;
        let has_it =
            |(other, kept): (SecretName, Secret)| (other != *name && kept.variable == secret.variable).then_some(other);
        if let Some(other) = self.all()?.into_iter().find_map(has_it) {
            return Err(Error::Usage {
                problem: format!("the secret {other} is in the variable {} already", secret.variable),
                hint: Some("`--env VAR` names another one".into()),
            });
        }
        let path = self.path(name);
        let text = serde_json::to_vec(secret).map_err(|error| host("write", &path)(error.into()))?;
        put::atomically(&directory.path().join(file(name)), &text, PRIVATE)
    }

    /// Removes one.
    pub fn remove(&self, name: &SecretName) -> Result<()> {
        self.require(name)?;
        let directory = self.opened().map_err(host("open", &self.directory()))?;
        directory.lock().map_err(host("lock", &self.directory()))?;
        fs::remove_file(directory.path().join(file(name))).map_err(host("remove", &self.path(name)))
    }
}

fn file(name: &SecretName) -> String {
    format!("{name}{END}")
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt, symlink};

    use super::*;

    fn name(raw: &str) -> SecretName {
        raw.parse().unwrap()
    }

    fn secret(value: &str, variable: &str) -> Secret {
        Secret {
            hosts: vec!["api.example.com".parse().unwrap()],
            variable: variable.into(),
            source: Source::Value(value.parse().unwrap()),
            github: None,
        }
    }

    #[test]
    fn a_secret_is_kept_for_this_user_only_and_replaced_by_name() {
        let home = tempfile::tempdir().unwrap();
        let secrets = Secrets::of(&home.path().join(".cci"));
        assert_eq!(secrets.all().unwrap().len(), 0);
        secrets.put(&name("one"), &secret("first-value", "ONE")).unwrap();
        secrets.put(&name("one"), &secret("second-value", "ONE")).unwrap();
        let github =
            Secret { github: Some(GitHub::default()), hosts: vec![GitHub::usual()], ..secret("third-value", "GH") };
        secrets.put(&name("two"), &github).unwrap();
        let all = secrets.all().unwrap();
        assert_eq!(all[&name("one")], secret("second-value", "ONE"));
        assert_eq!(all[&name("two")].places().len(), 3);
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!((mode(&secrets.directory()), mode(&secrets.path(&name("one")))), (0o700, 0o600));
        assert_eq!(fs::read_dir(secrets.directory()).unwrap().count(), 2, "nothing is left beside them");
        assert!(secrets.put(&name("three"), &secret("other-value", "ONE")).unwrap_err().to_string().contains("ONE"));
        secrets.remove(&name("one")).unwrap();
        assert!(secrets.remove(&name("one")).unwrap_err().to_string().contains("no secret one"));
        assert!(!format!("{all:?}").contains("-value"), "{all:?}");
    }

    #[test]
    fn links_and_what_cannot_be_read_are_refused_without_being_shown() {
        let home = tempfile::tempdir().unwrap();
        let secrets = Secrets::of(&home.path().join(".cci"));
        secrets.put(&name("one"), &secret("first-value", "ONE")).unwrap();
        let (path, elsewhere) = (secrets.path(&name("one")), home.path().join("elsewhere"));
        fs::rename(&path, &elsewhere).unwrap();
        symlink(&elsewhere, &path).unwrap();
        secrets.read(&name("one")).unwrap_err();
        secrets.all().unwrap_err();
        fs::remove_file(&path).unwrap();
        fs::write(&path, r#"{"hosts": [], "variable": "V", "source": {"value": "shown secret"}}"#).unwrap();
        let error = format!("{:?}", secrets.read(&name("one")).unwrap_err());
        assert!(!error.contains("shown"), "{error}");
        fs::remove_dir_all(secrets.directory()).unwrap();
        symlink(home.path(), secrets.directory()).unwrap();
        secrets.put(&name("one"), &secret("first-value", "ONE")).unwrap_err();
    }
}
