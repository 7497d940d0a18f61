//! What goes on beside a connection that is ended here, and ends with it.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Poll;

use hyper::rt::Executor;
use tokio::task::JoinSet;

/// The tasks of one connection.
#[derive(Clone, Default)]
pub(super) struct Tasks(Arc<Mutex<Sets>>);

#[derive(Default)]
struct Sets {
    /// Drive connections and answer requests.
    driven: JoinSet<()>,
    /// Join connections that have gone over to another protocol.
    joined: JoinSet<()>,
}

impl Tasks {
    fn sets(&self) -> MutexGuard<'_, Sets> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Does something as long as the connection is there.
    pub(super) fn drive(&self, task: impl Future<Output = ()> + 'static) {
        let mut sets = self.sets();
        // one that has ended holds memory until it is joined
        while sets.driven.try_join_next().is_some() {}
        sets.driven.spawn_local(task);
    }

    /// Does something that the connection goes on in.
    pub(super) fn join(&self, task: impl Future<Output = ()> + 'static) {
        self.sets().joined.spawn_local(task);
    }

    /// Waits for what the connection goes on in.
    pub(super) async fn until_joined(&self) {
        while std::future::poll_fn(|cx| match self.sets().joined.poll_join_next(cx) {
            Poll::Ready(ended) => Poll::Ready(ended.is_some()),
            Poll::Pending => Poll::Pending,
        })
        .await
        {}
    }
}

impl<F: Future<Output: 'static> + 'static> Executor<F> for Tasks {
    fn execute(&self, task: F) {
        self.drive(async move { drop(task.await) });
    }
}

/// Ends them when it goes: each of them has what keeps them.
pub(super) struct Until(pub(super) Tasks);

impl Drop for Until {
    fn drop(&mut self) {
        let ended = std::mem::take(&mut *self.0.sets());
        drop(ended);
    }
}
