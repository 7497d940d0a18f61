//! What remains when a terminal is no longer connected to a session, and the report of it.

use cci_core::lifetime::Lifetime;
use cci_core::pin::Pinned;
use cci_core::workspace::Workspace;
use cci_core::{Error, Result};
use cci_guest::GuestExit;
use cci_incus::Refusal;

use crate::context::Context;
use crate::event::SessionEvent;
use crate::session::shutdown::{self, Fate};
use crate::site::replaced;

/// How an attach ended.
pub(super) struct Left {
    pub(super) ended: Result<i32>,
    pub(super) exit: Option<GuestExit>,
    /// Whether there is a conversation.
    pub(super) saved: bool,
    /// Its workspace, if it has one.
    pub(super) workspace: Option<Workspace>,
    pub(super) noted: Option<Lifetime>,
    pub(super) pinned: Vec<Pinned>,
}

impl Left {
    /// Says what is left of the container.
    pub(super) async fn report(self, cx: &Context, name: &str) -> Result<()> {
        let reported = if self.exit == Some(GuestExit::Reboots) {
            report_reboot(cx, name, self.saved, self.pinned).await
        } else {
            report_fate(cx, name, self.saved, self.exit, self.noted).await
        };
        let lost =
            |cause: &Error| Error::ConnectionLost { name: name.to_owned(), cause: cause.to_string(), goes_on: true };
        let goes_down = matches!(self.exit, Some(GuestExit::ShutsDown | GuestExit::Reboots));
        match (self.ended, reported) {
            (Err(Error::Interrupted), _) => Err(Error::Interrupted),
            // if Incus still answers, what it says about the container is more useful
            (Err(broken), reported) => reported.map_err(|_| lost(&broken)),
            // the end of a terminal can come through before Incus is silent
            (Ok(_), Err(silent)) if !goes_down && is_silence(&silent) => Err(lost(&silent)),
            (Ok(_), reported) => reported,
        }
    }
}

/// Whether Incus did not answer, or nothing that is known.
fn is_silence(error: &Error) -> bool {
    matches!(error, Error::IncusUnreachable { .. } | Error::IncusRefused { refusal: Refusal::Other, .. })
}

/// Reports where the conversation is, if there is one, and whether the container has started again.
async fn report_reboot(cx: &Context, name: &str, saved: bool, pinned: Vec<Pinned>) -> Result<()> {
    if saved {
        cx.emit(SessionEvent::Saved);
    }
    let fate = tokio::select! {
        fate = shutdown::after_reboot(cx, name) => fate?,
        () = cx.scope.cancelled() => return Ok(()),
    };
    cx.emit(match fate {
        Fate::Running => SessionEvent::Rebooted,
        Fate::Stopped(_) => {
            let replaced = replaced::replaced(cx, pinned).await?;
            SessionEvent::DidNotStartAgain { container: name.to_owned(), replaced }
        }
    });
    Ok(())
}

/// Reports where the conversation is, if there is one, and what happened to the container.
pub(super) async fn report_fate(
    cx: &Context,
    name: &str,
    saved: bool,
    exit: Option<GuestExit>,
    noted: Option<Lifetime>,
) -> Result<()> {
    let fate = shutdown::fate(cx, name, exit, noted).await?;
    if saved {
        cx.emit(SessionEvent::Saved);
    }
    if fate == Fate::Stopped(Lifetime::Persistent) {
        // the next launch must find it stopped to reuse it, not create another
        tokio::select! {
            _ = shutdown::wait_until_down(cx, name) => {}
            () = cx.scope.cancelled() => {}
        }
    }
    match fate {
        Fate::Running => cx.emit(SessionEvent::ContainerRunsOn { container: name.to_owned() }),
        Fate::Stopped(Lifetime::Persistent) => cx.emit(SessionEvent::ContainerKept),
        Fate::Stopped(Lifetime::Ephemeral) => cx.emit(SessionEvent::ContainerRemoved),
    }
    Ok(())
}
