//! Whether a session that a terminal was attached to has been rewound, so that the terminal goes back to it.

use cci_core::Result;
use cci_core::workspace::Workspace;

use crate::blocking::blocking;
use crate::context::Context;
use crate::event::CheckpointEvent;
use cci_host::store::checkpoints::Checkpoints;

/// Whether a container has been rewound since `since`; a rewind in progress is waited for.
pub(crate) async fn rewound(cx: &Context, workspace: &Workspace, container: &str, since: &str) -> Result<bool> {
    let kept = Checkpoints::of(&cx.cci_dir(), workspace)?;
    let journal = kept.journal()?.filter(|journal| journal.container.as_deref() == Some(container));
    if journal.is_some() {
        cx.emit(CheckpointEvent::Rewinding);
        let waited = kept.clone();
        // whoever rewinds holds the lock to the end
        cx.scope.until_cancelled(blocking(move || waited.lock().map(drop))).await?;
        if kept.journal()?.is_some() {
            cx.emit(CheckpointEvent::RewindInterrupted);
            return Ok(false);
        }
    }
    let rewound = kept.heads()?.rewound.get(container).is_some_and(|at| at.as_str() > since);
    if rewound {
        cx.emit(CheckpointEvent::Rewound);
    }
    Ok(rewound)
}
