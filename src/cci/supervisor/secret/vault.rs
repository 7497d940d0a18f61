//! The values of secrets: read for each request, so that one that is replaced or removed on the host counts at once.

use std::cell::{OnceCell, RefCell};
use std::collections::BTreeMap;
use std::io;
use std::path::Path;
use std::rc::Rc;

use cci_core::secret::{SecretName, SecretValue};
use cci_engine::blocking::blocking;
use cci_host::secrets::{Secret, Secrets, Source};
use cci_host::store::run_dir::SecretsNote;
use reqwest::Client;

use super::refused::Refused;
use crate::supervisor::login::{Helper, client};

/// Where they are from.
pub(in crate::supervisor) struct Vault {
    secrets: Secrets,
    /// What commands have printed.
    printed: RefCell<BTreeMap<SecretName, Rc<Helper>>>,
    http: OnceCell<Client>,
}

impl Vault {
    /// The one of this `~/.cci`.
    pub(in crate::supervisor) fn of(cci_dir: &Path) -> Self {
        Self { secrets: Secrets::of(cci_dir), printed: RefCell::default(), http: OnceCell::new() }
    }

    /// The connections to hosts; made when the first session needs them.
    pub(super) fn http(&self) -> io::Result<Client> {
        match self.http.get() {
            Some(http) => Ok(http.clone()),
            None => client().map(|made| self.http.get_or_init(|| made).clone()),
        }
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
