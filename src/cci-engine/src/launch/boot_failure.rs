//! Explains why a container that was started stopped before anything ran in it.

use cci_core::setup::inotify::MANY_INOTIFY;
use cci_core::{Error, Result};
use cci_incus::Status;

use crate::context::Context;

/// The outcome of the first command in a container, with a stopped container reported as such.
pub(crate) async fn explained<T>(cx: &Context, name: &str, begun: Result<T>) -> Result<T> {
    match begun {
        Err(Error::IncusRefused { .. }) if !runs(cx, name).await => Err(Error::HostUnfit {
            problem: format!("container {name} stopped while it booted"),
            hint: Some(match cx.site().inotify_instances() {
                Some(few) if few < MANY_INOTIFY => {
                    format!("the host has {few} inotify instances for all containers: `cci setup` raises that")
                }
                _ => "`cci doctor` checks what is wrong; the image may not boot: `cci build --force`".to_owned(),
            }),
        }),
        begun => begun,
    }
}

async fn runs(cx: &Context, name: &str) -> bool {
    match cx.client.instance(name).await {
        Ok((instance, _)) => instance.status_code == Status::Running,
        // only Incus's own answer counts
        Err(error) => !error.is_not_found(),
    }
}
