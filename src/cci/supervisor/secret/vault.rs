//! The values of secrets: read for each request, so that one that is replaced or removed on the host counts at once.

use std::cell::{OnceCell, RefCell};
use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use cci_core::secret::{SecretName, SecretValue};
use cci_engine::blocking::blocking;
use cci_host::secrets::{Secret, Secrets, Source};
use cci_host::store::run_dir::SecretsNote;
use reqwest::Client;

use super::leaves::Leaves;
use super::refused::Refused;
use crate::supervisor::login::{Helper, client};

/// Where they are from.
pub(in crate::supervisor) struct Vault {
    secrets: Secrets,
    /// What commands have printed.
    printed: RefCell<BTreeMap<SecretName, Rc<Helper>>>,
    http: OnceCell<Client>,
    cci_dir: PathBuf,
    leaves: RefCell<Option<Rc<Leaves>>>,
}

impl Vault {
    /// The one of this `~/.cci`.
    pub(in crate::supervisor) fn of(cci_dir: &Path) -> Self {
        Self {
            secrets: Secrets::of(cci_dir),
            printed: RefCell::default(),
            http: OnceCell::new(),
            cci_dir: cci_dir.to_owned(),
            leaves: RefCell::default(),
        }
    }

    /// The connections to hosts; made when the first session needs them.
    pub(super) fn http(&self) -> io::Result<Client> {
        match self.http.get() {
            Some(http) => Ok(http.clone()),
            None => client().map(|made| self.http.get_or_init(|| made).clone()),
        }
    }

    /// What containers are shown where TLS is ended; made when the first connection needs it.
    pub(super) async fn leaves(&self) -> cci_core::Result<Rc<Leaves>> {
        if let Some(leaves) = &*self.leaves.borrow() {
            return Ok(Rc::clone(leaves));
        }
        let leaves = Rc::new(Leaves::of(&self.cci_dir).await?);
        Ok(Rc::clone(self.leaves.borrow_mut().get_or_insert(leaves)))
    }

    /// Has servers prove something else.
    #[cfg(test)]
    pub(in crate::supervisor) async fn proves(&self, outward: rustls::ClientConfig) {
        let leaves = Leaves::of(&self.cci_dir).await.unwrap();
        self.leaves.replace(Some(Rc::new(leaves.proved_by(outward))));
    }

    /// The secrets of a session that are still kept.
    pub(super) async fn kept(&self, note: &SecretsNote) -> Result<Vec<(SecretName, Secret)>, Refused> {
        let (secrets, names) = (self.secrets.clone(), note.names.clone());
        let read = move || {
            let one = |name: SecretName| Ok(secrets.read(&name)?.map(|secret| (name, secret)));
            names.into_iter().filter_map(|name| one(name).transpose()).collect()
        };
        Ok(blocking(read).await?)
    }

    /// What one is now.
    pub(super) async fn value(&self, name: &SecretName, secret: &Secret) -> Result<SecretValue, Refused> {
        let command = match &secret.source {
            Source::Value(value) => return Ok(value.clone()),
            Source::Command(command) => command,
        };
        let helper = Rc::clone(self.printed.borrow_mut().entry(name.clone()).or_default());
        let unusable = |problem: String| Refused::unreachable(format!("secret {name}: {problem}"));
        let printed = helper.key(command).await.map_err(unusable)?;
        printed.parse().map_err(|_| unusable("what its command prints is too short or too long".into()))
    }

    /// What an earlier request may have carried of it; no command is run for that.
    pub(super) fn carried(&self, name: &SecretName, secret: &Secret) -> Option<SecretValue> {
        match &secret.source {
            Source::Value(value) => Some(value.clone()),
            Source::Command(_) => self.printed.borrow().get(name)?.last()?.parse().ok(),
        }
    }

    /// A host has refused what a command printed: it is asked again.
    pub(super) fn forget(&self, name: &SecretName) {
        if let Some(helper) = self.printed.borrow().get(name) {
            helper.forget();
        }
    }
}
