//! The signals that are forwarded to a command.

use cci_host::signals::Listener;
use cci_incus::Control;
use tokio::signal::unix::SignalKind;

const KINDS: [fn() -> SignalKind; 4] =
    [SignalKind::interrupt, SignalKind::terminate, SignalKind::hangup, SignalKind::quit];

/// SIGINT, SIGTERM, SIGHUP and SIGQUIT from its creation: one that arrives between the start of a command and its first
/// byte reaches the command too. None of them that cci was started to ignore.
pub(crate) struct Signals(Option<[Listener; 4]>);

impl Signals {
    /// Listens from now on; if that fails, the signals terminate cci as they do any process.
    pub(crate) fn listen() -> Self {
        let listeners = KINDS.map(|kind| Listener::new(kind()));
        let [Ok(interrupt), Ok(terminate), Ok(hangup), Ok(quit)] = listeners else { return Self(None) };
        Self(Some([interrupt, terminate, hangup, quit]))
    }

    /// Forwards each, forever.
    pub(super) async fn pass_on(mut self, control: &Control) {
        loop {
            let kind = self.next().await;
            let _ = control.signal(kind.as_raw_value()).await;
        }
    }

    /// Waits for the next of them.
    pub(super) async fn next(&mut self) -> SignalKind {
        let Some([interrupt, terminate, hangup, quit]) = &mut self.0 else {
            return std::future::pending().await;
        };
        let kind = tokio::select! {
            Some(()) = interrupt.recv() => KINDS[0],
            Some(()) = terminate.recv() => KINDS[1],
            Some(()) = hangup.recv() => KINDS[2],
            Some(()) = quit.recv() => KINDS[3],
            else => return std::future::pending().await,
        };
        kind()
    }
}
