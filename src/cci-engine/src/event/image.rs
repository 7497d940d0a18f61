//! The events of the verbs on images.

use cci_core::Error;

use super::Event;

/// What happens to images.
#[derive(Debug)]
pub enum ImageEvent {
    /// A step begins: a container becomes an image.
    Publishing,
    /// An image belongs to another user, and stays.
    NotRemoved(Error),
}

impl From<ImageEvent> for Event {
    fn from(event: ImageEvent) -> Self {
        Self::Image(event)
    }
}
