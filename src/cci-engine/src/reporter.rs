//! Where a use-case's events go.

use crate::event::Event;

/// Receives what a use-case reports, on its way to a user or a program.
///
/// ```
/// use std::sync::Mutex;
///
/// use cci_engine::event::{Event, LaunchEvent};
/// use cci_engine::reporter::Reporter;
///
/// /// Keeps what is reported.
/// #[derive(Default)]
/// struct Kept(Mutex<Vec<Event>>);
///
/// impl Reporter for Kept {
///     fn emit(&self, event: Event) {
///         self.0.lock().unwrap().push(event);
///     }
/// }
///
/// let kept = Kept::default();
/// kept.emit(LaunchEvent::ReusingContainer.into());
/// assert!(matches!(kept.0.lock().unwrap()[..], [Event::Launch(LaunchEvent::ReusingContainer)]));
/// ```
pub trait Reporter: Send + Sync {
    /// Receives one event.
    fn emit(&self, event: Event);
}
