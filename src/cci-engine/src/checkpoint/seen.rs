//! The files that a checkpoint holds: of the workspace, of the conversation, and of a fork's place in its origin's repository.

use std::sync::Arc;

use cci_core::Result;
use cci_core::checkpoint::Linked;
use cci_git::{Captured, Store};

use super::contents::Place;
use super::linked;
use super::opened::Opened;
use super::subject::Subject;
use crate::blocking::blocking;
use crate::context::Context;
use crate::launch;
use crate::site::host_path;
use cci_host::store::checkpoints::Worktree;

/// The two places whose files a checkpoint holds.
pub(super) struct Places {
    pub(super) workspace: Place,
    conversation: Option<Place>,
    /// How a fork is linked to the repository of its origin.
    worktree: Option<Worktree>,
}

impl Places {
    pub(super) async fn of(cx: &Context, opened: &Opened, subject: &Subject) -> Result<Self> {
        let root = host_path::real_workspace(cx).await?;
        let cache = opened.kept.cache(&cx.workspace);
        let conversation = subject.session_id().map(|id| {
            let state = launch::store(cx).state_dir(id);
            Place::conversation(&state, cx.settings.tool.agent(), opened.kept.conversation_cache(id))
        });
        let workspace = Place::workspace(&root, &cx.settings.checkpoints, cache);
        Ok(Self { workspace, conversation, worktree: linked::worktree(cx)? })
    }
}

/// The files at one moment.
pub(super) struct Seen {
    pub(super) workspace: Captured,
    pub(super) conversation: Option<Captured>,
    pub(super) git: Option<Linked>,
}

/// Takes the files of one place into the store.
pub(super) async fn captured(store: &Arc<Store>, place: &Place) -> Result<Captured> {
    let (store, place) = (Arc::clone(store), place.clone());
    blocking(move || place.capture(&store)).await
}

/// Takes all of them into the store.
pub(super) async fn seen(store: &Arc<Store>, places: &Places) -> Result<Seen> {
    let conversation = async {
        match &places.conversation {
            Some(place) => captured(store, place).await.map(Some),
            None => Ok(None),
        }
    };
    let git = async {
        match places.worktree.clone() {
            Some(worktree) => {
                let store = Arc::clone(store);
                blocking(move || linked::captured(&store, &worktree)).await
            }
            None => Ok(None),
        }
    };
    let (workspace, conversation, git) = tokio::try_join!(captured(store, &places.workspace), conversation, git)?;
    Ok(Seen { workspace, conversation, git })
}
