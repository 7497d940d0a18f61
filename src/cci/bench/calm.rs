//! Waits until the machine has finished what was measured before: Incus and the kernel work on after the answer.

use std::cell::Cell;
use std::path::Path;
use std::time::Duration;

use cci_core::{Error, Result};

use cci_engine::blocking::blocking;
use cci_host::processors::Ticks;

/// How long the processors are watched.
const WINDOW: Duration = Duration::from_millis(100);
/// How many of them may be at work in that time.
const CALM: f64 = 0.2;
/// So many windows may be busy; after that the machine has other work, and is taken as it is.
const PATIENCE: u32 = 100;
/// So much of it comes back with each rest: what was measured before is no other work.
const REFILL: u32 = 10;

/// The patience that is left.
pub(super) struct Calm {
    left: Cell<u32>,
}

impl Calm {
    pub(super) fn new() -> Self {
        Self { left: Cell::new(PATIENCE) }
    }

    /// Returns when the processors rest, or at once where waiting for that was in vain before; whether it was now.
    pub(super) async fn wait(&self, at_work: impl AsyncFn() -> Option<f64>) -> bool {
        while self.left.get() > 0 {
            if at_work().await.is_none_or(|processors| processors <= CALM) {
                self.left.set(PATIENCE.min(self.left.get() + REFILL));
                return false;
            }
            self.left.set(self.left.get() - 1);
            if self.left.get() == 0 {
                return true;
            }
        }
        false
    }
}

/// Returns when what was written in the file system of `path` is on its disk: a launch, which writes for good, waits for it.
pub(super) async fn written(path: &Path) -> Result<()> {
    let path = path.to_owned();
    blocking(move || {
        let unwritten = |source| Error::Host { step: "write what is in", path: path.clone(), source };
        let dir = std::fs::File::open(&path).map_err(unwritten)?;
        rustix::fs::syncfs(dir).map_err(|error| unwritten(error.into()))
    })
    .await
}

/// How many processors are at work in this moment; `None` where the kernel does not tell.
pub(super) async fn at_work() -> Option<f64> {
    let before = Ticks::now()?;
    tokio::time::sleep(WINDOW).await;
    Some(Ticks::now()?.at_work_since(before))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn it_waits_for_the_first_moment_of_rest() {
        let (at_work, looks) = ([0.9, 0.21, 0.2, 0.0], Cell::new(0));
        let look = async || at_work.get(looks.replace(looks.get() + 1)).copied();
        assert!(!Calm::new().wait(look).await);
        assert_eq!(looks.get(), 3);
    }

    #[tokio::test]
    async fn a_machine_that_does_not_rest_is_said_once_and_waited_for_no_more() {
        let (calm, looks) = (Calm::new(), Cell::new(0));
        let busy = async || {
            looks.set(looks.get() + 1);
            Some(1.0)
        };
        assert!(calm.wait(busy).await);
        assert!(!calm.wait(busy).await);
        assert_eq!(looks.get(), PATIENCE);
    }

    #[tokio::test]
    async fn a_wake_after_each_measurement_does_not_use_the_patience_up() {
        let (calm, looks) = (Calm::new(), Cell::new(0));
        let wake = async || {
            looks.set(looks.get() + 1);
            Some(if looks.get() % 4 == 0 { 0.0 } else { 1.0 })
        };
        for _ in 0..PATIENCE {
            assert!(!calm.wait(wake).await);
        }
        assert_eq!(looks.get(), 4 * PATIENCE);
    }

    #[tokio::test]
    async fn a_kernel_that_does_not_tell_is_not_waited_for() {
        assert!(!Calm::new().wait(async || None).await);
    }
}
