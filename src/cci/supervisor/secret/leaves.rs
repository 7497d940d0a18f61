//! What containers are shown where TLS is ended: a certificate of the user's own authority for each name.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;
use std::time::SystemTime;

use cci_core::network::HostName;
use cci_core::{Error, Result};
use cci_host::secrets::{Authority, LEAF_LASTS, Leaf};
use rustls::pki_types::{CertificateDer, PrivatePkcs8KeyDer};
use rustls::sign::CertifiedKey;

/// So many are kept; nobody has more hosts of secrets, and another one takes a millisecond.
const MOST: usize = 256;

/// They.
pub(super) struct Leaves {
    authority: Authority,
    made: RefCell<BTreeMap<HostName, (SystemTime, Arc<CertifiedKey>)>>,
}

impl Leaves {
    /// Those of an authority.
    pub(super) fn of(authority: Authority) -> Self {
        Self { authority, made: RefCell::default() }
    }

    /// Whether they are of this one.
    pub(super) fn are_of(&self, authority: &Authority) -> bool {
        self.authority.certificate() == authority.certificate()
    }

    /// The certificate for a name. It is made anew long before it ends.
    pub(super) fn leaf(&self, name: &HostName) -> Result<Arc<CertifiedKey>> {
        self.leaf_at(name, SystemTime::now())
    }

    fn leaf_at(&self, name: &HostName, now: SystemTime) -> Result<Arc<CertifiedKey>> {
        let mut made = self.made.borrow_mut();
        // by the clock that says when it ends, which goes on while the machine sleeps; one that was set back says nothing
        let is_young = |since: &SystemTime| now.duration_since(*since).is_ok_and(|age| age < LEAF_LASTS / 2);
        if let Some((_, leaf)) = made.get(name).filter(|(since, _)| is_young(since)) {
            return Ok(Arc::clone(leaf));
        }
        let Leaf { certificate, key } = self.authority.leaf(name.as_str())?;
        let key = rustls::crypto::ring::sign::any_supported_type(&PrivatePkcs8KeyDer::from(key).into());
        let key = key.map_err(|error| Error::Host {
            step: "use the key for",
            path: name.as_str().into(),
            source: io::Error::other(error),
        })?;
        let leaf = Arc::new(CertifiedKey::new(vec![CertificateDer::from(certificate)], key));
        if made.len() >= MOST {
            made.clear();
        }
        made.insert(name.clone(), (now, Arc::clone(&leaf)));
        Ok(leaf)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_leaf_is_kept_by_the_clock_of_the_wall() {
        let dir = tempfile::tempdir().unwrap();
        let leaves = Leaves::of(Authority::of(dir.path()).unwrap());
        let (name, now) = (HostName::typed("api.example").unwrap(), SystemTime::now());
        let leaf = leaves.leaf_at(&name, now).unwrap();
        let is_same = |at: SystemTime| Arc::ptr_eq(&leaf, &leaves.leaf_at(&name, at).unwrap());
        assert!(is_same(now) && is_same(now + LEAF_LASTS / 3));
        assert!(!is_same(now + LEAF_LASTS / 2), "long before it ends");
        let leaf = leaves.leaf_at(&name, now).unwrap();
        let earlier = leaves.leaf_at(&name, now - Duration::from_secs(3600)).unwrap();
        assert!(!Arc::ptr_eq(&leaf, &earlier), "the clock was set back");
    }
}
