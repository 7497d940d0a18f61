//! The words for what is in progress.

use cci_engine::event::{Activity, Direction, Progress};

use super::telling::Telling;
use crate::ui::count::count;

pub(super) fn progress(Progress { activity, amount }: &Progress) -> Telling {
    Telling::Progress { text: words(activity), amount: *amount }
}

fn words(activity: &Activity) -> String {
    match activity {
        Activity::ImportRootfs => "import the root file system".into(),
        Activity::Create { step } => (*step).to_owned(),
        Activity::PublishImage => "publish the image".into(),
        Activity::Build(step) => step.to_string(),
        Activity::Transfer { direction: Direction::Push, files } => format!("pushing: {}", counted(*files)),
        Activity::Transfer { direction: Direction::Pull, files } => format!("pulling: {}", counted(*files)),
        Activity::Incus { words } => words.clone(),
    }
}

fn counted(number: u64) -> String {
    count(number, "file", "files")
}
