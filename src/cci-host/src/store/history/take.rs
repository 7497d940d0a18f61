//! From a session to the host.

use std::path::Path;

use cci_agent::{History, Unshared};
use cci_core::idmap::Ids;

use super::files::{Files, Found, MOST_BYTES, MOST_FILES};
use super::left::{Left, WhyLeft};
use super::note::Note;
use super::shared::Shared;
use crate::store::guest_dir::GuestDir;

/// What came of it.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Taken {
    /// The conversations of which the host has more now, by their ids.
    pub taken: Vec<String>,
    /// Those that it could not be given.
    pub left: Vec<Left>,
}

/// Takes what was said in the session of this directory to the agent on the host, if the session shares it; `only` the
/// conversation in one file, if it is given.
#[must_use]
pub fn take(session: &Path, only: Option<&str>) -> Taken {
    let mut taken = Taken::default();
    let Some(note) = Note::read(session) else { return taken };
    let Some(shared) = note.shared() else { return taken };
    let (Some(history), Some(kept)) = (shared.agent.history(), shared.agent.transcripts()) else { return taken };
    let nobody = Ids { uid: u32::MAX, gid: u32::MAX };
    let state = GuestDir::open(&session.join(shared.agent.state_dir()), nobody);
    let Some(from) = state.ok().and_then(|state| state.existing(kept.dir)).map(Files::opened) else { return taken };
    let is_meant = |found: &Found| {
        let brought = note.brought.get(&found.id).and_then(|one| one.copy);
        only.is_none_or(|only| only == found.name) && brought != Some(found.stamp)
    };
    let mut bytes = 0;
    for found in from.of(shared.agent).into_iter().filter(is_meant).take(MOST_FILES) {
        bytes += found.stamp.size;
        if bytes > MOST_BYTES {
            taken.left.push(Left { id: found.id, why: WhyLeft::TooMuch });
            break;
        }
        match take_one(&shared, history, &from, &found) {
            Ok(true) => taken.taken.push(found.id),
            // it is about another place, and no one expects it
            Ok(false) | Err(WhyLeft::Unshared(Unshared::Elsewhere)) => {}
            Err(why) => taken.left.push(Left { id: found.id, why }),
        }
    }
    taken
}

/// Returns whether the host has more of the conversation now.
fn take_one(shared: &Shared, history: History, from: &Files, found: &Found) -> Result<bool, WhyLeft> {
    let content = from.read(&found.name)?;
    let of = cci_agent::Of { id: &found.id, workspace: &shared.workspace };
    let said = (history.said)(&content, of).map_err(WhyLeft::Unshared)?;
    let is_talk = shared.agent.transcripts().is_some_and(|kept| said.iter().any(|row| (kept.talk)(row)));
    if !is_talk {
        return Ok(false);
    }
    let there = Files::made_on_host(&shared.directory, &shared.below)?;
    if !there.exists(&found.name) {
        there.put(&found.name, &lines(&said), None)?;
        return Ok(true);
    }
    let before = there.stamp(&found.name).ok_or(WhyLeft::NoFile)?;
    let mut host = there.read(&found.name)?;
    let known = (history.said)(&host, of).map_err(|_| WhyLeft::Diverged)?;
    if known.starts_with(&said) {
        return Ok(false);
    }
    let Some(more) = said.strip_prefix(known.as_slice()) else { return Err(WhyLeft::Diverged) };
    if host.last() != Some(&b'\n') {
        return Err(WhyLeft::Written);
    }
    host.extend(lines(more));
    there.put(&found.name, &host, Some(before))?;
    Ok(true)
}

fn lines(rows: &[Vec<u8>]) -> Vec<u8> {
    rows.iter().flat_map(|row| row.iter().chain(b"\n")).copied().collect()
}
