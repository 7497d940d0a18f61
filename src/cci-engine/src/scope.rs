//! What belongs to one call of a use-case alone, so that two of them in one process do not affect each other.

use std::sync::Arc;

use cci_core::{Error, Result};
use tokio::sync::RwLock;
use tokio_util::sync::CancellationToken;

use crate::blocking::blocking;
use crate::ledger::Ledger;

/// The cancellation of a call, what it created, and its file work in progress.
#[derive(Debug, Clone)]
pub struct Scope {
    /// What this call created and has not kept yet.
    pub ledger: Ledger,
    cancel: CancellationToken,
    /// Held by writers while they write.
    writing: Arc<RwLock<()>>,
}

impl Scope {
    /// A scope that ends when `cancel` is cancelled.
    #[must_use]
    pub fn new(cancel: CancellationToken, ledger: Ledger) -> Self {
        Self { ledger, cancel, writing: Arc::default() }
    }

    /// One for a part of this call that is kept or rolled back by itself: it ends when this one does.
    #[must_use]
    pub(crate) fn of_its_own(&self) -> Self {
        Self::new(self.cancel.clone(), self.ledger.of_its_own())
    }

    /// Returns when the call is to stop, even if that was requested while nobody waited.
    pub async fn cancelled(&self) {
        self.cancel.cancelled().await;
    }

    /// Does `work`, which is dropped as soon as the call is to stop.
    pub async fn until_cancelled<T>(&self, work: impl Future<Output = Result<T>>) -> Result<T> {
        tokio::select! {
            biased;
            () = self.cancelled() => Err(Error::Interrupted),
            done = work => done,
        }
    }

    /// Does file work that a rollback must wait for, outside the runtime's thread: a cancelled call continues in its
    /// thread.
    pub(crate) async fn writing<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let lock = Arc::clone(&self.writing).read_owned().await;
        // returned with the value, so that the lock outlives the value's destructor
        blocking(move || Ok((work()?, lock))).await.map(|(value, _)| value)
    }

    /// Waits until nothing of this call writes any more.
    pub(crate) async fn written(&self) {
        drop(self.writing.write().await);
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;
    use std::sync::mpsc;

    use super::*;
    use crate::ledger::{Made, Server};

    fn scope(dir: &Path) -> Scope {
        let server = Server { endpoint: "/socket".into(), project: "p".into() };
        Scope::new(CancellationToken::new(), Ledger::new(dir.to_owned(), server))
    }

    struct Value(mpsc::Sender<()>);

    impl Drop for Value {
        fn drop(&mut self) {
            self.0.send(()).unwrap();
        }
    }

    #[tokio::test]
    async fn what_was_given_up_is_waited_for() {
        let dir = tempfile::tempdir().unwrap();
        let scope = scope(dir.path());
        let (go, wait) = mpsc::channel::<()>();
        let (done, end) = mpsc::channel();
        let call = scope.writing(move || {
            let _ = wait.recv();
            Ok(Value(done))
        });
        // cancelled once its thread has it
        tokio::select! { biased; _ = call => panic!("it has ended"), () = tokio::task::yield_now() => {} }
        let mut written = Box::pin(scope.written());
        assert!(futures_util::poll!(&mut written).is_pending(), "it still writes");
        go.send(()).unwrap();
        written.await;
        end.try_recv().expect("what it made has not gone yet");
    }

    #[tokio::test]
    async fn two_scopes_do_not_touch_each_other() {
        let dir = tempfile::tempdir().unwrap();
        let (one, other) = (scope(dir.path()), scope(dir.path()));
        let image = Made::Images { launch: "a".into(), alias: "cci".into() };
        one.ledger.push(image.clone());
        other.ledger.push(image.clone());
        other.ledger.keep();
        other.cancel.cancel();
        other.cancelled().await;
        assert_eq!(one.ledger.take(), [image], "what one keeps is not kept for the other");
        let (go, wait) = mpsc::channel::<()>();
        let call = one.writing(move || {
            let _ = wait.recv();
            Ok(())
        });
        tokio::select! {
            biased;
            _ = call => panic!("it has ended"),
            () = one.cancelled() => panic!("the other was cancelled"),
            () = other.written() => {}
        }
        go.send(()).unwrap();
    }
}
