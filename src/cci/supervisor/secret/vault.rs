//! The values of secrets: read for each request, so that one that is replaced or removed on the host counts at once.

use std::cell::{OnceCell, RefCell};
use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::sync::Arc;

use cci_core::Error;
use cci_core::secret::{SecretName, SecretValue};
use cci_engine::blocking::blocking;
use cci_host::secrets::{Authority, Secret, Secrets, Source};
use cci_host::store::run_dir::SecretsNote;
use reqwest::Client;
use rustls::ClientConfig;
use tokio::sync::Semaphore;

use super::leaves::Leaves;
use super::refused::Refused;
use crate::supervisor::login::{Helper, client, proven};

/// So many files are read at once: each takes a thread, which everything else needs too.
const READS: usize = 4;

/// Where they are from.
pub(in crate::supervisor) struct Vault {
    secrets: Secrets,
    /// What commands have printed.
    printed: RefCell<BTreeMap<SecretName, Rc<Helper>>>,
    http: OnceCell<Client>,
    cci_dir: PathBuf,
    leaves: RefCell<Option<Rc<Leaves>>>,
    /// What servers have to prove.
    outward: RefCell<Option<Arc<ClientConfig>>>,
    reads: Arc<Semaphore>,
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
            outward: RefCell::default(),
            reads: Arc::new(Semaphore::new(READS)),
        }
    }

    /// The connections to hosts; made when the first session needs them.
    pub(super) fn http(&self) -> io::Result<Client> {
        match self.http.get() {
            Some(http) => Ok(http.clone()),
            None => client().map(|made| self.http.get_or_init(|| made).clone()),
        }
    }

    /// Reads files where that keeps nothing else waiting.
    async fn reading<T: Send + 'static>(
        &self,
        read: impl FnOnce() -> cci_core::Result<T> + Send + 'static,
    ) -> cci_core::Result<T> {
        let place = Arc::clone(&self.reads).acquire_owned().await;
        // it is read to its end, also when nobody waits for it any more
        blocking(move || {
            let _place = place;
            read()
        })
        .await
    }

    /// What a container is shown that trusts the authority with this certificate; nothing if that is not the user's any
    /// more. It is looked at for each connection, as one that was removed or replaced vouches for nothing.
    pub(super) async fn leaves(&self, trusted: &str) -> cci_core::Result<Option<Rc<Leaves>>> {
        let cci_dir = self.cci_dir.clone();
        let kept = self.reading(move || Authority::kept(&cci_dir)).await?;
        let Some(authority) = kept.filter(|kept| kept.certificate() == trusted) else { return Ok(None) };
        let mut leaves = self.leaves.borrow_mut();
        if let Some(leaves) = leaves.as_ref().filter(|leaves| leaves.are_of(&authority)) {
            return Ok(Some(Rc::clone(leaves)));
        }
        Ok(Some(Rc::clone(leaves.insert(Rc::new(Leaves::of(authority))))))
    }

    /// What servers have to prove; read when the first connection needs it.
    pub(super) async fn outward(&self) -> cci_core::Result<Arc<ClientConfig>> {
        if let Some(outward) = &*self.outward.borrow() {
            return Ok(Arc::clone(outward));
        }
        let unusable = |source| Error::Host { step: "read", path: "the certificates of the host".into(), source };
        let outward = self.reading(move || proven().map(Arc::new).map_err(unusable)).await?;
        Ok(Arc::clone(self.outward.borrow_mut().get_or_insert(outward)))
    }

    /// Has servers prove something else.
    #[cfg(test)]
    pub(in crate::supervisor) fn proves(&self, outward: ClientConfig) {
        self.outward.replace(Some(Arc::new(outward)));
    }

    /// The secrets of a session that are still kept.
    pub(super) async fn kept(&self, note: &SecretsNote) -> Result<Vec<(SecretName, Secret)>, Refused> {
        let (secrets, names) = (self.secrets.clone(), note.names.clone());
        let read = move || {
            let one = |name: SecretName| Ok(secrets.read(&name)?.map(|secret| (name, secret)));
            names.into_iter().filter_map(|name| one(name).transpose()).collect()
        };
        Ok(self.reading(read).await?)
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

#[cfg(test)]
mod tests {
    use std::sync::Mutex;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::sync::mpsc::{Receiver, Sender, channel};
    use std::time::Duration;

    use tokio::task::LocalSet;

    use super::*;

    #[tokio::test]
    async fn so_many_files_are_read_at_once_also_for_those_that_have_gone() {
        let dir = tempfile::tempdir().unwrap();
        let vault = Rc::new(Vault::of(dir.path()));
        let begun = Arc::new(AtomicUsize::new(0));
        let (go, wait): (Sender<()>, Receiver<()>) = channel();
        let wait = Arc::new(Mutex::new(wait));
        LocalSet::new()
            .run_until(async {
                let read = || {
                    let (vault, begun, wait) = (Rc::clone(&vault), Arc::clone(&begun), Arc::clone(&wait));
                    tokio::task::spawn_local(async move {
                        let read = move || {
                            begun.fetch_add(1, Ordering::SeqCst);
                            wait.lock().unwrap().recv().unwrap();
                            Ok(())
                        };
                        vault.reading(read).await
                    })
                };
                let gone: Vec<_> = (0..READS).map(|_| read()).collect();
                while begun.load(Ordering::SeqCst) < READS {
                    tokio::time::sleep(Duration::from_millis(1)).await;
                }
                for one in gone {
                    one.abort();
                    assert!(one.await.unwrap_err().is_cancelled());
                }
                let waits = read();
                for _ in 0..100 {
                    tokio::task::yield_now().await;
                }
                assert_eq!((begun.load(Ordering::SeqCst), vault.reads.available_permits()), (READS, 0));
                for _ in 0..=READS {
                    go.send(()).unwrap();
                }
                waits.await.unwrap().unwrap();
                assert_eq!(begun.load(Ordering::SeqCst), READS + 1);
            })
            .await;
    }
}
