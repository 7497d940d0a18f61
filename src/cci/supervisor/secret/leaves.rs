//! What containers are shown where TLS is ended: a certificate of the user's own authority for each name.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::io;
use std::path::Path;
use std::sync::Arc;

use cci_core::network::HostName;
use cci_core::{Error, Result};
use cci_engine::blocking::blocking;
use cci_host::secrets::{Authority, LEAF_LASTS, Leaf};
use rustls::ClientConfig;
use rustls::pki_types::{CertificateDer, PrivatePkcs8KeyDer};
use rustls::sign::CertifiedKey;
use tokio::time::Instant;

use crate::supervisor::login::proven;

/// So many are kept; nobody has more hosts of secrets, and another one takes a millisecond.
const MOST: usize = 256;

/// They, and what servers have to prove for their part.
pub(super) struct Leaves {
    authority: Authority,
    outward: Arc<ClientConfig>,
    made: RefCell<BTreeMap<HostName, (Instant, Arc<CertifiedKey>)>>,
}

impl Leaves {
    /// Those of this `~/.cci`.
    pub(super) async fn of(cci_dir: &Path) -> Result<Self> {
        let cci_dir = cci_dir.to_owned();
        let read = move || {
            let outward = proven().map_err(|source| unusable("read", source))?;
            Ok((Authority::of(&cci_dir)?, Arc::new(outward)))
        };
        let (authority, outward) = blocking(read).await?;
        Ok(Self { authority, outward, made: RefCell::default() })
    }

    /// The same with something else for servers to prove.
    #[cfg(test)]
    pub(super) fn proved_by(self, outward: ClientConfig) -> Self {
        Self { outward: Arc::new(outward), ..self }
    }

    /// What servers have to prove.
    pub(super) fn outward(&self) -> Arc<ClientConfig> {
        Arc::clone(&self.outward)
    }

    /// The certificate for a name. It is made anew long before it ends.
    pub(super) fn leaf(&self, name: &HostName) -> Result<Arc<CertifiedKey>> {
        let mut made = self.made.borrow_mut();
        if let Some((_, leaf)) = made.get(name).filter(|(since, _)| since.elapsed() < LEAF_LASTS / 2) {
            return Ok(Arc::clone(leaf));
        }
        let Leaf { certificate, key } = self.authority.leaf(name.as_str())?;
        let key = rustls::crypto::ring::sign::any_supported_type(&PrivatePkcs8KeyDer::from(key).into());
        let key = key.map_err(|error| unusable("use the key for", io::Error::other(error)))?;
        let leaf = Arc::new(CertifiedKey::new(vec![CertificateDer::from(certificate)], key));
        if made.len() >= MOST {
            made.clear();
        }
        made.insert(name.clone(), (Instant::now(), Arc::clone(&leaf)));
        Ok(leaf)
    }
}

fn unusable(step: &'static str, source: io::Error) -> Error {
    Error::Host { step, path: "the certificates of the host".into(), source }
}
