//! The signals that ask cci to stop.

use tokio::signal::unix::{SignalKind, signal};

/// Ends when SIGINT, SIGTERM or SIGHUP arrives.
pub(crate) async fn interrupted() {
    let kinds = [SignalKind::interrupt(), SignalKind::terminate(), SignalKind::hangup()];
    let [Ok(mut interrupt), Ok(mut terminate), Ok(mut hangup)] = kinds.map(signal) else {
        // without handlers the signals still end the process, only without the clean-up
        return std::future::pending().await;
    };
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
        _ = hangup.recv() => {}
    }
}
