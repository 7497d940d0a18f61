//! The signals that ask cci to stop.

use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

/// A token that SIGINT, SIGTERM, SIGHUP or SIGQUIT cancels; create it once in a process, within its runtime.
#[must_use]
pub fn cancellation() -> CancellationToken {
    let token = CancellationToken::new();
    let kinds =
        [SignalKind::interrupt(), SignalKind::terminate(), SignalKind::hangup(), SignalKind::quit()].map(signal);
    // without handlers the signals still terminate the process, only without the cleanup
    if let [Ok(mut interrupt), Ok(mut terminate), Ok(mut hangup), Ok(mut quit)] = kinds {
        let cancel = token.clone();
        tokio::spawn(async move {
            tokio::select! {
                _ = interrupt.recv() => {}
                _ = terminate.recv() => {}
                _ = hangup.recv() => {}
                _ = quit.recv() => {}
            }
            cancel.cancel();
        });
    }
    token
}
