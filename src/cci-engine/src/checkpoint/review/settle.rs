//! What becomes of findings: they are accepted, their files are put back, or taken into quarantine first.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use cci_core::checkpoint::{Cause, CheckpointId};
use cci_core::{Error, Result};
use cci_git::Side;
use cci_guest::GuestText;
use cci_host::store::findings::{self, Quarantine};
use jiff::Timestamp;
use serde::Serialize;

use super::look::{Found, Review};
use crate::blocking::blocking;
use crate::checkpoint::contents;
use crate::checkpoint::subject::Subject;
use crate::checkpoint::take;
use crate::checkpoint::wanted::Wanted;

/// What was put back.
#[derive(Debug)]
pub struct Settled {
    /// The findings that are gone.
    pub done: Vec<Found>,
    /// Those that could not be put back, and why.
    pub failed: Vec<(Found, Error)>,
    /// The checkpoint that brings everything back; none if nothing was to be done.
    pub undo: Option<CheckpointId>,
}

/// What a file in quarantine was.
#[derive(Debug, Serialize)]
struct Listed {
    /// Its name in quarantine.
    id: String,
    path: String,
    sink: &'static str,
    how: &'static str,
    /// Kind and permissions, in octal.
    mode: String,
}

impl Review {
    /// Remembers that these are fine as they are, until their content changes; returns them. What nobody could look at is left.
    pub async fn accept(&mut self, chosen: Vec<Found>) -> Result<Vec<Found>> {
        let (known, _): (Vec<Found>, Vec<Found>) = chosen.into_iter().partition(|one| one.content.is_some());
        let fingerprints: BTreeSet<String> = known.iter().map(|one| one.fingerprint.clone()).collect();
        let (kept, more) = (self.opened.kept.clone(), fingerprints.clone());
        self.cx.scope.writing(move || findings::accept(&kept, more)).await?;
        self.findings.retain(|one| !fingerprints.contains(&one.fingerprint));
        Ok(known)
    }

    /// Makes the files of these findings what they were when the session began. What is there now is taken first, so that it can be
    /// brought back.
    pub async fn put_back(&mut self, chosen: Vec<Found>) -> Result<Settled> {
        let chosen = self.with_all_of_their_files(&chosen);
        if chosen.is_empty() {
            return Ok(Settled { done: Vec::new(), failed: Vec::new(), undo: None });
        }
        let undo = self.undo().await?;
        let (mut done, mut failed) = (Vec::new(), Vec::new());
        for one in chosen {
            match self.put_back_one(&one).await {
                Ok(()) => done.push(one),
                Err(error) => failed.push((one, error)),
            }
        }
        self.findings.retain(|one| !done.iter().any(|gone| gone.fingerprint == one.fingerprint));
        Ok(Settled { done, failed, undo: Some(undo) })
    }

    /// The same, once a copy of what they are now is in a directory below `~/.cci`, under names of cci's own.
    pub async fn quarantine(&mut self, chosen: Vec<Found>) -> Result<(Settled, PathBuf)> {
        let (store, now, cci_dir) = (Arc::clone(&self.opened.store), self.now, self.cx.cci_dir());
        let (workspace, found) = (self.cx.workspace.clone(), chosen.clone());
        let copied = self.cx.scope.writing(move || {
            let moment = Timestamp::now().strftime("%Y%m%dT%H%M%S%3fZ").to_string();
            let quarantine = Quarantine::create(&cci_dir, &workspace, &moment)?;
            let mut listed = Vec::new();
            for one in &found {
                let Some(Side { mode, id: Some(id) }) = store.find(&now, &one.file).map_err(contents::failed)? else {
                    continue;
                };
                quarantine.keep(&one.id, &store.read(id).map_err(contents::failed)?)?;
                listed.push(Listed {
                    id: one.id.clone(),
                    path: GuestText::new(&one.file).to_string(),
                    sink: one.finding.sink.word(),
                    how: one.finding.how.word(),
                    mode: format!("{mode:o}"),
                });
            }
            quarantine.list(&listed)?;
            Ok(quarantine.dir().to_owned())
        });
        let dir = copied.await?;
        Ok((self.put_back(chosen).await?, dir))
    }

    /// These and whatever else was found in the same files.
    fn with_all_of_their_files(&self, chosen: &[Found]) -> Vec<Found> {
        let files: BTreeSet<&Path> = chosen.iter().map(|one| one.file.as_path()).collect();
        self.findings.iter().filter(|one| files.contains(one.file.as_path())).cloned().collect()
    }

    /// The checkpoint of now; the container is no part of it.
    async fn undo(&mut self) -> Result<CheckpointId> {
        if let Some(journal) = self.opened.kept.journal()? {
            return Err(Error::RewindUnfinished { to: journal.to });
        }
        self.opened.wanted.insert(self.since.id.clone());
        let subject = Subject { container: None, session: self.session.clone() };
        let wanted = Wanted::because(Cause::BeforeReview);
        Ok(take::take_of(&self.cx, &mut self.opened, &subject, &wanted, None).await?.node.id)
    }

    async fn put_back_one(&self, one: &Found) -> Result<()> {
        if one.content.is_none() {
            return Err(Error::StepFailed {
                step: format!("putting back {}", GuestText::new(&one.file)),
                problem: "checkpoints do not hold what is there now, so nothing could bring it back".into(),
                hint: Some("look at it, and remove it yourself".into()),
            });
        }
        let (place, store, then, file) =
            (self.place.clone(), Arc::clone(&self.opened.store), self.then, one.file.clone());
        blocking(move || place.put_back(&store, &then, &file)).await
    }
}
