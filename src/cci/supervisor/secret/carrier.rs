//! Ends TLS for the secrets of one session, and lets the requests in it carry them.

use std::rc::Rc;

use cci_core::network::HostName;
use cci_host::store::run_dir::Watched;
use cci_proxy::egress::{Carry, Ending, Lost, Onward};
use hyper::body::Incoming;
use hyper::{Request, Response};

use super::out::Out;
use super::pass::Passage;
use super::vault::Vault;

/// The port whose TLS is ended.
const TLS: u16 = 443;

/// Whoever does it; nobody for a session without secrets.
#[derive(Clone)]
pub(in crate::supervisor) struct Carrier(Option<Rc<Passage>>);

impl Carrier {
    /// The one of a session. One that learns may go anywhere, so no secret goes along.
    pub(in crate::supervisor) fn of(watched: &Watched, vault: &Rc<Vault>) -> Self {
        let learns = watched.egress.as_ref().is_some_and(|note| note.learns);
        let note = watched.secrets.as_ref().filter(|_| !learns);
        Self(note.and_then(|note| Passage::of(note, vault).ok()))
    }
}

impl Carry for Carrier {
    type Body = Out<Incoming>;

    async fn ending(&self, name: &HostName, port: u16) -> Option<Ending> {
        let passage = self.0.as_ref().filter(|_| port == TLS)?;
        let trusted = passage.note.trusts.as_deref()?;
        // a secret that cannot be read goes nowhere: neither does its placeholder mean anything to anybody
        let kept = passage.vault.kept(&passage.note).await.ok()?;
        let its = kept.iter().filter(|(_, secret)| secret.is_for_tls(name.as_str()));
        let secrets: Vec<String> = its.map(|(secret, _)| secret.to_string()).collect();
        if secrets.is_empty() {
            return None;
        }
        let leaves = passage.vault.leaves(trusted).await.ok()??;
        Some(Ending { secrets, leaf: leaves.leaf(name).ok()?, outward: passage.vault.outward().await.ok()? })
    }

    fn answer(
        &self,
        request: Request<Incoming>,
        onward: Onward,
    ) -> impl Future<Output = Result<Response<Out<Incoming>>, Lost>> + 'static {
        let passage = self.0.clone();
        async move {
            match passage {
                Some(passage) => passage.respond_within(request, onward).await,
                None => Err(Lost::Unanswered),
            }
        }
    }
}
