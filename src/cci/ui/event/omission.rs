//! The words for what a session does not get as it is on the host.

use std::path::Path;

use cci_agent::{NotCopied, Omission};
use cci_guest::GuestText;

/// How many things of one kind are named.
const NAMED: usize = 12;

/// What is said about things of one kind.
pub(super) fn words(omitted: &[Omission]) -> String {
    let mut named: Vec<String> = omitted.iter().take(NAMED).map(one).collect();
    if omitted.len() > NAMED {
        named.push(format!("and {} more", omitted.len() - NAMED));
    }
    let about = omitted.first().map_or("", about);
    format!("{about}{}", named.join(", "))
}

/// What all of a kind have in common.
fn about(omission: &Omission) -> &'static str {
    match omission {
        Omission::NotCopied { .. } => "not copied into the container: ",
        Omission::NotRead { .. } => "ignored: ",
        Omission::NoEffect { .. } => "no effect in the container: ",
        Omission::InTheWay { .. } => "the workspace's settings prevent the agent from working as cci starts it: ",
        Omission::NamesHost { .. } => "only on the host: ",
        Omission::NamesLoopback { .. } => "a loopback address, which in the container is the container's own: ",
        Omission::NeedsProgram { .. } => "needs a program that the image may not have: ",
        Omission::NotNamed(_) => "left on the host, because no setting names it: ",
        Omission::OfHostOnly(_) => "does not apply in the container: ",
        Omission::Undone(_) => "changed in the session, now as on the host again: ",
        Omission::PutAside { .. } => "damaged, moved aside: ",
        Omission::LeftAlone { .. } => "left unchanged in the session: ",
    }
}

fn one(omission: &Omission) -> String {
    let shown = |path: &Path| GuestText::new(path);
    let left = |left_out: bool| if left_out { ", so it is left out" } else { "" };
    match omission {
        Omission::NotCopied { path, why } => format!("{} ({})", shown(path), reason(why)),
        Omission::NotRead { path, problem } | Omission::LeftAlone { path, problem } => {
            format!("{} ({})", shown(path), GuestText::new(problem))
        }
        Omission::NoEffect { file, key } => format!("{} in {}", GuestText::new(key), shown(file)),
        Omission::InTheWay { file, key } => format!("{} in {file}", GuestText::new(key)),
        Omission::NamesHost { file, key, place, left_out } => {
            format!("{} ({} in {}{})", shown(place), GuestText::new(key), shown(file), left(*left_out))
        }
        Omission::NamesLoopback { file, key, left_out } => {
            format!("{} in {}{}", GuestText::new(key), shown(file), left(*left_out))
        }
        Omission::NeedsProgram { file, key, program, left_out } => {
            let (program, key) = (GuestText::new(program), GuestText::new(key));
            format!("{program} ({key} in {}{})", shown(file), left(*left_out))
        }
        Omission::OfHostOnly(path) | Omission::Undone(path) | Omission::NotNamed(path) => shown(path).to_string(),
        Omission::PutAside { path, kept } => format!("{} to {}", shown(path), shown(kept)),
    }
}

fn reason(why: &NotCopied) -> String {
    match why {
        NotCopied::Unreadable(problem) => GuestText::new(problem).to_string(),
        NotCopied::Dangling => "a link to nothing".into(),
        NotCopied::Endless => "a link to a directory above it, or too deep".into(),
        NotCopied::NoDirectory => "not a directory".into(),
        NotCopied::LedTo(place) => {
            format!(
                "a link in a directory that containers can write to, which leads out of it to {}",
                GuestText::new(place)
            )
        }
        NotCopied::Special => "neither a file nor a directory".into(),
        NotCopied::Closed(place) => format!("a link to {}, which containers never see", GuestText::new(place)),
        NotCopied::TooMuch => "too many files or too much data, so this and the rest".into(),
    }
}
