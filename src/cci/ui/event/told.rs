//! Passes each event to the module that has its words.

use cci_engine::event::Event;

use super::telling::Telling;
use super::{build, checkpoint, launch, progress, session, transfer, upkeep};

/// How an event is reported.
pub(crate) fn told(event: &Event) -> Telling {
    match event {
        Event::Launch(event) => launch::launch(event),
        Event::Network(event) => launch::network(event),
        Event::Session(event) => session::session(event),
        Event::Instance(event) => session::instance(event),
        Event::Image(event) => build::image(event),
        Event::Build(event) => build::build(event),
        Event::Checkpoint(event) => checkpoint::checkpoint(event),
        Event::Transfer(event) => transfer::transfer(event),
        Event::Upkeep(event) => upkeep::upkeep(event),
        Event::RollBack(event) => upkeep::roll_back(event),
        Event::Progress(progress) => progress::progress(progress),
        Event::Idle => Telling::Idle,
    }
}

#[cfg(test)]
mod tests;
