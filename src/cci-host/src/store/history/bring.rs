//! From the host into a session.

use std::path::Path;

use cci_core::Result;

use super::files::{Files, Found, MOST_BYTES, MOST_FILES};
use super::left::{Left, WhyLeft};
use super::note::{Note, Of};
use super::shared::Shared;
use super::stamp::Stamp;
use crate::store::guest_dir::{Content, Copy, GuestDir, NANOS};
use crate::store::put::host;

/// Brings the host's conversations about the workspace into the state directory of the session in `session`, its own
/// first, then the newest; where the session has more of one, that stays. Returns what was not brought.
pub fn bring(shared: &Shared, session: &Path, state: &GuestDir, own: &str) -> Result<Vec<Left>> {
    let mut note = Note::read(session).unwrap_or_default();
    note = Note {
        shares: true,
        agent: shared.agent.name().to_owned(),
        workspace: shared.workspace.clone(),
        directory: shared.directory.clone(),
        below: shared.below.clone(),
        brought: note.brought,
    };
    let mut left = Vec::new();
    match Files::on_host(&shared.directory, &shared.below) {
        Ok(Some(there)) => bring_all(shared, &there, (state, own), &mut note, &mut left)?,
        Ok(None) => {}
        Err(error) => left.push(Left { id: own.to_owned(), why: error.into() }),
    }
    note.write(session)?;
    Ok(left)
}

fn bring_all(
    shared: &Shared,
    there: &Files,
    (state, own): (&GuestDir, &str),
    note: &mut Note,
    left: &mut Vec<Left>,
) -> Result<()> {
    let into = transcripts(shared, state)?;
    let mut found = there.of(shared.agent);
    found.sort_by_key(|found| found.id != own);
    let mut bytes = 0;
    for found in found.into_iter().take(MOST_FILES) {
        bytes += found.stamp.size;
        if bytes > MOST_BYTES {
            break;
        }
        let before = note.brought.get(&found.id).copied();
        match bring_one(shared, there, &found, &into, before) {
            Ok(Some(one)) => drop(note.brought.insert(found.id, one)),
            Ok(None) => {}
            Err(why) => left.push(Left { id: found.id, why }),
        }
    }
    Ok(())
}

/// The directory of the session's transcripts; what an agent has put in its place is replaced.
fn transcripts(shared: &Shared, state: &GuestDir) -> Result<GuestDir> {
    let below = shared.agent.transcripts().map(|kept| kept.dir).unwrap_or_default();
    let mut parts = below.split('/');
    let path = state.path().join(below);
    let failed = || host("create", &path);
    let first = state.subdir(parts.next().unwrap_or_default()).map_err(failed())?;
    parts.try_fold(first, |above, part| above.subdir(part).map_err(failed()))
}

/// What is noted of a conversation of the host's, if it is one about the workspace.
fn bring_one(
    shared: &Shared,
    there: &Files,
    found: &Found,
    into: &GuestDir,
    before: Option<Of>,
) -> Result<Option<Of>, WhyLeft> {
    let copy = stamp(into, &found.name);
    if let Some(before) = before.filter(|before| before.host == found.stamp && copy.is_some()) {
        return Ok(Some(before));
    }
    let Some(content) = shared.begun(there, found)? else { return Ok(None) };
    let is_aside = copy.is_none() || before.is_some_and(|before| before.copy == copy);
    let is_wanted = match into.read(&found.name)? {
        Content::File(ours) => is_behind(shared, &found.id, &ours, &content),
        Content::TooLarge => false,
        Content::Absent | Content::Other => true,
    };
    if is_wanted {
        let changed = i128::from(found.stamp.seconds) * NANOS + i128::from(found.stamp.nanos);
        into.copy(&found.name, content.as_slice(), &Copy { mode: 0o600, changed })?;
    }
    let copy = stamp(into, &found.name).filter(|_| is_aside);
    Ok(Some(Of { host: found.stamp, copy }))
}

/// Whether the session has the beginning of what the host has.
fn is_behind(shared: &Shared, id: &str, ours: &[u8], theirs: &[u8]) -> bool {
    if ours == theirs {
        return false;
    }
    if theirs.starts_with(ours) {
        return true;
    }
    let Some(history) = shared.agent.history() else { return false };
    let said = |file| (history.said)(file, cci_agent::Of { id, workspace: &shared.workspace });
    match (said(ours), said(theirs)) {
        (Ok(ours), Ok(theirs)) => ours.len() < theirs.len() && theirs.starts_with(&ours),
        _ => false,
    }
}

/// The state of a file in a session.
fn stamp(dir: &GuestDir, name: &str) -> Option<Stamp> {
    let seen = dir.seen(name).filter(|seen| seen.kind == rustix::fs::FileType::RegularFile)?;
    let seconds = u64::try_from(seen.modified.div_euclid(NANOS)).ok()?;
    let nanos = u32::try_from(seen.modified.rem_euclid(NANOS)).ok()?;
    Some(Stamp { size: seen.size, seconds, nanos })
}
