//! The words for images and their builds.

use cci_engine::event::{BuildEvent, ImageEvent};
use cci_guest::GuestText;

use super::telling::Telling;

pub(super) fn image(event: &ImageEvent) -> Telling {
    match event {
        ImageEvent::Publishing => Telling::step("image", "publish the image"),
        ImageEvent::NotRemoved(error) => Telling::warning(error.to_string()),
    }
}

pub(super) fn build(event: &BuildEvent) -> Telling {
    match event {
        BuildEvent::Log(path) => Telling::note(format!("[build] log: {}", GuestText::new(path))),
        BuildEvent::AskingServer { url } => Telling::step("build", format!("ask image server {url}")),
        BuildEvent::FromServer { url, alias } => Telling::note(format!("[build] from images:{alias} of {url}")),
        BuildEvent::Fallback(fallback) => Telling::note(format!("[build] {fallback}")),
        BuildEvent::StepBegan(step) => Telling::step("build", step.to_string()),
        BuildEvent::StepDone { step, took } => Telling::note(format!("[build] {step}: {:.1} s", took.as_secs_f64())),
    }
}
