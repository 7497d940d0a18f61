//! The words for conversations that are the host's and the sessions'.

use cci_guest::GuestText;
use cci_host::store::history::{Left, NotShared};

use super::telling::Telling;
use crate::ui::count::count;

/// How many are named.
const NAMED: usize = 5;

pub(super) fn not_shared(why: NotShared) -> Telling {
    let why = match why {
        NotShared::Agent(title) => format!("cci cannot share conversations of {title}"),
        NotShared::Path => "the workspace's path is too long, or not UTF-8".to_owned(),
    };
    Telling::warning(format!("`workspace.share_history` has no effect: {why}"))
}

pub(super) fn taken(number: usize) -> Telling {
    Telling::note(format!("{} can be resumed on the host", count(number, "conversation", "conversations")))
}

pub(super) fn left(left: &[Left]) -> Telling {
    let one = |Left { id, why }: &Left| format!("{}: {}", GuestText::new(id), GuestText::new(why.to_string()));
    let named: Vec<String> = left.iter().take(NAMED).map(one).collect();
    let more = match left.len().saturating_sub(NAMED) {
        0 => String::new(),
        more => format!("; and {more} more"),
    };
    Telling::warning(format!("not copied between the host and the session: {}{more}", named.join("; ")))
}
