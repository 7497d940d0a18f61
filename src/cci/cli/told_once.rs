//! What is so for as long as a container is there, and the supervisor's log is told once.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};

use cci_engine::event::{CheckpointEvent, Event};
use cci_engine::reporter::Reporter;

/// The containers of which it was told, of all calls.
pub(crate) type Told = Arc<Mutex<BTreeSet<String>>>;

/// Passes on what was not told yet.
pub(crate) struct ToldOnce {
    /// Where it goes.
    pub(crate) to: Arc<dyn Reporter>,
    /// What was told.
    pub(crate) told: Told,
}

impl Reporter for ToldOnce {
    fn emit(&self, event: Event) {
        if let Event::Checkpoint(CheckpointEvent::ContainerNotHeld { container }) = &event {
            let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
            if !told.insert(container.clone()) {
                return;
            }
        }
        self.to.emit(event);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Default)]
    struct Count(Mutex<usize>);

    impl Reporter for Count {
        fn emit(&self, _: Event) {
            *self.0.lock().unwrap() += 1;
        }
    }

    #[test]
    fn each_turn_on_a_pool_that_copies_in_full_is_no_news() {
        let (count, told) = (Arc::new(Count::default()), Told::default());
        let not_held = |container: &str| CheckpointEvent::ContainerNotHeld { container: container.into() };
        for _ in 0..3 {
            // each turn is a call of its own
            let call = ToldOnce { to: count.clone(), told: Arc::clone(&told) };
            call.emit(not_held("cci-1-1").into());
        }
        assert_eq!(*count.0.lock().unwrap(), 1);
        let call = ToldOnce { to: count.clone(), told };
        call.emit(not_held("cci-1-2").into());
        call.emit(CheckpointEvent::TakenOver { files: 1 }.into());
        call.emit(CheckpointEvent::TakenOver { files: 1 }.into());
        assert_eq!(*count.0.lock().unwrap(), 4, "of another container, and what happens again");
    }
}
