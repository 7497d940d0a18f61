//! The words for what of the host's configuration is not in a session as it is there.

use std::path::Path;

use cci_agent::{NotCopied, Omission};
use cci_guest::GuestText;

/// So many things of one kind are named.
const NAMED: usize = 12;

/// What is said of things of one kind.
pub(super) fn told(omitted: &[Omission]) -> String {
    let mut named: Vec<String> = omitted.iter().take(NAMED).map(one).collect();
    if omitted.len() > NAMED {
        named.push(format!("and {} more", omitted.len() - NAMED));
    }
    let about = omitted.first().map_or("", about);
    format!("{about}{}", named.join(", "))
}

/// What is the same for all of a kind.
fn about(omission: &Omission) -> &'static str {
    match omission {
        Omission::NotCopied { .. } => "not copied into the container: ",
        Omission::NotRead { .. } => "passed over: ",
        Omission::NoEffect { .. } => "without effect in the container: ",
        Omission::InTheWay { .. } => "the workspace's settings keep the agent from working as it is started: ",
        Omission::NamesHost { .. } => "on the host only: ",
        Omission::NamesLoopback { .. } => "the host's own address, which in the container is the container's: ",
        Omission::OfHostOnly(_) => "not in force in the container: ",
        Omission::Undone(_) => "changed in the session, and as on the host again: ",
        Omission::PutAside { .. } => "damaged, and kept under another name: ",
        Omission::LeftAlone { .. } => "left as it is in the session: ",
    }
}

fn one(omission: &Omission) -> String {
    let shown = |path: &Path| GuestText::new(path);
    let left = |left_out: bool| if left_out { ", left out" } else { "" };
    match omission {
        Omission::NotCopied { path, why } => format!("{} ({})", shown(path), reason(why)),
        Omission::NotRead { path, problem } | Omission::LeftAlone { path, problem } => {
            format!("{} ({})", shown(path), GuestText::new(problem))
        }
        Omission::NoEffect { file, key } => format!("{} of {}", GuestText::new(key), shown(file)),
        Omission::InTheWay { file, key } => format!("{} of {file}", GuestText::new(key)),
        Omission::NamesHost { file, key, place, left_out } => {
            format!("{} ({} of {}{})", shown(place), GuestText::new(key), shown(file), left(*left_out))
        }
        Omission::NamesLoopback { file, key, left_out } => {
            format!("{} of {}{}", GuestText::new(key), shown(file), left(*left_out))
        }
        Omission::OfHostOnly(path) | Omission::Undone(path) => shown(path).to_string(),
        Omission::PutAside { path, kept } => format!("{} as {}", shown(path), shown(kept)),
    }
}

fn reason(why: &NotCopied) -> String {
    match why {
        NotCopied::Unreadable(problem) => GuestText::new(problem).to_string(),
        NotCopied::Dangling => "a link to nothing".into(),
        NotCopied::Endless => "a link to a directory above it, or too deep".into(),
        NotCopied::Special => "neither a file nor a directory".into(),
        NotCopied::Closed(place) => format!("a link to {}, which containers never see", GuestText::new(place)),
        NotCopied::TooMuch => "too much, with what comes behind it".into(),
    }
}
