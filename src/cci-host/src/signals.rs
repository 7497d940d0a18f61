//! The signals that ask cci to stop.

use std::sync::OnceLock;

use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

/// Whether one has arrived since somebody asked for the first time.
static ARRIVED: OnceLock<watch::Receiver<bool>> = OnceLock::new();

/// Ends when SIGINT, SIGTERM or SIGHUP arrives, or has arrived after the first call of this: also one that comes while
/// nobody waits ends the next wait.
pub fn interrupted() -> impl Future<Output = ()> {
    let mut arrived = ARRIVED.get_or_init(listen).clone();
    async move {
        if arrived.wait_for(|arrived| *arrived).await.is_err() {
            // without handlers the signals still end the process, only without the clean-up
            std::future::pending::<()>().await;
        }
    }
}

fn listen() -> watch::Receiver<bool> {
    let (arrival, arrived) = watch::channel(false);
    let kinds = [SignalKind::interrupt(), SignalKind::terminate(), SignalKind::hangup()].map(signal);
    if let [Ok(mut interrupt), Ok(mut terminate), Ok(mut hangup)] = kinds {
        tokio::spawn(async move {
            tokio::select! {
                _ = interrupt.recv() => {}
                _ = terminate.recv() => {}
                _ = hangup.recv() => {}
            }
            arrival.send_replace(true);
        });
    }
    arrived
}
