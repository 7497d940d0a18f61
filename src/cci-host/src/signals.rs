//! The signals that ask cci to stop, but for those that it was started to ignore.

use std::{fs, io};

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio_util::sync::CancellationToken;

/// Hears a signal from its creation.
pub struct Listener(Option<Signal>);

impl Listener {
    /// Listens from now on. A signal that is ignored stays so: `nohup` and the background of a script mean that.
    pub fn new(kind: SignalKind) -> io::Result<Self> {
        let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
        if is_ignored(&status, kind) { Ok(Self(None)) } else { signal(kind).map(Some).map(Self) }
    }

    /// Waits for the next one.
    pub async fn recv(&mut self) -> Option<()> {
        match &mut self.0 {
            Some(signal) => signal.recv().await,
            None => std::future::pending().await,
        }
    }
}

/// Whether the kernel says of a process that it ignores a signal.
fn is_ignored(status: &str, kind: SignalKind) -> bool {
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let mask = mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).unwrap_or_default();
    mask >> (kind.as_raw_value() - 1) & 1 == 1
}

/// A token that SIGINT, SIGTERM, SIGHUP or SIGQUIT cancels; create it once in a process, within its runtime.
#[must_use]
pub fn cancellation() -> CancellationToken {
    let token = CancellationToken::new();
    let kinds = [SignalKind::interrupt(), SignalKind::terminate(), SignalKind::hangup(), SignalKind::quit()];
    let kinds = kinds.map(Listener::new);
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_ignored_is_read_from_the_kernels_mask() {
        let ignored = |mask: &str, kind| is_ignored(&format!("Name:\tcci\nSigIgn:\t{mask}\n"), kind);
        assert!(ignored("0000000000000001", SignalKind::hangup()));
        assert!(
            ignored("0000000000001006", SignalKind::quit()) && ignored("0000000000001006", SignalKind::interrupt())
        );
        assert!(
            !ignored("0000000000001006", SignalKind::hangup()) && !ignored("0000000000000001", SignalKind::terminate())
        );
        assert!(!is_ignored("", SignalKind::hangup()));
    }
}
