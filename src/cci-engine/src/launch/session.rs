//! Identities of a launch: the session's id, the launch label, and the agent's store.

use cci_core::session::SessionId;

use crate::context::Context;
use cci_host::store::sessions::Store;

/// A new conversation's id.
#[must_use]
pub fn new_session_id() -> SessionId {
    SessionId::from_random(uuid::Uuid::new_v4().into_bytes())
}

/// A text that identifies this launch.
#[must_use]
pub fn launch_mark() -> String {
    uuid::Uuid::new_v4().simple().to_string()
}

/// The store of the agent that the settings name: below `~/.cci`, or in `CCI_SESSIONS_DIR`.
#[must_use]
pub fn store(cx: &Context) -> Store {
    let tool = &cx.settings.tool.name;
    let own = match cx.caller.var("CCI_SESSIONS_DIR") {
        Some(dir) => Store::at(cx.caller.current_dir.join(dir), tool),
        None => Store::of_tool(&cx.cci_dir(), tool),
    };
    own.with_earlier(cx.settings.paths.sessions_dir.clone())
}
