//! The signals that ask cci to stop.

use tokio::signal::unix::{SignalKind, signal};

/// Ends when SIGINT, SIGTERM or SIGHUP arrives after this call, also if it arrives before the first poll.
pub(crate) fn interrupted() -> impl Future<Output = ()> {
    let kinds = [SignalKind::interrupt(), SignalKind::terminate(), SignalKind::hangup()].map(signal);
    async move {
        let [Ok(mut interrupt), Ok(mut terminate), Ok(mut hangup)] = kinds else {
            // without handlers the signals still end the process, only without the clean-up
            return std::future::pending().await;
        };
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
            _ = hangup.recv() => {}
        }
    }
}
