//! Conversations of the agent on the host in sessions, and those of sessions on the host (`workspace.share_history`): files
//! are copied, in each direction, wherever one side has more of the same conversation. What a session has written is
//! hostile: only what was said is taken from it, and nothing of the host's is ever replaced by something else.

mod bring;
mod files;
mod left;
mod note;
mod shared;
mod stamp;
mod take;

#[cfg(test)]
mod tests;

use std::path::Path;

pub use self::bring::bring;
pub use self::left::{Left, WhyLeft};
pub use self::note::stop;
pub use self::shared::{NotShared, Shared};
pub use self::take::{Taken, take};

use self::note::Note;
use super::transcripts::Brought;

/// What was brought into the session of this directory and is there as it was.
pub(super) fn untouched(session: &Path) -> impl Iterator<Item = Brought> {
    let note = Note::read(session).unwrap_or_default();
    note.brought.into_iter().filter_map(|(id, one)| Some(Brought { id, written: one.copy?.modified() }))
}
