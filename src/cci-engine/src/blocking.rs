//! File work beside the runtime's one thread.

use cci_core::{Error, Result};
use tokio::sync::RwLock;

/// Held by what writes, for as long as it does.
static WRITING: RwLock<()> = RwLock::const_new(());

/// Does `work` where waiting for the disk holds nothing else up.
pub async fn blocking<T: Send + 'static>(work: impl FnOnce() -> Result<T> + Send + 'static) -> Result<T> {
    tokio::task::spawn_blocking(work).await.unwrap_or_else(|error| Err(Error::Internal(error.to_string())))
}

/// The same for what writes where an undo removes; a call that is given up goes on in its thread.
pub(crate) async fn writing<T: Send + 'static>(work: impl FnOnce() -> Result<T> + Send + 'static) -> Result<T> {
    let held = WRITING.read().await;
    // beside the value, so that what goes with the value has gone before
    blocking(move || Ok((work()?, held))).await.map(|(value, _)| value)
}

/// Waits until nothing writes any more.
pub(crate) async fn written() {
    drop(WRITING.write().await);
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    #[tokio::test]
    async fn what_was_given_up_is_waited_for() {
        struct Value(mpsc::Sender<()>);
        impl Drop for Value {
            fn drop(&mut self) {
                self.0.send(()).unwrap();
            }
        }
        let (go, wait) = mpsc::channel::<()>();
        let (done, end) = mpsc::channel();
        let call = writing(move || {
            let _ = wait.recv();
            Ok(Value(done))
        });
        // given up once its thread has it
        tokio::select! { biased; _ = call => panic!("it has ended"), () = tokio::task::yield_now() => {} }
        let mut written = Box::pin(written());
        assert!(futures_util::poll!(&mut written).is_pending(), "it still writes");
        go.send(()).unwrap();
        written.await;
        end.try_recv().expect("what it made has not gone yet");
    }
}
